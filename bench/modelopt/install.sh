#!/bin/sh
# install.sh ENV RELEASE: a virtual environment with the packages of requirements.txt and that release of ModelOpt, "0.47"; does nothing
# where they are there already, and changes the release alone where that is another.
. mk/lib.sh

env=$1 release=$2
wanted=bench/modelopt/requirements.txt

# Every package is there, in the version wanted; asks nothing of the network.
is_whole() {
    [ -x "$env/bin/python" ] && "$env/bin/python" - "$wanted" "$release" <<'EOT'
import importlib.metadata, re, sys
for line in open(sys.argv[1]):
    name, exact, version = re.fullmatch(r"([\w-]+)(==|>=)([\w.]+)\s*", line).groups()
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        sys.exit(1)
    if exact == "==" and found.split("+")[0] != version:
        sys.exit(1)
try:
    sys.exit(importlib.metadata.version("nvidia-modelopt").split(".")[:2] != sys.argv[2].split("."))
except importlib.metadata.PackageNotFoundError:
    sys.exit(1)
EOT
}

is_whole && exit 0
command -v python3 >/dev/null || die 2 "bench-modelopt needs python3, 3.10 or newer: apt-get install python3 python3-venv"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || die 2 "bench-modelopt needs python3 3.10 or newer"
python3 -c 'import venv, ensurepip' 2>/dev/null || die 2 "bench-modelopt needs python3's venv and pip: apt-get install python3-venv"
note "$env: installing $(tr '\n' ' ' <"$wanted")nvidia-modelopt==$release.* with what they need: about 3 GB to download, 5 GB on disk"
mkdir -p "${env%/*}" && python3 -m venv "$env" || die 2 "$env: no virtual environment can be made there"
"$env/bin/python" -m pip install --quiet --disable-pip-version-check --no-input -r "$wanted" "nvidia-modelopt==$release.*" >&2 ||
    die 2 "$env: pip could not install $wanted; what it has downloaded is in its cache, and make bench-modelopt goes on from there"
is_whole || die 2 "$env: holds other versions than $wanted and ModelOpt $release; remove it"
note "$env: installed"
