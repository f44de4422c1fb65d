#!/bin/sh
# The house's rules, read from the #include lines and from what the object files define:
#   - a folder of src includes only itself and folders below it; two of one level never each other; nor exec/cpu and exec/cuda
#   - what leaves a file is named after that file or its folder: conv_forward.c and op/ define conv_..., op_...
# BUILD: the build folder.
LC_ALL=C
export LC_ALL
build=${BUILD:-build}

# A folder a line with its level, lowest first.
levels='base 0
simd 1
pt 2
image 2
format 2
model 3
op 4
cell 5
detect 5
exec 6
solve 7
verify 7
modelopt 7
onnx 7
deploy 8
report 9
grid 10
cli 11'

includes() {
    find src -name '*.[ch]' -o -name '*.cu' -o -name '*.cuh' -o -name '*.def' | sort | xargs grep -H '^ *# *include "' |
        levels=$levels awk -F '[:"]' '
        BEGIN { n = split(ENVIRON["levels"], word, /[ \n]/); for (i = 1; i < n; i += 2) level[word[i]] = word[i + 1] }
        {
            split($1, from, "/"); split($3, to, "/")
            why = ""
            if (!(from[2] in level)) why = ", a folder without a level in tests/style/test_house.sh"
            else if (from[2] == to[1]) {
                if (from[2] == "exec" && from[3] from[3] != to[2] to[2] && from[3] ~ /^(cpu|cuda)$/ && to[2] ~ /^(cpu|cuda)$/) why = ", the other backend"
            } else if (!(to[1] in level)) why = ", which is no folder of src"
            else if (level[to[1]] >= level[from[2]]) why = ", which is not below it"
            if (why) print $1 " includes " $3 why
        }'
}

# A name begins with the first word of its file (conv of conv_forward.c), of a header beside it, or with its folder. What compilers
# define has dots or two underscores.
names() {
    (cd "$build/obj" && find src bench -name '*.o' 2>/dev/null | sort) | while read -r object; do
        source=${object%.o} folder=${object%/*}
        case $source in *.cu) ;; *) source=$source.c ;; esac
        [ -f "$source" ] || continue # of a file that is gone
        nm -g --defined-only "$build/obj/$object" | file=$source stems="${folder##*/} ${object##*/} $(cd "$folder" && echo *.h)" awk '
            BEGIN {
                n = split(ENVIRON["stems"], stem, " ")
                for (i = 1; i <= n; i++) sub(/s?([_.].*)?$/, "", stem[i])
            }
            NF == 3 && $3 !~ /^_[_Z]|\./ && $3 != "main" {
                for (i = 1; i <= n; i++) if (index($3, stem[i]) == 1) next
                print ENVIRON["file"] " defines " $3
            }'
    done
}

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
failed=0
ok() { # WHAT FILE: a check that FILE is empty
    if [ ! -s "$2" ]; then echo "ok - $1"; else
        echo "not ok - $1"
        sed 's/^/#   /' "$2"
        failed=1
    fi
}
command -v nm >/dev/null || { echo "# skip names: no nm here"; exit 0; }
{ includes; names; } >"$scratch/found"
ok "folders include those below them, and names say where they are from" "$scratch/found"
grep -rn 'open_memstream(' src tools >"$scratch/lossy"
ok "no text is gathered by what loses it in silence (base/memstream.h)" "$scratch/lossy"
find "$build/obj/src/base" -name '*.o' | wc -l | awk '$1 < 5 { print "only " $1 " object files in src/base" }' >"$scratch/read"
ok "object files were read" "$scratch/read"
exit $failed
