# shellcheck shell=sh disable=SC2034
# Read by the tests that run make sweep, from the repository root: a sandbox, which is a folder that looks like the repository to
# make, removed at the end; checks; and what is compared of a run.
here=$PWD
. tests/checks.sh
sandbox=$(mktemp -d) || exit 1
trap 'rm -rf "$sandbox"' EXIT
unset MAKEFLAGS MFLAGS MAKELEVEL
ln -s "$here/Makefile" "$here/mk" "$here/src" "$here/tools" "$here/tests" "$sandbox/"
cd "$sandbox" || exit 1

last_line() {
    tail -n 1 out | sed "s|tmp/[^ ]*/||"
}
# What a run's outputs are, but for the times: digests of everything except status.json.
tree() { # FOLDER
    (cd "$1" && find outputs -type f ! -name status.json | sort | xargs sha256sum)
}
temporaries() { # FOLDER
    find "$1" \( -name '.*' -o -path '*/work/scratch*' -o -name '*.heard' \) | wc -l
}
