# shellcheck shell=sh disable=SC2034
# What the grid's scripts share; read with `. mk/lib.sh` from the repository root.
#
# Results of tools appear whole through base/outfile; what the scripts write themselves goes through file-put, which does the same:
# a hidden sibling, fsync, rename.
LC_ALL=C
export LC_ALL
umask 022
tab=$(printf '\t')
# Not empty: the network that is exported.
fold=${FOLD#0}

# A user's ~/.jq is not read: it may redefine what these programs call.
jq() {
    HOME=/dev/null command jq "$@"
}

die() { # STATUS MESSAGE...
    status=$1
    shift
    note "yolosens: $*"
    exit "$status"
}

# One line for the terminal, which no control character of a name steers.
note() {
    case $* in
    *[![:print:]]*) printf '%s\n' "$(printf %s "$*" | tr '\000-\037\177' '?' | sed 's/\xc2[\x80-\x9f]/?/g')" ;;
    *) printf '%s\n' "$*" ;;
    esac >&2
}

# Whether FILE can be opened for writing; it is made if absent, and otherwise as it was.
writable() { # FILE
    (: >>"$1") 2>/dev/null
}

# Whether the disk of FOLDER takes the little that scripts write. They ask before they write, since they can do without each write
# being checked; what is large, and what is a result, is checked when it is written.
room() ( # FOLDER
    room_file=$1/.room.$$
    # A signal would otherwise end this subshell at once, and leave the file.
    trap 'rm -f "$room_file"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 129' HUP
    printf '%262144s' '' >"$room_file"
) 2>/dev/null

full() { # FOLDER
    die 1 "$1: the disk takes no more; make room, then the same command goes on where it was"
}

# Standard input becomes FILE, whole or not at all; one that holds these bytes already is left alone.
put() { # FILE
    "$BIN/file-put" -o "$1" || exit 1
}

# Without a process where there is nothing.
remove() { # PATH...
    for remove_path in "$@"; do
        [ ! -e "$remove_path" ] || rm -rf "$remove_path"
    done
}

# Runs COMMAND, which reads from descriptor 6 where a feeder writes to it; returns its status. A signal that comes meanwhile is
# passed on to COMMAND, and ends this script once COMMAND has ended. A shell that ran it in the foreground would see the signal only
# after COMMAND's own end; one that died of the signal would leave COMMAND running.
interruptible() { # COMMAND...
    child=
    trap 'stop 130' INT
    trap 'stop 143' TERM
    trap 'stop 129' HUP
    if [ -n "$feeder" ]; then
        "$@" <&6 6<&- &
    else
        "$@" &
    fi
    child=$!
    wait "$child"
    child_status=$?
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 129' HUP
    return "$child_status"
}

stop() { # STATUS
    trap '' INT TERM HUP
    if [ -n "$child" ]; then
        kill -TERM "$child" 2>/dev/null
        # A shell would say that it was terminated.
        wait "$child" 2>/dev/null
    fi
    exit "$1"
}
