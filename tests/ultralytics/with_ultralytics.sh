# shellcheck shell=sh
# Read by tests that need PyPI's ultralytics: PYTHON is then an interpreter that has it, else the test is skipped; `made` is a folder that goes
# away; `make_py WORDS` runs make.py on it.
env=build/ultralytics-env
[ -x "$env/bin/python" ] && PYTHON=${PYTHON:-$env/bin/python}
PYTHON=${PYTHON:-python3}
if ! "$PYTHON" -c 'import ultralytics' >/dev/null 2>&1; then
    echo "# skip $PYTHON has no ultralytics: python3 -m venv $env && $env/bin/pip install ultralytics (4 GB)"
    exit 0
fi
made=$(mktemp -d) || exit 1
trap 'rm -rf "$made"' EXIT

make_py() {
    # ultralytics keeps settings in the home folder, and asks the network what is new.
    HOME=$made YOLO_CONFIG_DIR=$made YOLO_OFFLINE=true "$PYTHON" -B tests/ultralytics/make.py "$made" "$@" >"$made/log" 2>&1 || {
        echo "not ok - make.py $* ended early"
        tail -n 20 "$made/log"
        exit 1
    }
    rm -f "$made"/*settings*.json
}
