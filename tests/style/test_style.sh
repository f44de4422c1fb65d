#!/bin/sh
# How files are written: clang-format has nothing to change in C, C++ and CUDA, shellcheck nothing to say of scripts.
failed=0
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

# Tracked files; without git, all that there are.
files() { # PATTERN...
    { git ls-files -co --exclude-standard -- . 2>/dev/null || find . -path ./build -prune -o -path ./tmp -prune -o -type f -print | sed 's|^\./||'; } |
        sort | while read -r file; do [ ! -f "$file" ] || printf '%s\n' "$file"; done
}

says_nothing() { # WHAT COMMAND...: of the files in scratch/files
    what="$1: $(wc -l <"$scratch/files") files"
    shift
    if xargs "$@" <"$scratch/files" >"$scratch/said" 2>&1 && [ -s "$scratch/files" ]; then echo "ok - $what"; else
        echo "not ok - $what"
        head -n 40 "$scratch/said" | sed 's/^/#   /'
        failed=1
    fi
}

files >"$scratch/all"
# Each version formats differently.
if clang-format --version 2>/dev/null | grep -q ' version 14\.'; then
    grep -E '\.(c|h|cpp|cu|cuh)$' "$scratch/all" >"$scratch/files"
    says_nothing "clang-format changes nothing" clang-format --dry-run -Werror
else
    echo "# skip formatting: no clang-format 14 here"
fi
if command -v shellcheck >/dev/null; then
    while read -r file; do
        case $file in *.sh) ;; *.*) continue ;; *) head -n 1 "$file" | tr -d '\000' | grep -q '^#!.*sh$' || continue ;; esac
        printf '%s\n' "$file"
    done <"$scratch/all" >"$scratch/files"
    says_nothing "shellcheck finds nothing" shellcheck -x -S warning
else
    echo "# skip scripts: no shellcheck here"
fi
exit $failed
