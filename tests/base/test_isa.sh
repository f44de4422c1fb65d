#!/bin/sh
# Only files named for an instruction set hold code beyond baseline x86-64 (SSE2), and none of those shares a function with
# other objects: a linker that keeps one copy of an inline function must not keep theirs.
BUILD=${BUILD:-build}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
if ! command -v objdump >/dev/null; then
    echo "# skip objdump is not installed"
    exit 0
fi
find "$BUILD/obj/src" "$BUILD/obj/tools" -name '*.o' 2>/dev/null | sort >"$tmp/all"
grep -E '_avx[0-9a-z]*\.o$' "$tmp/all" >"$tmp/isa"
grep -vE '_avx[0-9a-z]*\.o$' "$tmp/all" >"$tmp/baseline"

# Wide registers and VEX forms, and the SSE3 to SSE4.2 and BMI instructions that a compiler emits by itself.
beyond='%[yz]mm|[[:space:]](v[a-z]+(ps|pd|ss|sd|dqu|dqa)|pshufb|pmulld|pblend[a-z]*|round[sp][sd]|pm(ax|in)(sd|ud|sb|uw)|ptest|popcnt|andn|bextr|shlx|sarx|shrx|mulx|rorx|lddqu|haddp[sd])[[:space:]]'
while read -r o; do
    if objdump -d --no-show-raw-insn "$o" | grep -m1 -E "$beyond" >"$tmp/hit"; then
        echo "not ok - $o holds code beyond baseline: $(cat "$tmp/hit")"
        touch "$tmp/bad"
    fi
done <"$tmp/baseline"
[ -s "$tmp/baseline" ] && [ ! -e "$tmp/bad" ] && echo "ok - $(wc -l <"$tmp/baseline") objects hold baseline code only"

rm -f "$tmp/bad"
while read -r o; do
    if ! objdump -d --no-show-raw-insn "$o" | grep -qE "$beyond"; then
        echo "not ok - $o holds nothing beyond baseline: its name lies, or this test sees nothing"
        touch "$tmp/bad"
    fi
    if nm --defined-only "$o" | grep -E ' [WVTu] ' >"$tmp/hit"; then
        echo "not ok - $o exports code: $(head -n 1 "$tmp/hit")"
        touch "$tmp/bad"
    fi
done <"$tmp/isa"
[ -s "$tmp/isa" ] && [ ! -e "$tmp/bad" ] && echo "ok - $(wc -l <"$tmp/isa") objects for one instruction set export tables only"
[ -s "$tmp/isa" ] || echo "not ok - no object of $BUILD is for one instruction set"
exit 0
