#!/bin/sh
# make deps on systems of our own: compilers that find what we say, an apt-get that has it, a sudo; then a user without root,
# Fedora, Arch. Nothing is installed anywhere.
. tests/grid/lib.sh

# What the fake systems lack is listed in lacks, a word a line; apt-get's install empties it, but cannot find
# what apt_cannot lists.
mkdir fake plain
: >lacks
: >apt_cannot
APT_LOG=$sandbox/apt.log
export APT_LOG
fake() { # NAME: standard input becomes a command
    { echo '#!/bin/sh'; cat; } >"fake/$1" && chmod +x "fake/$1"
}
fake cc <<'EOT'
case $0 in *c++) suffix=++ ;; esac
! grep -qx "${0##*/}" lacks || exit 1
case " $* " in *' -E '*) ;; *) exit 0 ;; esac
sed -n 's/^#if __has_include(\(<.*>\))$/\1/p' | while read -r header; do
    grep -qxF "$header$suffix" lacks || echo "here $header"
done
EOT
cp fake/cc fake/c++
fake apt-get <<'EOT'
echo "apt-get $*" >>"$APT_LOG"
case "$*" in
*--assume-no*) printf 'Need to get 12.3 MB of archives.\nAfter this operation, 45.6 MB of additional disk space will be used.\n' ;;
*install*)
    for p in $(cat apt_cannot); do case " $* " in *" $p "*) echo "E: Unable to locate package $p" >&2; exit 100 ;; esac; done
    : >lacks
    ln -sf /bin/true plain/jq
    ln -sf /bin/true plain/chromium
    ln -sf /bin/true plain/clang
    ;;
esac
EOT
fake apt-cache <<'EOT'
! grep -qx "$2" apt_cannot
EOT
fake id <<'EOT'
echo "${ID:-0}"
EOT
fake sudo <<'EOT'
echo "sudo $*" >>"$APT_LOG"
[ -z "$SUDO_REFUSES" ] || exit 1
[ "$1" != -n ] || shift
exec "$@"
EOT
# The tools that every system has, and no others.
for t in make sh cat awk sed grep tr cut env find cmp flock dirname nproc uname mkdir ln head tail; do
    ln -s "$(command -v $t)" plain/
done
for t in true jq curl protoc-c chromium clang-format shellcheck; do
    ln -s /bin/true plain/$t
done
deps() {
    : >"$APT_LOG"
    PATH=$sandbox/fake:$sandbox/plain make CC=cc CXX=c++ deps >out 2>err
    status=$?
}
# The same with what the tests need; nothing is built.
deps_for_tests() { # KIND...
    : >"$APT_LOG"
    PATH=$sandbox/fake:$sandbox/plain CC=cc CXX=c++ mk/deps.sh build "$@" >out 2>err
    status=$?
}

deps
equal "with nothing missing deps does nothing" "$status $(cat out)$(cat "$APT_LOG")" "0 deps: nothing is missing"
rm plain/jq
echo '<zip.h>' >lacks
deps
equal "as root it installs what is missing, and no recommended extras" \
    "$status $(grep -c '^apt-get .* install -y --no-install-recommends libzip-dev jq$' "$APT_LOG")" "0 1"
equal "and says what, how much comes and how much it takes" "$(cat out)" "deps: missing: libzip-dev jq
deps: downloading 12.3 MB
deps: 45.6 MB on disk
deps: installed"
ok "without sudo" [ "$(grep -c sudo "$APT_LOG")" -eq 0 ]
deps
equal "then nothing is missing" "$(cat out)" "deps: nothing is missing"
echo 'cc' >lacks
deps
ok "without a compiler, that and every library" grep -q ' install -y .* gcc libc6-dev libcjson-dev .* libssl-dev$' "$APT_LOG"

