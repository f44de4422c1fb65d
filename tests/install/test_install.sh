#!/bin/sh
# make man, install and uninstall: pages that man shows as they should be, everything in place, nothing left. BUILD is the build
# folder; a sandbox that looks like the repository to make has it as build/.
. tests/checks.sh
here=$PWD
sandbox=$(mktemp -d) || exit 1
trap 'rm -rf "$sandbox"' EXIT
unset MAKEFLAGS MFLAGS MAKELEVEL
for f in Makefile mk src tools tests calib; do ln -s "$here/$f" "$sandbox/"; done
ln -s "$(realpath "${BUILD:-build}")" "$sandbox/build"
cd "$sandbox" || exit 1

tools=$(cd tools && printf '%s\n' *.c | sed 's/\.c$//' | LC_ALL=C sort)
files() { (cd stage 2>/dev/null && find . ! -type d | LC_ALL=C sort); }

make install DESTDIR=stage PREFIX=/opt/yolosens >out 2>err
ok "make install: status 0, nothing on standard error" [ $? -eq 0 -a ! -s err ]
pages=$(command -v help2man | sed 's/.*/and man pages/')
[ -n "$pages" ] || echo "# skip man pages: no help2man here"
ok "yolosens, the tools, completion and a page of each are there, and nothing else but what yolosens needs" \
    [ "$(files | grep -v '^./opt/yolosens/share/yolosens/')" = "$(for t in yolosens $tools; do
        echo "./opt/yolosens/bin/$t"
        echo "./opt/yolosens/share/bash-completion/completions/$t"
        [ -z "$pages" ] || [ $t = yolosens ] || echo "./opt/yolosens/share/man/man1/$t.1"
    done | { cat && echo ./opt/yolosens/share/zsh/site-functions/_yolosens; } | LC_ALL=C sort)" ]
ok "everybody may run and read them" [ -z "$(find stage -type f ! -perm -444 -o -path '*/bin/*' ! -perm -555)" ]
make install DESTDIR=stage PREFIX=/opt/yolosens >out 2>err
ok "again, over what is there" [ $? -eq 0 ]
(cd / && "$sandbox/stage/opt/yolosens/bin/qcfg-build" -w int8 -a fp8 -g per_layer) >out 2>err
ok "an installed tool runs elsewhere" [ "$(jq -r .weight out)" = int8 ]

# yolosens in a folder of the user's: its runs are there, paths are that folder's.
mkdir -p user/my && cp calib/models/yolov10n.pt user/my/best.pt
yolosens() { (cd user && "$sandbox/stage/opt/yolosens/bin/yolosens" "$@") >out 2>err; }
small='IMGSZ=64 CALIB_IMAGES=10 SCORE_SIZE=1'
yolosens sweep $small MODELS=my/best.pt WEIGHT_DTYPES=int8 ACT_DTYPES=int8 GRANULARITIES=per_layer
equal "yolosens sweep in another folder" "$? $(sed 's|tmp/[^ ]*/||' out) $(ls user | tr '\n' ' ')" "0 1 ok, 0 unsupported, 0 failed: sweep_index.json my tmp "
ok "says what to type next there" grep -q '^next: yolosens verify MODEL=best ' err
ok "its page is there" [ -s "user/$(sed -n 's/^page: //p' err)" ]
yolosens keep-list $small MODEL=best W=int8 A=int8 G=per_layer KEEP=3 TARGET=plain
equal "yolosens keep-list" "$? $(grep -c '^/model' out)" "0 3"
yolosens plan $small MODELS='best yolov10n' WEIGHT_DTYPES=int8 ACT_DTYPES=int8 GRANULARITIES=per_layer
equal "yolosens plan, with the model that comes with it" "$(tr -s ' ' <out)" "best/int8-int8/per_layer done
yolov10n/int8-int8/per_layer to do"
rm user/tmp/*/latest/outputs/best/int8-int8/per_layer/*
make -C user/tmp/*/latest -f grid.mk BIN="$sandbox/stage/opt/yolosens/bin" >out 2>err
equal "a run's grid.mk by hand" "$? $(find user/tmp/*/latest/ -name scores.json | wc -l)" "0 1"
yolosens
equal "yolosens alone says what it can: $(grep -c '^  ' out) goals" "$? $(grep '^  ' out | grep -c 'test\|build\|install\|fuzz') $(cat err)" "0 0 "
yolosens variables
ok "and yolosens variables what may be set" grep -q '^  IMGSZ  *640 ' out
yolosens test
equal "other goals are refused" "$? $(cat err)" "2 yolosens: test is no goal; one of sweep verify cell keep-list pareto export plan drop index runs prune models, or help"
yolosens sweep MODELS=my/bset.pt
equal "a mistyped model" "$? $(grep -c 'my/bset.pt: no such checkpoint; the nearest: my/best.pt' err)" "2 1"
(cd user && make -f ../Makefile plan BIN="$sandbox/build/bin" $small MODELS=best WEIGHT_DTYPES=int8 ACT_DTYPES=int8 GRANULARITIES=per_layer) >out 2>err
equal "make -f elsewhere/Makefile does the same" "$? $(tr -s ' ' <out)" "0 best/int8-int8/per_layer done"

