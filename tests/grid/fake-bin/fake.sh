# shellcheck shell=sh disable=SC2034
# The fake tools share this: they take the options that the grid gives the real ones, log each call in $FAKE_LOG (if
# set) and make small results that depend on what they are made from, in no time. FAKE_* in the environment makes them slow,
# fail, or die, as the tests of the grid want.
LC_ALL=C
export LC_ALL
tool=${0##*/}

log() {
    # FAKE_KILL: a tool that is killed as soon as it begins.
    if [ "$FAKE_KILL" = "$tool" ]; then kill -KILL $$; fi
    [ -z "$FAKE_LOG" ] || printf '%s %s\n' "$tool" "$*" >>"$FAKE_LOG"
}

fail() { # STATUS MESSAGE
    echo "$tool: $2" >&2
    exit "$1"
}

# Sets o_NAME for each option --NAME of $1, a list in which NAME= takes a value; the operands stay in $operands.
options() {
    known=$1
    shift
    operands=
    while [ $# -gt 0 ]; do
        case $1 in
        -o) o_out=$2 && shift ;;
        --*)
            name=${1#--}
            var=o_$(echo "$name" | tr - _)
            case " $known " in
            *" $name= "*) eval "$var=\$2" && shift ;;
            *" $name "*) eval "$var=1" ;;
            *) fail 2 "unknown option $1" ;;
            esac
            ;;
        *) operands="$operands $1" ;;
        esac
        shift
    done
}

whole() { # FILE: standard input becomes it, whole
    cat >"$1.part" && mv "$1.part" "$1"
}

sum() {
    sha256sum <"$1" | cut -c1-64
}

# Reports TEXT as the real tools do, and lets time pass.
progress() { # TEXT
    [ -z "$YOLOSENS_PROGRESS" ] || printf '\036%s\037%s\n' "${YOLOSENS_PROGRESS#* }" "$1" >&"${YOLOSENS_PROGRESS%% *}"
    sleep "${FAKE_SLEEP:-0}"
}
