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
equal "two files of one name" "$(last_line) $(held)" "2 ok, 0 unsupported, 0 failed: sweep_index.json best=x/best.pt y_best=y/best.pt "
own y/best.pt
equal "keep their names, and what was computed" "$(calls sens-score)" 0
own ./x/best.pt
equal "a file by another path is the same" "$(calls sens-score)" 0
own y/x/best.pt
own x_best.pt y_x_best.pt
equal "a path's name may be taken too" "$(held | tr ' ' '\n' | sed 's/-[0-9a-f]*=/-DIGEST=/' | tr '\n' ' ')" \
    "best=x/best.pt x_best=x_best.pt y_best=y/best.pt y_x_best-DIGEST=y_x_best.pt y_x_best=y/x/best.pt "
ok "nothing was overwritten: every cell is of its own file" of_its_file
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
own a x/a.pt
equal "a file that is not there is one line, without advice on official models" "$(grep -c 'MODELS: x/a.pt: no such checkpoint; the nearest: x/best.pt' err)" 1
exit $failed
