#!/bin/sh
# An image, the list or a checkpoint that is replaced while a sweep runs: nothing is made of a mixture. The sweep says so in one line, or
# its results carry the digest of what they were made from; the next sweep makes what the files of now give.
. tests/faults/lib.sh

# The tools, but for one that first does what is in the file `before`, and afterwards what is in `after`.
interposed() { # TOOL
    rm -rf tools-here && mkdir tools-here
    ln -s "$bin"/* tools-here/
    rm tools-here/"$1"
    printf '#!/bin/sh\ncd "%s" || exit 1\n. ./before\n"%s/%s" "$@"\nstatus=$?\n. ./after\nexit $status\n' "$sandbox" "$bin" "$1" >tools-here/"$1"
    chmod +x tools-here/"$1"
    : >before
    : >after
}
interposed_sweep() { # TIMESTAMP=
    find $runs -name calib.bin -delete # a run takes the decoded images of another
    sweep BIN=tools-here "$@"
}
digest() { # of the checkpoint, in scores of the run
    jq -r .digests.checkpoint $runs/"$1"/outputs/a/int8-int8/per_layer/scores.json
}
# The same network in other bytes: a comment at the end of the zip file.
cp models/a.pt other.pt
printf '\001\000' | dd of=other.pt bs=1 seek=$(($(wc -c <other.pt) - 2)) conv=notrunc status=none
printf x >>other.pt
sum=$(sha256sum <models/a.pt | cut -c1-64) other=$(sha256sum <other.pt | cut -c1-64)

sweep TIMESTAMP=whole
equal "an undisturbed sweep" "$status $(last_line)" "$all_ok"
content $runs/whole >whole

first=lists/images/$(head -n 1 lists/list.txt | sed 's|.*/||') second=lists/images/$(sed -n '2s|.*/||p' lists/list.txt)
cp "$first" kept
interposed calib-prep
echo "cp $second $first" >before
interposed_sweep TIMESTAMP=image
equal "an image replaced: status" "$status" 2
equal "in one line" "$(grep -c "^calib-prep: $first: changed meanwhile" err)" 1
ok "nothing is scored" [ -z "$(find $runs/image/outputs -name scores.json)" ]
cp kept "$first"
sweep TIMESTAMP=image
content $runs/image >content
ok "with the image as it was, the run goes on to the bytes of an undisturbed one" cmp whole content

cp lists/list.txt kept
echo "sed -i '1{h;d};2{G}' lists/list.txt" >before
interposed_sweep TIMESTAMP=list
equal "the list in another order: one line" "$status $(grep -c '^calib-prep: .*: changed meanwhile' err)" "2 1"
cp kept lists/list.txt
echo "head -n 1 kept >>lists/list.txt" >before
echo "cp kept lists/list.txt" >after
interposed_sweep TIMESTAMP=longer CALIB_IMAGES=12
equal "a longer one: one line" "$status $(grep -c '^calib-prep: .*: 10 digests for the list' err)" "2 1"

cp models/a.pt kept
for tool in calib-stats sens-score; do
    interposed $tool
    echo "[ \"\$1\" != --model ] || cp other.pt models/a.pt" >before
    interposed_sweep TIMESTAMP=$tool
    equal "a checkpoint replaced before $tool reads it: one line" "$status $(grep -c "^$tool: models/a.pt: changed meanwhile" err)" "2 1"
    ok "nothing is scored" [ -z "$(find $runs/$tool/outputs -name scores.json)" ]
    cp kept models/a.pt
done
sweep TIMESTAMP=sens-score
content $runs/sens-score >content
ok "with the one before, it goes on to the bytes of an undisturbed run" cmp whole content

interposed sens-score
echo "[ \"\$1\" != --model ] || cp other.pt models/a.pt" >after
interposed_sweep TIMESTAMP=after
equal "a checkpoint replaced after sens-score has read it: scores are of the one read" "$(digest after)" "$sum"
ok "and said to be no longer of the file, status $status" grep -q 'a/int8-int8/per_channel and 2 more: another checkpoint' err
sweep TIMESTAMP=after
equal "the next sweep makes them of the file" "$status $(last_line) $(digest after)" "$all_ok $other"
exit $failed
