#!/bin/sh
# cuda-home.sh CUDA_HOME ENV: the folder of a CUDA toolkit with nvcc: CUDA_HOME if given, else what cuda-deps.sh put into ENV, PATH's
# nvcc, /usr/local/cuda. Exit 1 where there is none: says where it looked.
given=$1 env=$2
if [ -n "$given" ]; then
    [ -x "$given/bin/nvcc" ] && { printf '%s\n' "$given"; exit 0; }
    echo "CUDA_HOME=$given: no bin/nvcc there; give the folder of a CUDA toolkit, or none and make deps DEVICE=cuda" >&2
    exit 1
fi
for nvcc in "$env"/lib/python*/site-packages/nvidia/cu*/bin/nvcc "$(command -v nvcc)" /usr/local/cuda/bin/nvcc; do
    [ -x "$nvcc" ] || continue
    nvcc=$(realpath "$nvcc")
    printf '%s\n' "${nvcc%/bin/nvcc}"
    exit 0
done
echo "no nvcc in $env, PATH or /usr/local/cuda: make deps DEVICE=cuda installs it (about 300 MB, from PyPI), or make CUDA_HOME=its folder" >&2
exit 1
