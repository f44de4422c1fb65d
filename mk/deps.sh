#!/bin/sh
# deps.sh build|test|extra...: installs what is missing of these rows of packages.txt, through apt-get, as root or through sudo; where
# that is not possible, says what to install and how, exit 1. What is extra is installed where that can be done; where not, that is said.
# Environment: CC, CXX, CFLAGS, CXXFLAGS.
LC_ALL=C
export LC_ALL
packages=${0%/*}/packages.txt
for t in awk grep sed tr; do
    command -v $t >/dev/null || { echo "yolosens: this system has no $t, which even make deps needs: install gawk, grep, sed and coreutils" >&2; exit 1; }
done

rows() { # FOR...: those rows, without comments
    awk -v wanted=" $* " '!/^#/ && NF == 6 && index(wanted, " " $1 " ")' "$packages"
}

compiler() { # c|c++ ARGUMENT...: what compiles the tools, or the libtorch side of the tests, of standard input
    language=$1
    shift
    # Compilers and flags are lists of words.
    # shellcheck disable=SC2086
    case $language in c) $CC $CFLAGS -x c "$@" - ;; c++) $CXX $CXXFLAGS -x c++ "$@" - ;; esac 2>/dev/null
}

compiles() { # c|c++: whether that compiler works
    printf '#include <stdio.h>\nint main(void) { return 0; }\n' | compiler "$1" -o /dev/null
}

found_headers() { # c|c++: those <HEADER>s of standard input that there are; none if that compiler does not work
    sed 's/.*/#if __has_include(&)\nhere &\n#endif/' | compiler "$1" -E -P | sed -n 's/^here *\(<.*>\).*$/\1/p' | tr -d ' '
}

# Of the rows on standard input, those whose thing is not here.
missing_of() {
    all=$(cat)
    what=$(printf '%s\n' "$all" | awk '{ print $2 }')
    here=" $(printf '%s\n' "$what" | grep '^<.*>$' | found_headers c | tr '\n' ' ')$(
        printf '%s\n' "$what" | sed -n 's/^\(<.*>\)++$/\1/p' | found_headers c++ | sed 's/$/++/' | tr '\n' ' ')"
    for w in $what; do
        case $w in
        \<*) continue ;;
        cc) compiles c ;;
        c++) compiles c++ ;;
        *)
            for command in $(printf %s "$w" | tr '|' ' '); do
                command -v "$command" >/dev/null && break
            done
            ;;
        esac && here="$here$w "
    done
    printf '%s\n' "$all" | awk -v here="$here" 'NF && !index(here, " " $2 " ")'
}

names() { # COLUMN: the packages of the rows on standard input, each once, in one line
    awk -v column="$1" '$column != "-" {
        n = split($column, p, ",")
        for (i = 1; i <= n; i++)
            if (!seen[p[i]]++) { printf "%s%s", sep, p[i]; sep = " " }
    }'
}

elsewhere() { # WHY
    how() { # SYSTEM COLUMN COMMAND [REMARK]
        list=$(printf '%s\n' "$missing" | names "$2")
        printf '  %-15s %s%s\n' "$1" "${list:+$3 $list}" "${4:+${list:+; }$4}" >&2
    }
    case $missing in *torch.h*) downloaded="libtorch from pytorch.org, then TORCH_HOME=its folder" conda="then TORCH_HOME=\$CONDA_PREFIX" ;; esac
    echo "yolosens: $1. Missing: $(printf '%s\n' "$missing" | awk '{ sub(/>\+\+$/, ">", $2); printf "%s%s", sep, $2; sep = " " }'). To install it:" >&2
    how "Debian, Ubuntu" 3 "apt-get install --no-install-recommends"
    how Fedora 4 "dnf install" "$downloaded"
    how Arch 5 "pacman -S"
    how conda-forge 6 "conda install -c conda-forge" "$conda"
    exit 1
}

needed=' ' optional=
for kind in "$@"; do
    case $kind in extra) optional=$kind ;; *) needed="$needed$kind " ;; esac
done
# shellcheck disable=SC2086
missing=$(rows $needed | missing_of) wanted=$(rows $optional | missing_of)
if [ -z "$missing$wanted" ]; then
    echo "deps: nothing is missing"
    exit 0
fi

elsewhere_or_without() { # WHY
    [ -z "$missing" ] || elsewhere "$1"
    echo "deps: the tests will do without $(printf '%s\n' "$wanted" | names 3) ($1)"
    exit 0
}

command -v apt-get >/dev/null || elsewhere_or_without "this system has no apt-get"
as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || elsewhere_or_without "only root, or sudo, which is not here, can install packages"
    # sudo may ask for a password on a terminal, never elsewhere.
    if [ -t 0 ]; then as_root=sudo; else as_root='sudo -n'; fi
    $as_root true 2>/dev/null || elsewhere_or_without "only root can install packages, and sudo refuses"
fi

apt() {
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" </dev/null
}

install() { # PACKAGE...
    apt-get --assume-no install --no-install-recommends "$@" </dev/null 2>/dev/null |
        sed -n 's/^Need to get \(.*\) of archives\.$/deps: downloading \1/p; s/^After this operation, \(.*\) of additional.*$/deps: \1 on disk/p'
    apt install -y --no-install-recommends "$@" >/dev/null
}

list=$(printf '%s\n' "$missing" | names 3)
extra=$(printf '%s\n' "$wanted" | names 3)
echo "deps: missing: $list${list:+${extra:+ }}$extra"
apt update || elsewhere_or_without "apt-get update failed"
# shellcheck disable=SC2086
[ -z "$list" ] || install $list || elsewhere "apt-get install failed"
for p in $extra; do
    apt-cache show "$p" >/dev/null 2>&1 && install "$p" || echo "deps: the tests will do without $p (apt-get cannot install it)"
done
missing=$(printf '%s\n' "$missing" | missing_of)
[ -z "$missing" ] || elsewhere "what apt-get installed is not all that is needed"
echo "deps: installed"