# Completion, as bash calls it.
if command -v bash >/dev/null; then
    cat >complete.bash <<'BASH'
. stage/opt/yolosens/share/bash-completion/completions/yolosens
PATH=$PWD/stage/opt/yolosens/bin:$PATH
try() { COMP_WORDS=("${@:2}") COMP_CWORD=$(($# - 2)) COMPREPLY=(); "$1" "$2" 2>/dev/null; echo "${COMPREPLY[@]}"; }
try _yolosens yolosens k
try _yolosens yolosens sweep WEI
try _yolosens yolosens sweep A = i
try _yolosens yolosens cell G =
try _yolosens_tool qcfg-build --g
BASH
    equal "completion: goals, variables, their words, a tool's options" "$(bash complete.bash)" "keep-list
WEIGHT_DTYPES=
int4 int8
per_channel per_layer per_channel_weight
--granularity"
fi

for t in $([ -z "$pages" ] || echo "$tools"); do
    page=stage/opt/yolosens/share/man/man1/$t.1
    "build/bin/$t" --help >help
    ok "$t.1 has its sections" [ "$(sed -n 's/^\.SH //p' "$page" | tr '\n' ' ')" = \
        'NAME SYNOPSIS DESCRIPTION OPTIONS EXAMPLES "EXIT STATUS" "SEE ALSO" ' ]
    ok "$t.1 says in one line what $t is for" [ "$(sed -n '/^\.SH NAME/{n;s/\\//gp}' "$page")" = \
        "$t - $(sed -n '3{s/\.$//;s/^./\l&/p}' help)" ]
    if command -v man >/dev/null; then
        MANWIDTH=100 man --warnings "./$page" >shown 2>err
        ok "man shows $t.1 without a warning" [ $? -eq 0 -a ! -s err -a -s shown ]
        # Broken at other places than --help: compare words.
        ok "man shows every word of --help" [ -z "$(sed '1s/^Usage: //; s/^Options:$//; s/^Examples:$//; s/^Exit status:$//' help |
            tr -s ' ' '\n' | sort -u >words; tr -s ' ' '\n' <shown | sort -u | comm -23 words - | grep -v '^$')" ]
    fi
done
[ -z "$pages" ] || command -v man >/dev/null || echo "# skip showing the pages: no man here"

make uninstall DESTDIR=stage PREFIX=/opt/yolosens >out 2>err
ok "make uninstall: status 0" [ $? -eq 0 ]
ok "nothing is left" [ -z "$(files)" ]
make uninstall DESTDIR=stage PREFIX=/opt/yolosens >out 2>err
ok "make uninstall where nothing is: status 0" [ $? -eq 0 ]

mkdir bare && for c in make sh sed install env mkdir rm ln cat tr sort basename dirname awk jq find grep gcc ar; do ln -s "$(command -v $c)" bare/; done
PATH=$PWD/bare make install BIN=build/bin DESTDIR=plain PREFIX=/p >out 2>err
ok "make install without help2man says that there are no pages" [ $? -eq 0 -a "$(grep -c 'no man pages: help2man is missing' out)" = 1 -o -e build/man/qcfg-build.1 ]
PATH=/nowhere /bin/sh mk/man.sh build/bin/qcfg-build ./page.1 qcfg-build >out 2>err
ok "without help2man: status 1, one line that says what to do, no page" \
    [ $? -eq 1 -a "$(cat err)" = "yolosens: help2man is missing, which makes the man pages: make deps man" -a ! -e ./page.1 ]
printf '#!/bin/sh\nexit 1\n' >broken && chmod +x broken
mk/man.sh ./broken ./page.1 broken >out 2>err
ok "a tool that does not run makes no page" [ $? -eq 1 -a ! -e ./page.1 -a "$(cat err)" = "yolosens: ./broken --help does not say what it is for" ]
