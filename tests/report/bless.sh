#!/bin/sh
# Makes the golden files of tests/report/tiny and tiny47 again, from what recipe-solve and report-gen write now. From the repository
# root; BUILD is the build folder. Read git diff before you commit: the goldens are what the tests believe.
bin=${BUILD:-build}/bin
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

golden() { # FOLDER CELL OPTION...
    golden=tests/report/$1 cell=$2
    shift 2
    "$bin/report-gen" --scores "$golden/scores.json" --recipe "$golden/recipe.json" "$@" -o "$dir" 2>/dev/null || exit 1
    cp "$dir/layer-sensitivity-report.md" "$golden/report.md" &&
        cp "$dir/layer-sensitivity-report.json" "$golden/report.json" &&
        cp "$dir/composed-config.yaml" "$golden/composed.yaml" &&
        cp "$dir/${cell}_quant_manifest.json" "$golden/manifest.json" &&
        unzip -p "$dir/${cell}_autoquant_state.pt" "${cell}_autoquant_state/data.pkl" >"$golden/state.pkl" || exit 1
}

golden tiny tiny_wint4_aint8_per_layer --run tests/report/tiny/run.json
"$bin/recipe-solve" --effective-bits 8 tests/report/tiny47/scores.json -o tests/report/tiny47/recipe.json || exit 1
golden tiny47 tiny_wfp4_afp4_per_layer
