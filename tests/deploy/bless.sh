#!/bin/sh
# What keep-list prints now becomes what test_keep_list.sh expects. From the repository root; BUILD is the build folder.
for target in $("${BUILD:-build}/bin/keep-list" --target help | cut -d' ' -f1); do
    "${BUILD:-build}/bin/keep-list" -s tests/deploy/scores.json -k 6 -t "$target" -o "tests/deploy/golden/$target.txt" 2>/dev/null ||
        exit 1
done
