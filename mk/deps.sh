#!/bin/sh
# deps.sh: installs the packages in DEBIAN that are missing, through apt-get, as root or through sudo; where that is not
# possible, says what to install and how (FEDORA, ARCH, CONDA), exit 1.
LC_ALL=C
export LC_ALL

elsewhere() { # WHY
    cat >&2 <<EOT
yolosens: $1. Install these, then make build:
  Debian, Ubuntu  apt-get install --no-install-recommends $missing
  Fedora          dnf install $FEDORA   (and, for the tests, libtorch from pytorch.org: make test TORCH_HOME=FOLDER)
  Arch            pacman -S $ARCH
  conda-forge     conda install -c conda-forge $CONDA   (make test TORCH_HOME=\$CONDA_PREFIX)
EOT
    exit 1
}

missing=$DEBIAN
command -v apt-get >/dev/null && command -v dpkg-query >/dev/null || elsewhere "this system has no apt-get"

installed=" $(dpkg-query -W -f '${Package} ${db:Status-Status}\n' 2>/dev/null | awk '$2 == "installed" { printf "%s ", $1 }')"
missing=
for p in $DEBIAN; do
    case $installed in *" $p "*) ;; *) missing="$missing$p " ;; esac
done
if [ -z "$missing" ]; then
    echo "deps: nothing is missing"
    exit 0
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || elsewhere "missing, and only root (or sudo, which is not here) can install it: $missing"
    # sudo may ask for a password on a terminal, never elsewhere.
    if [ -t 0 ]; then as_root=sudo; else as_root='sudo -n'; fi
    $as_root true || elsewhere "missing, and sudo refuses: $missing"
fi

DEBIAN_FRONTEND=noninteractive
export DEBIAN_FRONTEND
apt() {
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" </dev/null
}

echo "deps: missing: $missing"
apt update || elsewhere "apt-get update failed"
# shellcheck disable=SC2086
apt-get --assume-no install --no-install-recommends $missing </dev/null 2>/dev/null |
    sed -n 's/^Need to get \(.*\) of archives\.$/deps: downloading \1/p; s/^After this operation, \(.*\) of additional.*$/deps: \1 on disk/p'
# shellcheck disable=SC2086
apt install -y --no-install-recommends $missing >/dev/null || elsewhere "apt-get install failed"
echo "deps: installed"
