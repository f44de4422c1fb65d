#!/bin/sh
# MODELS_FILE: many models in one run, as a list.
. tests/grid/lib.sh
of() { # GOAL [VARIABLE=VALUE]...
    goal=$1
    shift
    mk "$goal" WEIGHT_DTYPES=int8 ACT_DTYPES=int8 GRANULARITIES=per_layer "$@"
}
refused() { # WHAT LINE [VARIABLE=VALUE]...
    refused=$1 line=$2
    shift 2
    of plan "$@"
    equal "$refused" "$status $(grep -c -F -e "$line" err) $(wc -l <out)" "2 1 0"
}

printf '# of this week\na\n\n  models/b.pt  # the second\n\ttuned=models/a.pt\r\nb=models/b.pt#odd' >list
refused "a # within a path is part of it" 'MODELS_FILE=list: b=models/b.pt#odd: a path that ends in .pt or .pth stands after the =' MODELS_FILE=list
sed -i '$d' list
of plan MODELS_FILE=list
equal "names, paths and both; comments, empty lines and CRLF" "$(tr -s ' ' <out | tr '\n' ' ')" \
    "a/int8-int8/per_layer to do b/int8-int8/per_layer to do tuned/int8-int8/per_layer to do "
of sweep MODELS_FILE=list TIMESTAMP=listed
equal "make sweep MODELS_FILE=" "$status $(last_line)" "0 3 ok, 0 unsupported, 0 failed: sweep_index.json"
of sweep MODELS='a models/b.pt tuned=models/a.pt' TIMESTAMP=typed
tree tmp/yolo10_layer_sensitivity_sweep/typed >typed
tree tmp/yolo10_layer_sensitivity_sweep/listed >listed
ok "is MODELS= of its lines" cmp typed listed
of plan MODELS_FILE=list TIMESTAMP=listed
equal "and finds them done" "$(grep -c ' done$' out)" 3
mk cell MODEL=b W=int8 A=int8 G=per_layer TIMESTAMP=listed
equal "make cell needs no list" "$status" 0

refused "a list that is not there" 'MODELS_FILE=none: cannot be read' MODELS_FILE=none
refused "MODELS beside it" 'MODELS and MODELS_FILE: give one of them' MODELS_FILE=list MODELS=a
printf '# nothing\n\n' >empty
refused "a list of nothing" 'MODELS_FILE=empty: names no model' MODELS_FILE=empty
printf 'a\nmy models/b.pt\n' >spaces
refused "a path with spaces" 'MODELS_FILE=spaces: line 2: my models/b.pt: one model a line, and no spaces' MODELS_FILE=spaces
printf 'a\nbb\n' >wrong
refused "a name that is none" 'MODELS_FILE=wrong: bb: no such checkpoint; the nearest: ' MODELS_FILE=wrong
printf 'a\n$(touch${IFS}owned)\n' >evil
refused "what a shell would read" 'MODELS_FILE=evil=a $(touch${IFS}owned): make would read the $ in it' MODELS_FILE=evil
ok "is not read by one" [ ! -e owned ]
of bench MODELS_FILE=list
equal "make bench has no list" "$status $(grep -c 'MODELS_FILE is no variable of make bench' err)" "2 1"
log=tool.err
"$REAL_BIN/grid-plan" -w int8 -a int8 -g per_layer tmp/yolo10_layer_sensitivity_sweep/listed >out 2>tool.err
equal "the tool: no models" "$? $(head -n 1 tool.err)" "2 grid-plan: name the models, with --models or --models-file"
printf 'a\0b\n' >zeros
"$REAL_BIN/grid-plan" --models-file zeros -w int8 -a int8 -g per_layer tmp/yolo10_layer_sensitivity_sweep/listed >out 2>tool.err
equal "the tool: a list that is no text" "$? $(head -n 1 tool.err)" "1 grid-plan: zeros: no text file"
printf 'a b\n' | "$REAL_BIN/grid-plan" --models-file - -w int8 -a int8 -g per_layer tmp/yolo10_layer_sensitivity_sweep/listed >out 2>tool.err
equal "the tool: two models in a line" "$? $(head -n 1 tool.err)" "1 grid-plan: -: line 1: one model a line, and no spaces in its path"
printf 'a # %s\nb' "$(head -c 300 /dev/zero | tr '\0' '#')" | "$REAL_BIN/grid-plan" --models-file - -w int8 -a int8 -g per_layer tmp/yolo10_layer_sensitivity_sweep/listed >out 2>tool.err
equal "the tool: a list from a pipe" "$? $(cut -d/ -f1 out | tr '\n' ' ')" "0 a b "
log=err

# More than one word of a command line can hold (128 KiB), each in a folder of its own: paths keep their names.
i=0
folder=$(head -c 60 /dev/zero | tr '\0' 'f')
mkdir "$folder"
while [ $i -lt 1700 ]; do
    i=$((i + 1))
    mkdir "$folder/model-$i"
    echo "checkpoint $i" >"$folder/model-$i/best.pt"
    echo "$folder/model-$i/best.pt"
done >large
ok "a list of $(wc -c <large) bytes" [ "$(wc -c <large)" -gt 131072 ]
of plan MODELS_FILE=large
equal "has a cell a line" "$status $(grep -c '^model-[0-9]*-best/int8-int8/per_layer *to do$' out) $(sort -u out | wc -l)" "0 1700 1700"
exit $failed
