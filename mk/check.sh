#!/bin/sh
# check.sh goals='sweep' unknown='FOO' broken='BAR' known='...' typed='...' NAME='KIND=value'...: prints the first complaint
# about names or values in one line, or nothing. KINDs are listed in config.mk; broken ones hold a newline.
LC_ALL=C
export LC_ALL
here=${0%/*}
set -f

complain() {
    printf '%s\n' "$*" | tr '\n\t' '  '
    exit 0
}

nearest() { # WORD CANDIDATE...
    word=$1
    shift
    printf '%s\n' "$*" | awk -v word="$(printf %s "$word" | tr -d '\\')" -f "$here/nearest.awk"
}

# The text of a value as an error may show it: make must not read it again.
shown() {
    printf %s "$1" | tr -d '\000-\037\177' | sed 's/\xc2[\x80-\x9f]//g' | cut -c1-80
}

integer() { # NAME VALUE MIN
    case $2 in *[!0-9]* | '' | ??????????* | 0?*) complain "$1=$(shown "$2"): not an integer of at least $3" ;; esac
    [ "$2" -ge "$3" ] || complain "$1=$2: at least $3 is needed"
}

words() { # NAME VALUE A|B...
    some=
    for w in $2; do
        some=1
        case $w in
        *'|'*) ;;
        *) case "|$3|" in *"|$w|"*) continue ;; esac ;;
        esac
        allowed=$(printf %s "$3" | tr '|' ' ')
        complain "$1: $(shown "$w") is not one of $allowed; the nearest: $(nearest "$w" "$allowed")"
    done
    [ -n "$some" ] || complain "$1 is empty: name one or more of $(printf %s "$3" | tr '|' ' ')"
}

path() { # NAME VALUE
    case $2 in
    '') complain "$1 is empty" ;;
    *' '*) complain "$1=$(shown "$2"): make cannot carry paths with spaces; rename or link it" ;;
    -* | *[!A-Za-z0-9_./:@%+,~=-]*) complain "$1=$(shown "$2"): a path may hold letters, digits and _ . / : @ + , = - and does not begin with -; rename or link it" ;;
    *[:%]*) [ "$1" = MODELS_URL ] || complain "$1=$(shown "$2"): make cannot carry : or % in a path; rename or link it" ;;
    esac
}

models() { # NAME VALUE
    some='' before=
    for m in $2; do
        [ -z "$some" ] || [ ! -e "$before $m" ] || complain "$1: $(shown "$before $m"): make cannot carry paths with spaces; rename or link it"
        some=1 before=$m
        case $m in
        -* | *[!A-Za-z0-9_./@+,~-]*) complain "$1: $(shown "$m"): a name or path of a model may hold letters, digits and _ . / @ + , - and does not begin with -; rename or link it" ;;
        *.pt) ;;
        */*) complain "$1: $(shown "$m") is neither a name nor a path that ends in .pt (a path with spaces cannot be carried by make: rename or link it)" ;;
        esac
        case ${m##*/} in .* | -*) complain "$1: $(shown "$m"): a model's name does not begin with a dot or -" ;; esac
    done
    [ -n "$some" ] || complain "$1 is empty: name one or more models"
}

