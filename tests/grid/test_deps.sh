#!/bin/sh
# make deps, with an apt of our own: nothing missing, something missing, through sudo, no root, no apt.
. tests/grid/lib.sh

mkdir apt && cd apt || exit 1
cat >dpkg-query <<'EOT'
#!/bin/sh
for p in $HAVE; do echo "$p installed"; done
EOT
cat >apt-get <<'EOT'
#!/bin/sh
echo "apt-get $*" >>"$APT_LOG"
case "$*" in *--assume-no*) echo "Need to get 12.3 MB of archives." ;; esac
EOT
cat >apt-cache <<'EOT'
#!/bin/sh
[ "$2" = browser ]
EOT
cat >id <<'EOT'
#!/bin/sh
echo "${ID:-0}"
EOT
cat >sudo <<'EOT'
#!/bin/sh
echo "sudo $*" >>"$APT_LOG"
[ "$1" != -n ] || shift
exec "$@"
EOT
chmod +x ./*
cd ..
APT_LOG=$sandbox/apt.log HAVE=$(make -s -f - print <<'EOT'
include mk/deps.mk
print: ; @echo $(DEBIAN_PACKAGES)
EOT
)
export APT_LOG HAVE
everything=$HAVE
deps() { PATH=$sandbox/apt:$PATH make deps >out 2>err; status=$?; }
: >"$APT_LOG"
deps
equal "deps with nothing missing does nothing" "$status $(cat out)$(cat "$APT_LOG")" "0 deps: nothing is missing"
HAVE=$(echo " $everything " | sed 's/ jq / /')
deps
ok "deps installs what is missing, without recommended extras" grep -q 'apt-get .*install -y --no-install-recommends jq' "$APT_LOG"
ok "and says how much comes" grep -q 'downloading 12.3 MB' out
: >"$APT_LOG"
ID=1000
export ID
deps
ok "for a user, through sudo" grep -q '^sudo .*apt-get.*install -y' "$APT_LOG"

# What only tests use: taken where apt has it, done without where not.
equal "deps alone asks for nothing more" "$(make -n deps | grep -o 'OPTIONAL="[^"]*"')" 'OPTIONAL=""'
clang() { make -n deps "$@" | grep -c 'DEBIAN="[^"]* clang libclang-rt-dev"'; }
equal "nor for clang" "$(clang) $(clang test)" "0 0"
equal "which deps for the fuzzers does" "$(clang fuzz)" 1
equal "deps for the tests asks for a browser" "$(make -n deps test | grep -o 'OPTIONAL="[^"]*"')" 'OPTIONAL="chromium"'
optional() { PATH=$sandbox/apt:$PATH DEBIAN=$everything OPTIONAL=$1 mk/deps.sh >out 2>err; status=$?; }
HAVE=$everything
: >"$APT_LOG"
optional browser
ok "an optional package is installed" grep -q 'install -y --no-install-recommends browser' "$APT_LOG"
optional 'browser unheard'
ok "one that apt does not know is done without: $(tail -n 2 out | head -n 1)" [ $status -eq 0 -a -n "$(grep 'do without unheard' out)" ]
HAVE="$everything browser"
: >"$APT_LOG"
optional browser
equal "one that is there is nothing to do" "$status $(cat out)$(cat "$APT_LOG")" "0 deps: nothing is missing"
HAVE=$(echo " $everything " | sed 's/ jq / /')
rm apt/sudo
ln -s "$(command -v make)" "$(command -v sh)" "$(command -v cat)" "$(command -v awk)" "$(command -v dirname)" apt/ 2>/dev/null
deps_alone() { PATH=$sandbox/apt make deps >out 2>err; status=$?; }
for t in tr sed cut find nproc uname mkdir; do ln -s "$(command -v $t)" apt/; done
deps_alone
equal "without root and sudo: status" "$status" 2
ok "lists what to install, and how elsewhere" [ -n "$(grep 'apt-get install --no-install-recommends .*jq' err)" -a -n "$(grep 'dnf install' err)" -a -n "$(grep conda-forge err)" ]
HAVE=$everything
PATH=$sandbox/apt DEBIAN=$everything OPTIONAL=browser mk/deps.sh >out 2>err
ok "an optional package alone stops nobody: $(cat out)" [ $? -eq 0 -a -n "$(grep 'do without browser' out)" ]
HAVE=$(echo " $everything " | sed 's/ jq / /')
rm apt/apt-get
deps_alone
ok "without apt too" grep -q 'no apt-get' err
exit $failed
