#!/bin/sh
# yolosens GOAL [VARIABLE=VALUE]...: the grid's goals of the Makefile, from any folder; runs, and what paths are relative to, are in that
# folder.
bin=$(dirname "$(realpath "$0")")
share=${bin%/bin}/share/yolosens
goals='@GOALS@'
usage() {
    echo "Usage: yolosens GOAL [VARIABLE=VALUE]..."
    echo "Make and read maps of how much each convolution of a YOLO detector is hurt by quantization; runs are in ./tmp."
    # shellcheck disable=SC2086
    make -s -f "$share/Makefile" help BIN="$bin" | sed -n '/^Variables/,$d; s/^Targets/Goals/; /^yolosens:/d; /^ /!p; '"$(printf '/^  %s  /p; ' $goals)"
    echo 'yolosens variables lists what may be set, with defaults. A job count is given as to make: yolosens sweep -j2.'
}

case $1 in
'' | help | --help | -h) usage; exit ;;
--version) exec "$bin/sens-score" --version ;;
variables) make -s -f "$share/Makefile" help BIN="$bin" | sed -n '/^Variables/,/^$/p'; exit ;;
esac
for word in "$@"; do
    case $word in
    *=* | -*) continue ;;
    esac
    case " $goals " in
    *" $word "*) ;;
    *)
        echo "yolosens: $word is no goal; one of $goals, or help" >&2
        exit 2
        ;;
    esac
done
CALLED=yolosens
export CALLED
exec make --no-print-directory -f "$share/Makefile" BIN="$bin" "$@"
