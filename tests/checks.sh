# shellcheck shell=sh disable=SC2034,SC2154
# Read by tests that are scripts, from the repository root: checks. What failed shows the file `err` of the current folder, or $log.
. tests/fixture.sh
failed=0

ok() { # WHAT COMMAND...: COMMAND succeeds
    checked=$1
    shift
    if "$@"; then echo "ok - $checked"; else
        echo "not ok - $checked: $*"
        show_log
    fi
}

equal() { # WHAT GOT WANTED
    if [ "$2" = "$3" ]; then echo "ok - $1"; else
        printf 'not ok - %s\n#   got    %s\n#   wanted %s\n' "$1" "$2" "$3"
        show_log
    fi
}

show_log() {
    failed=1
    sed 's/^/#   err: /' "${log:-err}" 2>/dev/null | tail -n 12
}

# In $dir, the tool at the path $refuser writes nothing.
refuses() { # WHAT STATUS WORDS OPTION...
    refused=$1 want=$2 words=$3
    shift 3
    "$refuser" -o "$dir/none" "$@" >"$dir/out" 2>"$dir/err"
    equal "$refused: status" $? "$want"
    equal "$refused: words" "$(head -n 1 "$dir/err")" "${refuser##*/}: $words"
    equal "$refused: nothing written" "$(ls "$dir/none" 2>/dev/null; cat "$dir/out")" ""
}
