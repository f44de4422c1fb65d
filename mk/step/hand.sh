#!/bin/sh
# hand.sh FILE COMMAND...: COMMAND, which LAUNCHER started for a sweep, on another machine perhaps. As long as it lives it holds the lock
# of FILE, which says who it is. The locks of a file system hold on all machines that share it, and fall with the process and with its
# machine; the sweep that started this one may be gone by then.
file=$1
shift
exec 7>>"$file" || exit 1
flock -n 7 || {
    echo "${1##*/}: $file: cannot be locked; $(cat "$file")" >&2
    exit 1
}
echo "process $$ on $(uname -n) since $(date '+%Y-%m-%d %H:%M:%S')" >"$file"
exec "$@"
