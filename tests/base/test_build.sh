#!/bin/sh
# Builds side by side, and a build under what runs: with a compiler and an archiver that write slowly, every file is whole whenever
# another process looks at it.
. tests/sandbox.sh
rm src tools tests
mkdir -p src/base src/cell src/exec/cuda src/onnx tools slow
ln -s "$here/src/base/limits.def" src/base/
ln -s "$here"/src/cell/*.def src/cell/
mkdir -p src/deploy && ln -s "$here"/src/deploy/*.def src/deploy/
ln -s "$here/src/onnx/onnx.proto" src/onnx/
echo 'int answer(void); int answer(void) { return 42; }' >src/base/answer.c
echo 'int none(void); int none(void) { return 0; }' >src/exec/cuda/none.c
echo '#include <stdio.h>
int answer(void);
int main(void) { return answer() != 42 || puts("42") < 0; }' >tools/tell.c
# cc and ar whose result grows before the eyes of others.
for tool in cc ar; do
    cat >slow/$tool <<EOT
#!/bin/sh
case $tool in cc) for word; do [ "\$last" != -o ] || to=\$word; last=\$word; done ;; ar) to=\$2 ;; esac
$(command -v $tool) "\$@" || exit 1
cp "\$to" "\$to.whole" && head -c 200 "\$to.whole" >"\$to" && sleep 0.3 && cat "\$to.whole" >"\$to" && rm "\$to.whole"
EOT
    chmod +x slow/$tool
done
build() { # NAME
    make CC="$sandbox/slow/cc" AR="$sandbox/slow/ar" build >"$1.out" 2>&1
    echo $? >"$1.status"
}
build first
equal "a build of one tool" "$(cat first.status) $(build/bin/tell)" "0 42"
touch src/base/answer.c tools/tell.c
build one &
sleep 0.15
build two &
wrong='' times=0
while [ ! -e one.status ] || [ ! -e two.status ]; do
    times=$((times + 1))
    [ "$(build/bin/tell 2>&1)" = 42 ] || wrong="$wrong $times"
    sleep 0.02
done
wait
equal "two builds at once succeed" "$(cat one.status two.status | tr '\n' ' ')$(grep -hv "^  " one.out two.out)" "0 0 "
ok "the tool that they make anew worked all the time ($times times)" [ -z "$wrong" -a "$times" -gt 10 ]
equal "and works" "$(build/bin/tell)" 42
equal "nothing is left beside" "$(find build -type f | grep -vcE '/(tell|[a-z]*\.[oad]|onnx\.pb-c\.[chod])$')" 0
echo 'int answer(void) { return nothing; }' >src/base/answer.c
build broken
equal "a file that does not compile ends the build and leaves nothing" "$(cat broken.status) $(find build -type f | grep -vcE '/(tell|[a-z]*\.[oad]|onnx\.pb-c\.[chod])$')" "2 0"
exit $failed
