#!/bin/sh
# cuda-deps.sh CUDA_HOME ENV: a CUDA compiler, unless there is one: NVIDIA's packages on PyPI, into ENV. The driver is the user's own.
found=$("${0%/*}/cuda-home.sh" "$1" "$2" 2>/dev/null)
if [ -n "$found" ]; then
    echo "deps: CUDA: $found"
    exit 0
fi
[ -z "$1" ] || { "${0%/*}/cuda-home.sh" "$1" "$2"; exit 1; }
python3 -c 'import venv, ensurepip' 2>/dev/null || {
    echo "deps: CUDA's compiler comes from PyPI, which needs python3 with venv and pip: apt-get install python3-venv; or CUDA_HOME=a toolkit" >&2
    exit 1
}
echo "deps: downloading CUDA's compiler, about 110 MB, 300 MB on disk in $2"
mkdir -p "${2%/*}" && python3 -m venv "$2" &&
    "$2/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps -r "${0%/*}/cuda-packages.txt" ||
    { echo "deps: pip could not install ${0%/*}/cuda-packages.txt into $2; make deps DEVICE=cuda tries again" >&2; exit 1; }
"${0%/*}/cuda-home.sh" "" "$2" >/dev/null || exit 1
echo "deps: CUDA's compiler is installed"
