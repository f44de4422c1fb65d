#!/bin/sh
# Makes the golden files of tests/report/tiny again, from what report-gen writes now. From the repository root; BUILD is the build
# folder. Read git diff before you commit: the goldens are what the tests believe.
gen=${BUILD:-build}/bin/report-gen
golden=tests/report/tiny
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
"$gen" --scores $golden/scores.json --recipe $golden/recipe.json --run $golden/run.json -o "$dir" 2>/dev/null || exit 1
cell=tiny_wint4_aint8_per_layer
cp "$dir/layer-sensitivity-report.md" $golden/report.md &&
    cp "$dir/layer-sensitivity-report.json" $golden/report.json &&
    cp "$dir/composed-config.yaml" $golden/composed.yaml &&
    cp "$dir/${cell}_quant_manifest.json" $golden/manifest.json
