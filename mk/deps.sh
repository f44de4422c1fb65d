#!/bin/sh
# deps.sh: installs the packages in DEBIAN that are missing, through apt-get, as root or through sudo; where that is not
# possible, says what to install and how (FEDORA, ARCH, CONDA), exit 1. Those in OPTIONAL are installed too where that can be done;
# where not, that is said.
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
not_installed() { # PACKAGE...
    for p in "$@"; do
        case $installed in *" $p "*) ;; *) printf '%s ' "$p" ;; esac
    done
}
# shellcheck disable=SC2086
missing=$(not_installed $DEBIAN) optional=$(not_installed $OPTIONAL)
if [ -z "$missing$optional" ]; then
    echo "deps: nothing is missing"
    exit 0
fi

elsewhere_or_without() { # WHY
    [ -z "$missing" ] || elsewhere "$1: $missing"
    echo "deps: tests will do without $optional($1)"
    exit 0
}

as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || elsewhere_or_without "missing, and only root (or sudo, which is not here) can install it"
    # sudo may ask for a password on a terminal, never elsewhere.
    if [ -t 0 ]; then as_root=sudo; else as_root='sudo -n'; fi
    $as_root true || elsewhere_or_without "missing, and sudo refuses"
fi

DEBIAN_FRONTEND=noninteractive
export DEBIAN_FRONTEND
apt() {
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" </dev/null
}

install() { # PACKAGE...
    apt-get --assume-no install --no-install-recommends "$@" </dev/null 2>/dev/null |
        sed -n 's/^Need to get \(.*\) of archives\.$/deps: downloading \1/p; s/^After this operation, \(.*\) of additional.*$/deps: \1 on disk/p'
    apt install -y --no-install-recommends "$@" >/dev/null
}

echo "deps: missing: $missing$optional"
apt update || elsewhere_or_without "apt-get update failed"
# shellcheck disable=SC2086
[ -z "$missing" ] || install $missing || elsewhere "apt-get install failed"
for p in $optional; do
    apt-cache show "$p" >/dev/null 2>&1 && install "$p" || echo "deps: tests will do without $p (apt-get cannot install it)"
done
echo "deps: installed"