check() { # NAME KIND VALUE
    case $3 in *'$'* | *'`'*) [ "$1" = LAUNCHER ] || complain "$1=$(shown "$3"): make would read the $ in it; write it without" ;; esac
    case $2 in
    \?*)
        [ -n "$3" ] || return 0
        check "$1" "${2#?}" "$3"
        ;;
    word:*)
        case $3 in *' '*) complain "$1=$(shown "$3"): one value of ${2#word:}" ;; esac
        words "$1" "$3" "${2#word:}"
        ;;
    words:*) words "$1" "$3" "${2#words:}" ;;
    int:*) integer "$1" "$3" "${2#int:}" ;;
    int32:*)
        integer "$1" "$3" "${2#int32:}"
        low=$(($3 / 32 * 32))
        [ $(($3 % 32)) -eq 0 ] || complain "$1=$3: not a multiple of 32; the nearest: $low or $((low + 32))"
        ;;
    count) [ "$3" = all ] || case $3 in
        *[!0-9]* | '' | 0) complain "$1=$(shown "$3"): all, or an integer of at least 1; the nearest: all" ;;
        *) integer "$1" "$3" 1 ;;
        esac ;;
    number) printf '%s\n' "$3" | awk '!/^[0-9]+(\.[0-9]*)?$/ || $1 + 0 <= 0 || $1 + 0 > 16 { exit 1 }' ||
        complain "$1=$(shown "$3"): not a number above 0 and up to 16" ;;
    device) case $3 in
        auto | cpu | cuda | cuda:[0-9] | cuda:[0-9][0-9]) ;;
        *) complain "$1: $(shown "$3") is not one of auto cpu cuda cuda:N; the nearest: $(nearest "$3" auto cpu cuda cuda:0)" ;;
        esac ;;
    path) path "$1" "$3" ;;
    name)
        path "$1" "$3"
        case $3 in */* | .* | *=* | latest) complain "$1=$(shown "$3"): the name of a folder in tmp/SUBDIR, without / or = and not hidden" ;; esac
        ;;
    models) models "$1" "$3" ;;
    command) ;;
    esac
    case $1 in
    SUBDIR) case /$3/ in */../* | /~* | *=*) complain "SUBDIR=$3: a folder inside tmp/, without =" ;; esac ;;
    IMAGE_LIST) [ -z "$scoring" ] || image_list "$3" ;;
    MODEL) case $3 in *' '*) complain "MODEL=$(shown "$3"): make cell takes one model" ;; esac ;;
    esac
}

image_list() {
    [ -f "$1" ] && [ -r "$1" ] || complain "IMAGE_LIST=$1: cannot be read; name a text file with one image path a line"
    n=$(awk '/[^ \t\r]/ { n++ } END { print n + 0 }' <"$1")
    [ "$n" -ge 10 ] || complain "IMAGE_LIST=$1: lists $n images; calibration needs at least 10"
}

# What make was asked to do.
for arg in "$@"; do
    case $arg in
    goals=*) goals=${arg#*=} ;;
    unknown=*) unknown=${arg#*=} ;;
    broken=*) broken=${arg#*=} ;;
    known=*) known=${arg#*=} ;;
    typed=*) typed=${arg#*=} ;;
    esac
done
scoring='' cell='' grid=''
for g in $goals; do
    case $g in
    sweep | plan | bench | bench-modelopt) scoring=1 grid=1 ;;
    cell) scoring=1 cell=1 ;;
    esac
done

for u in $unknown; do
    complain "$(shown "$u") is not a variable of this Makefile; the nearest: $(nearest "$u" "$known")"
done
for b in $broken; do
    complain "$b: make cannot carry a newline in it; write it on one line"
done
for t in $typed; do
    case $t in
    MODEL | W | A | G)
        [ -n "$cell" ] || complain "$t is a variable of make cell; the others take $(echo "$t" | sed 's/^MODEL$/MODELS/; s/^W$/WEIGHT_DTYPES/; s/^A$/ACT_DTYPES/; s/^G$/GRANULARITIES/')"
        ;;
    MODELS | WEIGHT_DTYPES | ACT_DTYPES | GRANULARITIES | MAX_RUNS)
        [ -z "$cell" ] || [ -n "$grid" ] || complain "$t is not a variable of make cell, which takes MODEL, W, A and G"
        ;;
    esac
done

for arg in "$@"; do
    name=${arg%%=*} rest=${arg#*=}
    case $name in
    goals | unknown | broken | known | typed) continue ;;
    esac
    check "$name" "${rest%%=*}" "${rest#*=}"
    case $name in MODEL | W | A | G)
        [ -z "$cell" ] || [ -n "${rest#*=}" ] ||
            complain "$name is missing: make cell MODEL=yolov10n W=int8 A=fp8 G=per_layer"
        ;;
    esac
done