ID=1000
export ID
echo '<png.h>' >lacks
deps
ok "for a user through sudo" grep -q '^sudo .*apt-get .* install -y --no-install-recommends libpng-dev$' "$APT_LOG"
equal "which asks for no password where nobody can type it" "$(grep '^sudo' "$APT_LOG" | grep -vc '^sudo -n ')" 0

# A sweep needs neither libtorch nor C++ nor a browser; the tests do.
printf '%s\n' c++ '<torch/torch.h>++' >lacks
rm plain/chromium
deps
equal "without what only tests need nothing is missing" "$(cat out)" "deps: nothing is missing"
equal "make deps sweep asks for no more" "$(make -n deps sweep MODELS=a IMAGE_LIST=lists/list.txt 2>/dev/null | grep -o 'mk/deps.sh .*' | tr -s ' ' | sed 's/ *$//')" "mk/deps.sh build"
equal "make deps test asks for all" "$(make -n deps test 2>/dev/null | grep -o 'mk/deps.sh .*' | tr -s ' ' | sed 's/ *$//')" "mk/deps.sh build test extra man"
deps_for_tests test extra
equal "for the tests: what is installed" "$(sed -n 's/^apt-get .* install -y --no-install-recommends //p' "$APT_LOG" | tr '\n' ' ')" "g++ libtorch-dev chromium "
rm plain/chromium
echo chromium >apt_cannot
deps_for_tests test extra
equal "a browser that apt has not is done without" "$status $(tail -n 2 out | head -n 1)" \
    "0 deps: the tests will do without chromium (apt-get cannot install it)"
: >apt_cannot
equal "make deps fuzz asks for the fuzzers' compiler" "$(make -n deps fuzz 2>/dev/null | grep -o 'mk/deps.sh .*' | sed 's/  */ /g; s/ $//')" "mk/deps.sh build fuzz"
rm plain/clang
deps_for_tests fuzz
rm plain/chromium
equal "which is" "$status $(sed -n 's/^apt-get .* install -y --no-install-recommends //p' "$APT_LOG")" "0 clang libclang-rt-dev"

# Where nothing can be installed: what to install, and how; nothing else happens.
listed() { # WHAT WHY
    equal "$1: status" "$status" 2
    ok "$1: says so in a line: $(head -n 1 err)" [ -n "$(head -n 1 err | grep -F "$2" | grep -F 'Missing: <yaml.h> jq.')" ]
    equal "$1: what to install" "$(sed -n '2,5s/  */ /gp' err)" " Debian, Ubuntu apt-get install --no-install-recommends libyaml-dev jq
 Fedora dnf install libyaml-devel jq
 Arch pacman -S libyaml jq
 conda-forge conda install -c conda-forge yaml jq"
    equal "$1: nothing was called" "$(grep -c install "$APT_LOG")" 0
}
echo '<yaml.h>' >lacks
rm plain/jq
SUDO_REFUSES=1
export SUDO_REFUSES
deps
listed "sudo refuses" "sudo refuses"
rm fake/sudo
deps
listed "no root and no sudo" "only root"
fake dnf <<'EOT'
echo "dnf $*" >>"$APT_LOG"
EOT
cp fake/dnf fake/pacman
rm fake/apt-get
ID=0
deps
listed "no apt-get" "no apt-get"
ln -s /bin/true plain/jq
: >lacks
deps
equal "with everything there, no apt-get is no matter" "$status $(cat out)" "0 deps: nothing is missing"
deps_for_tests test extra
equal "nor is a browser" "$status $(cat out)" "0 deps: the tests will do without chromium (this system has no apt-get)"
echo '<torch/torch.h>++' >lacks
deps_for_tests test
equal "libtorch where there is no package" "$status $(sed -n 's/^  Fedora *//p' err)" "1 libtorch from pytorch.org, then TORCH_HOME=its folder"

equal "make test without libtorch names what to do" "$(make -s CXX=false libtorch 2>&1 | head -n 1)" \
    "make test needs libtorch 2.x: make deps test installs it where apt has it; else TORCH_HOME=its folder"
exit $failed
