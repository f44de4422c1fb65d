#!/bin/sh
# make man, install and uninstall: pages that man shows as they should be, everything in place, nothing left. BUILD is the build
# folder; a sandbox that looks like the repository to make has it as build/.
. tests/checks.sh
here=$PWD
sandbox=$(mktemp -d) || exit 1
trap 'rm -rf "$sandbox"' EXIT
unset MAKEFLAGS MFLAGS MAKELEVEL
if ! command -v help2man >/dev/null; then
    echo "# skip man pages and installation: no help2man here"
    exit 0
fi
for f in Makefile mk src tools tests calib; do ln -s "$here/$f" "$sandbox/"; done
ln -s "$(realpath "${BUILD:-build}")" "$sandbox/build"
cd "$sandbox" || exit 1

tools=$(cd tools && printf '%s\n' *.c | sed 's/\.c$//' | LC_ALL=C sort)
files() { (cd stage 2>/dev/null && find . ! -type d | LC_ALL=C sort); }

make install DESTDIR=stage PREFIX=/opt/yolosens >out 2>err
ok "make install: status 0, nothing on standard error" [ $? -eq 0 -a ! -s err ]
ok "the tools and a page of each are there, and nothing else" [ "$(files)" = "$(for t in $tools; do
    echo "./opt/yolosens/bin/$t"
    echo "./opt/yolosens/share/man/man1/$t.1"
done | LC_ALL=C sort)" ]
ok "everybody may run and read them" [ -z "$(find stage -type f ! -perm -444 -o -path '*/bin/*' ! -perm -555)" ]
make install DESTDIR=stage PREFIX=/opt/yolosens >out 2>err
ok "again, over what is there" [ $? -eq 0 ]
(cd / && "$sandbox/stage/opt/yolosens/bin/qcfg-build" -w int8 -a fp8 -g per_layer) >out 2>err
ok "an installed tool runs elsewhere" [ "$(jq -r .weight out)" = int8 ]

for t in $tools; do
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
command -v man >/dev/null || echo "# skip showing the pages: no man here"

make uninstall DESTDIR=stage PREFIX=/opt/yolosens >out 2>err
ok "make uninstall: status 0" [ $? -eq 0 ]
ok "nothing is left" [ -z "$(files)" ]
make uninstall DESTDIR=stage PREFIX=/opt/yolosens >out 2>err
ok "make uninstall where nothing is: status 0" [ $? -eq 0 ]

PATH=/nowhere /bin/sh mk/man.sh build/bin/qcfg-build ./page.1 qcfg-build >out 2>err
ok "without help2man: status 1, one line that says what to do, no page" \
    [ $? -eq 1 -a "$(cat err)" = "yolosens: help2man is missing, which makes the man pages: make deps man" -a ! -e ./page.1 ]
printf '#!/bin/sh\nexit 1\n' >broken && chmod +x broken
mk/man.sh ./broken ./page.1 broken >out 2>err
ok "a tool that does not run makes no page" [ $? -eq 1 -a ! -e ./page.1 -a "$(cat err)" = "yolosens: ./broken --help does not say what it is for" ]
