#!/bin/sh
# man.sh TOOL PAGE NAME...: the man page of a tool, from its own --help and --version, by help2man. NAMEs are all tools', for SEE
# ALSO.
# shellcheck source=mk/lib.sh
. "${YS}mk/lib.sh"

tool=$1 page=$2 BIN=${1%/*}
shift 2
command -v help2man >/dev/null || die 1 "help2man is missing, which makes the man pages: make deps man"
mkdir -p "${page%/*}" || die 1 "${page%/*}: cannot be made"
scratch=$(mktemp -d) || die 1 "no temporary folder can be made"
trap 'rm -rf "$scratch"' EXIT

# The line of --help that says what it is for, as NAME has it.
purpose=$("$tool" --help | sed -n '3{s/^./\l&/;s/\.$//;p;q}')
[ -n "$purpose" ] || die 1 "$tool --help does not say what it is for"
printf '%s\n' "$@" | grep -vx "${tool##*/}" | sed 's/.*/.BR & (1)/; $!s/$/,/' | { echo '[see also]' && cat; } >"$scratch/include"
help2man --no-info --manual='User Commands' --name="$purpose" --include="$scratch/include" -o "$scratch/page" "$tool" ||
    die 1 "$page: help2man failed"
# What help2man has no word for: the section of the exit statuses; text with a ragged edge, since much of it is commands.
sed 's/^\.SS "Exit status:"/.SH "EXIT STATUS"/; /^\.TH /a .ad l\n.nh' "$scratch/page" | put "$page"
