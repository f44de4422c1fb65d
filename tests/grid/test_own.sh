#!/bin/sh
# Models by their paths: what they are called, and that no two files share a name, in one call or in a run.
. tests/grid/lib.sh
mkdir -p x y/x
for f in x/best y/x/best y/best x_best y_x_best; do echo "checkpoint $f" >$f.pt; done

own() { # MODELS...: their smallest sweep in one run
    forget
    mk sweep TIMESTAMP=own MODELS="$*" WEIGHT_DTYPES=int8 ACT_DTYPES=int8 GRANULARITIES=per_layer
}
run=tmp/yolo10_layer_sensitivity_sweep/own
# Every model of the run and the checkpoint that its scores are of.
held() {
    for s in $run/outputs/*/*/*/scores.json; do
        jq -r '"\(input_filename | split("/")[4])=\(.checkpoint)"' "$s"
    done | tr '\n' ' '
}
of_its_file() { # every cell's digest is its file's
    for s in $run/outputs/*/*/*/scores.json; do
        [ "$(jq -r .digests.checkpoint "$s")" = "$(sha256sum <"$(jq -r .checkpoint "$s")" | cut -c1-64)" ] || return 1
    done
}

own x/best.pt y/best.pt
equal "two files of one name" "$(last_line) $(held)" "2 ok, 0 unsupported, 0 failed: sweep_index.json x-best=x/best.pt y-best=y/best.pt "
own y/best.pt
equal "keep their names, and what was computed" "$(calls sens-score)" 0
own ./x/best.pt
equal "a file by another path is the same" "$(calls sens-score)" 0
own y/x/best.pt
own x_best.pt y_x_best.pt
equal "a file alone is called after itself" "$(held)" "best=y/x/best.pt x-best=x/best.pt x_best=x_best.pt y-best=y/best.pt y_x_best=y_x_best.pt "
mkdir y/y x/y && for f in y/y/best x/y/best x_y_best; do echo "checkpoint $f" >$f.pt; done
own y/y/best.pt
own x/y/best.pt
own x_y_best.pt
equal "where the folders' names are taken too, after its whole path, and then its digest" \
    "$(held | tr ' ' '\n' | sed 's/-[0-9a-f]*=/-DIGEST=/' | grep '_y_' | tr '\n' ' ')" "x_y_best-DIGEST=x_y_best.pt x_y_best=x/y/best.pt y_y_best=y/y/best.pt "
ok "nothing was overwritten: every cell is of its own file" of_its_file
rm -r $run/outputs/*_y_best*
own x/best.pt y/x/best.pt y/best.pt x_best.pt y_x_best.pt
equal "all of them again: nothing to do" "$(calls sens-score) $(last_line)" "0 5 ok, 0 unsupported, 0 failed: sweep_index.json"
rm -r $run/work
own y/best.pt
equal "also without the run's intermediates" "$(calls sens-score) $(held | wc -w)" "0 5"
echo "checkpoint y/best, trained on" >y/best.pt
own y/best.pt
equal "a file that has changed keeps its name" "$(calls sens-score) $(held | wc -w)" "1 5"
ok "and the others their cells" of_its_file
echo "checkpoint x/other" >x/other.pth
own x/other.pth
equal "a file of the other suffix is called alike" "$status $(held | tr ' ' '\n' | grep other)" "0 other=x/other.pth"
run=tmp/yolo10_layer_sensitivity_sweep/spelled
forget
mk sweep TIMESTAMP=spelled MODELS='models/a.pt a ./models/a.pt x/../models/a.pt' WEIGHT_DTYPES=int8 ACT_DTYPES=int8 GRANULARITIES=per_layer
equal "one checkpoint under several spellings is scored once" "$(calls sens-score) $(last_line) $(held)" \
    "1 1 ok, 0 unsupported, 0 failed: sweep_index.json a=models/a.pt "
run=tmp/yolo10_layer_sensitivity_sweep/named
named() { # GOAL [VARIABLE]...
    forget
    mk "$@" TIMESTAMP=named
}
of='WEIGHT_DTYPES=int8 ACT_DTYPES=int8 GRANULARITIES=per_layer'
named sweep MODELS='base=x/best.pt tuned=y/best.pt' $of
equal "NAME=PATH names a model: folders, records, index, page" \
    "$(held)$(jq -r '.successes[].run.model' $run/sweep_index.json | tr '\n' ' ')$(ls $run/logs | tr '\n' ' ')$(cut -d, -f1 $run/layers.csv | sort -u | tr '\n' ' ')$(grep -c '"tuned"' $run/index.html)" \
    "base=x/best.pt tuned=y/best.pt base tuned base tuned base model tuned 1"
named sweep MODELS='base y/best.pt' $of
equal "the run knows it then, and the path's name" "$status $(calls sens-score) $(last_line)" "0 0 2 ok, 0 unsupported, 0 failed: sweep_index.json"
named cell MODEL=tuned W=int8 A=int8 G=per_layer
equal "so does one cell" "$status $(calls sens-score) $(last_line)" "0 0 1 ok, 0 unsupported, 0 failed: sweep_index.json"
named cell MODEL=tunde W=int8 A=int8 G=per_layer
equal "a mistyped one is told" "$(grep -c 'MODEL: tunde: no such checkpoint; the nearest: tuned' err)" 1
named sweep MODELS='base=y/x/best.pt' $of
equal "a name is not taken from a file that is still there" "$status $(calls sens-score) $(grep -c 'this name is that of x/best.pt; choose another one' err) $(held)" \
    "2 0 1 base=x/best.pt tuned=y/best.pt "
named drop MODEL=tunde
equal "a model that the run does not have is not dropped" "$status $(grep -c 'tunde: not a model of .*/named, which has: base tuned$' err)" "2 1"
for word in ../../x.pt y/best.pt base=x/best.pt ''; do
    named drop MODEL=$word
    equal "nor is '$word'" "$status $(grep -c 'not a model of\|MODEL is missing' err) $(held)" "2 1 base=x/best.pt tuned=y/best.pt "
done
rm y/best.pt
named drop MODEL=tuned
equal "make drop takes a model out of the run, also one whose checkpoint is gone" \
    "$status $(last_line) $(held)$(find $run ! -path '*/qcfg/*' | grep -c tuned) $(grep -c 'tuned: dropped from .*, with its 1 cell$' err)" \
    "0 1 ok, 0 unsupported, 0 failed: sweep_index.json base=x/best.pt 0 1"
equal "and out of its index and page" "$(cat $run/*.json $run/*.csv $run/index.html | grep -c '"tuned"\|^tuned,') $(temporaries $run)" "0 0"
named sweep MODELS=base $of
equal "the others stay as they were" "$status $(calls sens-score)" "0 0"
named drop MODEL=base
equal "the last one too" "$status $(last_line)" "0 0 ok, 0 unsupported, 0 failed: sweep_index.json"
own a x/a.pt
equal "a file that is not there is one line, without advice on official models" "$(grep -c 'MODELS: x/a.pt: no such checkpoint; the nearest: x/best.pt' err)" 1
exit $failed
