# What the grid's scripts share; read with `. mk/lib.sh` from the repository root.
#
# Results of tools appear whole through base/outfile; what the scripts write themselves goes through put and unpack,
# which do the same: a hidden sibling, fsync, rename.
LC_ALL=C
export LC_ALL
umask 022
tab=$(printf '\t')

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
room() { # FOLDER
    (
        leave_no "$1/.room.$$"
        head -c 262144 /dev/zero >"$1/.room.$$"
    ) 2>/dev/null
}

# In a subshell of its own, which a signal would otherwise end at once: FILE goes when the subshell does, even if it says
# "Terminated" to a parent that is gone.
leave_no() { # FILE
    temporary=$1
    trap '[ ! -e "$temporary" ] || rm -f "$temporary"' EXIT
    trap '' PIPE
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 129' HUP
}

full() { # FOLDER
    die 1 "$1: the disk takes no more; make room, then make sweep goes on where it was"
}

# Waits until no other sweep chooses its run in FOLDER of runs, and makes the others wait until this script ends, or closes 8.
alone_in() { # FOLDER
    mkdir -p "$1" 2>/dev/null && writable "$1/.choice" || die 1 "$1: cannot be written; name a SUBDIR that can"
    exec 8>>"$1/.choice"
    flock -n 8 || { note "$1: waiting for another sweep, which chooses its run"; flock 8; }
}

# Standard input becomes FILE, whole or not at all; one that holds these bytes already is left alone.
put() {
    put_temp="${1%/*}/.${1##*/}.$$"
    put_error=$({
        leave_no "$put_temp"
        cat >"$put_temp" && { cmp -s "$put_temp" "$1" || { sync "$put_temp" && mv -f "$put_temp" "$1"; }; }
    } 2>&1)
    put_status=$?
    [ "$put_status" -lt 128 ] || exit "$put_status"
    [ "$put_status" -eq 0 ] || die 1 "$1: cannot write: ${put_error##*: }"
}

# Many files at once: standard input is "@FILE" lines, each followed by that file's lines, which begin with a space.
# All are written before the first one appears, in the order given. FILEs are relative to DIR and hold no spaces.
unpack() ( # DIR
    dir=$1 mark=$$.new done=
    trap '[ -n "$done" ] || find "$dir" -name ".*.$mark" -type f -delete' EXIT
    trap '' PIPE
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 129' HUP
    list=$(awk -v dir="$dir" -v mark="$mark" '
        /^@/ { if (out) close(out); at = dir "/" substr($0, 2); out = at; sub(/[^\/]*$/, ".&." mark, out); printf "" > out; print out, at }
        /^ / { print substr($0, 2) > out }
        END { if (out) close(out) }') || die 1 "$1: cannot write"
    [ -z "$list" ] || {
        printf '%s\n' "$list" | cut -d' ' -f1 | xargs sync || die 1 "$1: cannot write"
        printf '%s\n' "$list" | while read -r from to; do
            mv -f "$from" "$to" || exit 1
        done || die 1 "$1: cannot write"
    }
    done=1
)

# Without a process where there is nothing.
remove() { # PATH...
    for remove_path in "$@"; do
        [ ! -e "$remove_path" ] || rm -rf "$remove_path"
    done
}

sha256_of() {
    sha256sum <"$1" | cut -c1-64
}

# Runs COMMAND; its status. A signal that comes meanwhile is passed on to it, and ends this script as soon as it has ended:
# a shell that simply waited would go on until then, and a shell that simply died would leave it running.
interruptible() { # COMMAND...
    child=
    trap 'stop 130' INT
    trap 'stop 143' TERM
    trap 'stop 129' HUP
    "$@" &
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
