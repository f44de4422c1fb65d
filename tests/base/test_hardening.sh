#!/bin/sh
# The tools are built as mk/toolchain.mk says, whatever the compiler's own habits: position independent, relocations read-only before
# main, no segment that is written and executed, stack guards, large stack frames probed, libc's checked functions, no search path.
BUILD=${BUILD:-build}
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

missing() { # FILE: what it lacks, one a line
    readelf -hW "$1" | grep -q 'Type: *DYN' && readelf -dW "$1" | grep -q 'FLAGS_1.*PIE' || echo "position independence"
    readelf -lW "$1" | grep -q GNU_RELRO || echo "read-only relocations"
    readelf -dW "$1" | grep -q 'FLAGS.*NOW' || echo "binding before main"
    readelf -lW "$1" | grep GNU_STACK | grep -q 'RW  ' || echo "a stack that is not executed"
    readelf -lW "$1" | awk '$1 == "LOAD" && /RWE/ { bad = 1 } END { exit bad }' || echo "segments that are either written or executed"
    readelf -sW "$1" | grep -q __stack_chk_fail || echo "stack guards"
    objdump -d "$1" | grep -q 'or[ql] *\$0x0,(%[re]sp)' || echo "probes of large stack frames"
    readelf -sW "$1" | grep -q 'printf_chk' || echo "checked functions"
    readelf -dW "$1" | grep -q -E 'RPATH|RUNPATH|TEXTREL' && echo "freedom from search paths and relocated code"
    return 0
}

failed=0
for tool in "$BUILD"/bin/*; do
    lacks=$(missing "$tool")
    case $BUILD in */san*) lacks=$(printf '%s\n' "$lacks" | grep -v -e 'checked functions' -e '^$') ;; esac
    if [ -z "$lacks" ]; then
        echo "ok - ${tool##*/} is hardened"
    else
        echo "not ok - ${tool##*/} lacks $(printf %s "$lacks" | tr '\n' ',')"
        failed=1
    fi
done

# And what is built without is seen to be.
printf '#include <stdio.h>\nint main(int n, char **v) { char b[90000]; return snprintf(b, 90000 - n, "%%s", v[0]) + b[n]; }\n' >"$scratch/soft.c"
if ! ${CC:-gcc} -O2 -no-pie -fno-pie -fno-stack-protector -fno-stack-clash-protection -U_FORTIFY_SOURCE -o "$scratch/soft" "$scratch/soft.c" \
    -Wl,-z,norelro,-z,lazy,-z,execstack,-rpath,/nowhere 2>/dev/null; then
    echo "# skip what a program without hardening lacks: this compiler makes none"
    exit $failed
fi
n=$(missing "$scratch/soft" | grep -c .)
if [ "$n" -ge 8 ]; then echo "ok - a program without hardening lacks $n things"; else
    echo "not ok - a program without hardening seems to lack only $n things: $(missing "$scratch/soft" | tr '\n' ',')"
    failed=1
fi
exit $failed
