#!/bin/sh
# The state files with the releases of ModelOpt that PyPI has, each row of releases.def and what lies between: of the oldest and the newest
# all configurations, of the others each format once. They share the torch of make bench-modelopt's environment; PYTHON: of another.
. tests/bench/with_modelopt.sh
lib=${BUILD:-build}/modelopt-lib
for version in 0.40.0 0.42.0 0.43.0 0.44.0 0.45.0 0.46.1 0.47.0; do
    # --no-deps: torch and the rest are there; what older releases need is among it.
    [ -d "$lib/$version/modelopt" ] || "$PYTHON" -m pip install -q --no-input --disable-pip-version-check --no-deps --target "$lib/$version" \
        "nvidia-modelopt==$version" >/dev/null 2>&1 || { echo "# skip ModelOpt $version: pip cannot install it"; continue; }
    which=once
    case $version in 0.40.0 | 0.47.0) which=all ;; esac
    PYTHONPATH=$lib/$version tests/report/modelopt.sh "$PYTHON" $which
done
