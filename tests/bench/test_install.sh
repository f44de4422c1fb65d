#!/bin/sh
# What bench-modelopt's installation says where it cannot install, and that it leaves a complete environment alone. A fake python3
# stands for the real one: nothing is downloaded.
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/none" "$tmp/fake"
cat >"$tmp/fake/python3" <<'EOT'
#!/bin/sh
# FAKE_LACKS: what it fails at. A venv is a folder with this script as its python.
case " $* " in
*" -m venv "*)
    mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
*version_info*) [ "$FAKE_LACKS" != version ] ;;
*ensurepip*) [ "$FAKE_LACKS" != venv ] ;;
*" pip install "*) [ "$FAKE_LACKS" != network ] && touch "${0%/*}/installed" ;;
*requirements.txt*) cat >/dev/null; [ -e "${0%/*}/installed" ] && [ "$FAKE_LACKS" != complete ] ;;
*) echo "fake python3: $*" >&2; exit 9 ;;
esac
EOT
chmod +x "$tmp/fake/python3"

install() { # LACKS PATH ENV: status, and the words in $tmp/said
    FAKE_LACKS=$1 PATH=$2 /bin/sh bench/modelopt/install.sh "$3" 0.47 >"$tmp/said" 2>&1
    status=$?
}
check() { # WHAT STATUS WORDS LINES
    if [ "$status" -eq "$2" ] && grep -q -e "$3" "$tmp/said" && [ "$(wc -l <"$tmp/said")" -eq "$4" ]; then
        echo "ok - $1: $(tail -n 1 "$tmp/said")"
    else
        echo "not ok - $1: status $status: $(cat "$tmp/said")"
    fi
}
install - "$tmp/none" "$tmp/env"
check "no python3" 2 'apt-get install python3' 1
install version "$tmp/fake:$PATH" "$tmp/env"
check "an old python3" 2 '3.10 or newer' 1
install venv "$tmp/fake:$PATH" "$tmp/env"
check "no venv" 2 'apt-get install python3-venv' 1
[ ! -e "$tmp/env" ] && echo "ok - nothing was made"
install network "$tmp/fake:$PATH" "$tmp/env"
check "no network" 2 'pip could not install' 2
install complete "$tmp/fake:$PATH" "$tmp/env"
check "other versions" 2 'holds other versions' 2
rm -rf "$tmp/env"
install - "$tmp/fake:$PATH" "$tmp/new/env"
check "an installation" 0 'torch==2.11.0 .*nvidia-modelopt==0.47.* .*3 GB' 2
install network "$tmp/fake:$PATH" "$tmp/new/env"
if [ "$status" -eq 0 ] && [ ! -s "$tmp/said" ]; then
    echo "ok - a complete environment is left alone, without a word"
else
    echo "not ok - again: status $status: $(cat "$tmp/said")"
fi
