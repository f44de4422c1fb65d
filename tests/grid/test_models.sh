#!/bin/sh
# make models and make deps, without a network: a folder of this machine takes the place of the release.
. tests/grid/lib.sh
if ! command -v curl >/dev/null; then
    echo "# skip make models: curl is not installed"
    exit 0
fi
mkdir release
{ printf 'PK'; head -c 300000 /dev/zero | tr '\0' 'n'; } >release/yolov10n.pt
echo '<html>not found</html>' >release/yolov10s.pt
models() { mk models MODELS_URL="file://$sandbox/release" "$@"; }

models MODELS=yolov10n
ok "a checkpoint comes whole" cmp release/yolov10n.pt models/yolov10n.pt
ok "and leaves no part" [ ! -e models/yolov10n.pt.part ]
echo mine >models/yolov10n.pt
models MODELS=yolov10n
equal "one that is there is left alone" "$status $(cat models/yolov10n.pt)" "0 mine"
rm models/yolov10n.pt
head -c 100000 release/yolov10n.pt >models/yolov10n.pt.part
models MODELS=yolov10n
ok "a cut download goes on" cmp release/yolov10n.pt models/yolov10n.pt
cp release/yolov10n.pt models/yolov10n.pt.part && rm models/yolov10n.pt
models MODELS=yolov10n
ok "also one that was cut just before its end" cmp release/yolov10n.pt models/yolov10n.pt
models MODELS=yolov10s
equal "what is no checkpoint is refused" "$status $(grep -c 'is no checkpoint' err)" "2 1"
ok "and not kept" [ ! -e models/yolov10s.pt -a ! -e models/yolov10s.pt.part ]
models MODELS='yolov10m yolov10n'
equal "what cannot be had is an error" "$status $(grep -c 'models/yolov10m.pt: the download failed' err)" "2 1"
ok "with no half file" [ ! -e models/yolov10m.pt ]
models MODELS=yolov10q
equal "an unknown name" "$(grep -o 'yolov10q is not an official checkpoint; the nearest: yolov10n' err)" "yolov10q is not an official checkpoint; the nearest: yolov10n"
models MODEL_DIR=other MODELS=yolov10n
ok "MODEL_DIR" cmp release/yolov10n.pt other/yolov10n.pt

# deps, with an apt of our own: nothing missing, something missing, no apt, no root.
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
HAVE=${everything%jq}
deps
ok "deps installs what is missing, without recommended extras" grep -q 'apt-get .*install -y --no-install-recommends jq' "$APT_LOG"
ok "and says how much comes" grep -q 'downloading 12.3 MB' out
: >"$APT_LOG"
ID=1000
export ID
deps
ok "for a user, through sudo" grep -q '^sudo .*apt-get.*install -y' "$APT_LOG"
rm apt/sudo
ln -s "$(command -v make)" "$(command -v sh)" "$(command -v cat)" "$(command -v awk)" "$(command -v dirname)" apt/ 2>/dev/null
deps_alone() { PATH=$sandbox/apt make deps >out 2>err; status=$?; }
for t in tr sed cut find nproc uname mkdir; do ln -s "$(command -v $t)" apt/; done
deps_alone
equal "without root and sudo: status" "$status" 2
ok "lists what to install, and how elsewhere" [ -n "$(grep 'apt-get install --no-install-recommends .*jq' err)" -a -n "$(grep 'dnf install' err)" -a -n "$(grep conda-forge err)" ]
rm apt/apt-get
deps_alone
ok "without apt too" grep -q 'no apt-get' err
exit $failed
