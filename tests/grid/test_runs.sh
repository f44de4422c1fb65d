#!/bin/sh
# A run is the settings that its numbers depend on.
. tests/grid/lib.sh
runs() { find tmp/yolo10_layer_sensitivity_sweep -name run.json | wc -l; }
one() { mk "$@" MODELS=a WEIGHT_DTYPES=int8 ACT_DTYPES=int8 GRANULARITIES=per_layer; }

one sweep
first=$(readlink $run)
for change in IMGSZ=320 BATCH_SIZE=2 SCORE_SIZE=5 EFFECTIVE_BITS=9 FP4_PRESET=mxfp4 INT4_PRESET=awq BLOCK_DIM=reduction CALIB_IMAGES=11; do
    before=$(runs)
    one sweep $change
    equal "$change starts a run" "$(($(runs) - before))" 1
    ok "and says what differs" grep -q "differs in .*${change%%=*} (.* there, ${change#*=} now)" err
done
one sweep
equal "the first settings find their run again" "$(readlink $run)" "$first"
before=$(runs)
one sweep IMGSZ=320 THREADS=3 TOP_K=3 CELLS_PER_PROCESS=1 DEVICE=cpu
equal "what numbers do not depend on starts none" "$(runs)" "$before"
FAKE_REVISION='fake 2'
export FAKE_REVISION
one sweep
ok "another scoring revision does" grep -q 'the scoring revision (fake 1 there, fake 2 now)' err
unset FAKE_REVISION

cp -R lists moved
one sweep IMAGE_LIST=moved/list.txt
equal "the same images elsewhere are the same run" "$(readlink $run)" "$first"
echo "another image" >moved/images/15.jpg
one sweep IMAGE_LIST=moved/list.txt
ok "another image is another run" grep -q 'differs in the images\|differs in .*images of IMAGE_LIST' err
mkdir elsewhere && sed "s|^|$sandbox/lists/|" lists/list.txt >elsewhere/absolute.txt
sed 's|^|lists/|; s/$/\r/' lists/list.txt >elsewhere/current.txt
one sweep IMAGE_LIST=elsewhere/absolute.txt
equal "absolute paths" "$(readlink $run)" "$first"
one sweep IMAGE_LIST=elsewhere/current.txt
equal "paths relative to the current folder, CRLF" "$(readlink $run)" "$first"
one sweep CALIB_IMAGES=40
ok "a shorter list is used whole, and said" grep -q 'has 12 images, CALIB_IMAGES=40: all 12 are used' err

before=$(runs)
one sweep NEW=1
equal "NEW=1 is a new run" "$(runs)" $((before + 1))
one sweep
ok "which the next sweep resumes" [ "$(readlink $run)" != "$first" ]
one sweep TIMESTAMP=mine
equal "TIMESTAMP makes a run of that name" "$(readlink $run)" mine
forget
one sweep TIMESTAMP=mine
ok "and takes it again" [ "$status" -eq 0 -a ! -s "$FAKE_LOG" ]
one sweep TIMESTAMP=mine IMGSZ=320
equal "but not for other settings: status" "$status" 2
ok "and says why" grep -q 'TIMESTAMP=mine: this run has other settings: IMGSZ (640 there, 320 now)' err
one sweep SUBDIR=other/place
ok "SUBDIR" [ -f tmp/other/place/latest/sweep_index.json ]

# A name that is taken gets a number. Time stands still for this one.
mkdir stopped && printf '#!/bin/sh\ncase "$1" in +%%s*) exec /bin/date "$@" ;; *) echo 2026-01-02_03-04-05 ;; esac\n' >stopped/date && chmod +x stopped/date
PATH=$sandbox/stopped:$PATH
for want in 2026-01-02_03-04-05 2026-01-02_03-04-05-2 2026-01-02_03-04-05-3; do
    one sweep NEW=1 SUBDIR=taken
    equal "a run's name" "$(readlink tmp/taken/latest)" "$want"
done

# A damaged run.json is left alone.
echo '{' >tmp/taken/2026-01-02_03-04-05-3/run.json
one sweep SUBDIR=taken
equal "a damaged run.json takes nothing with it" "$status $(readlink tmp/taken/latest)" "0 2026-01-02_03-04-05-2"
exit $failed
