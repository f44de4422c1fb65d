#!/bin/sh
# run.sh find|make|plan: which run these settings belong to.
#   make  prints the folder of the run to use, and behind a space its device's kind, starting one where none fits, and says why
#   find  prints the folder if there is one, nothing otherwise
# Environment: the variables of IDENTITY in config.mk, SUBDIR, TIMESTAMP, NEW, BIN. Exit 2: these cannot be used.
#
# A run's identity is everything in run.json but "created", "image_list" and the images' names: where they lie does not
# matter, their bytes do. Sweeps that begin at the same time decide one after the other.
. mk/lib.sh

[ -x "$BIN/sens-score" ] || die 2 "$BIN/sens-score: not built; make build"
device=$("$BIN/sens-score" --probe --device "$DEVICE") || exit 2

root=tmp/$SUBDIR work=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
if [ "$1" = make ]; then
    alone_in "$root"
    # Beside the runs: if this sweep is killed, the next one clears it away.
    work=$root/.choosing
    rm -rf "$work" && mkdir "$work" 2>/dev/null && room "$work" || full "$root"
else
    work=$(mktemp -d) || exit 1
fi

# The images that will be used, as listed, and their digests.
list_images() {
    "$BIN/file-digest" --list "$IMAGE_LIST" --count "$CALIB_IMAGES" >"$work/sums" 2>"$work/err" ||
        die 2 "$(sed '1s/^file-digest: //; q' "$work/err")"
    cut -c67- "$work/sums" >"$work/names"
    cut -c1-64 "$work/sums" >"$work/digests"
    count=$(wc -l <"$work/names")
    [ "$count" -eq "$CALIB_IMAGES" ] || note "$IMAGE_LIST: has $count images, CALIB_IMAGES=$CALIB_IMAGES: all $count are used"
}

identity() {
    revision=$("$BIN/sens-score" --revision) || die 2 "$BIN/sens-score: does not tell its scoring revision"
    jq -n --rawfile names "$work/names" --rawfile digests "$work/digests" --arg all "$(sha256_of "$work/digests")" \
        --arg list "$IMAGE_LIST" --arg n "$CALIB_IMAGES" --arg score "$SCORE_SIZE" --arg size "$IMGSZ" \
        --arg batch "$BATCH_SIZE" --arg bits "$EFFECTIVE_BITS" --arg fp4 "$FP4_PRESET" --arg int4 "$INT4_PRESET" \
        --arg dim "$BLOCK_DIM" --arg device "$device" --arg revision "$revision" --arg created "$(date +%s.%N)" '
        ($digests | rtrimstr("\n") | split("\n")) as $d |
        {image_list: $list, calib_images: ($n | tonumber), score_size: ($score | tonumber), imgsz: ($size | tonumber),
         batch_size: ($batch | tonumber), effective_bits: (if $bits == "" then null else $bits | tonumber end),
         fp4_preset: $fp4, int4_preset: $int4, block_dim: $dim, device: $device, scoring_revision: $revision,
         images_sha256: $all,
         images: [$names | rtrimstr("\n") | split("\n") | to_entries[] | {name: .value, sha256: $d[.key]}],
         created: $created}' \
        >"$work/run.json" || die 1 "cannot describe the run"
}

# Lines "folder<TAB>created<TAB>differences" of the runs under SUBDIR, the newest last. No differences: the same identity.
known_runs() {
    set -- "$root"/*/run.json
    [ -f "$1" ] || return 0
    for f in "$@"; do
        [ -L "${f%/run.json}" ] || printf '%s\n' "$f"
    done >"$work/files"
    if ! xargs jq -r --slurpfile now "$work/run.json" "$compare" <"$work/files" >"$work/runs" 2>/dev/null; then
        # One of them cannot be read: go through them singly and leave it out.
        while read -r f; do
            jq -r --slurpfile now "$work/run.json" "$compare" "$f" 2>/dev/null ||
                note "$f: cannot be read; this run is left alone"
        done <"$work/files" >"$work/runs"
    fi
    sort -t "$tab" -k 2,2 -k 1,1 "$work/runs"
}
compare='
    def name: {images_sha256: "images of IMAGE_LIST", images: "the list of their digests", scoring_revision: "the scoring revision"}[.] // ascii_upcase;
    def show: if . == null then "the default" else tostring end;
    def brief: show | if length > 20 then .[:12] + "..." else . end;
    def bytes: .images = [.images[]?.sha256];
    bytes as $old | ($now[0] | bytes) as $new |
    [$new | keys_unsorted[] | select(. != "image_list" and . != "created") | select($old[.] != $new[.]) |
     select(. != "images" or $old.images_sha256 == $new.images_sha256) |
     "\(name) (\($old[.] | brief) there, \($new[.] | brief) now)"] as $diff |
    [(input_filename | rtrimstr("/run.json")), ($old.created // ""), ($diff | join(", "))] | @tsv'

start() { # FOLDER
    mkdir -p "$1/outputs" "$1/logs" "$1/work" || die 1 "$1: cannot be made"
    put "$1/run.json" <"$work/run.json"
}

case $1 in
make) tell() { printf '%s %s\n' "$dir" "$device"; } ;;
*) tell() { printf '%s\n' "$dir"; } ;;
esac

list_images
identity
known_runs >"$work/known"

if [ -n "$TIMESTAMP" ]; then
    dir=$root/$TIMESTAMP
    if [ -f "$dir/run.json" ]; then
        [ "$NEW" != 1 ] || die 2 "TIMESTAMP=$TIMESTAMP: this run exists, and NEW=1 asks for a new one; choose another name"
        line=$(grep -F "$dir$tab" "$work/known") || die 2 "$dir/run.json: cannot be read; choose another TIMESTAMP"
        differ=${line##*"$tab"}
        [ -z "$differ" ] || die 2 "TIMESTAMP=$TIMESTAMP: this run has other settings: $differ; choose another TIMESTAMP or none"
    elif [ "$1" = make ]; then
        [ ! -e "$dir" ] || [ -d "$dir" ] || die 2 "$dir: is not a folder"
        note "new run $dir"
        start "$dir"
    else
        exit 0
    fi
    tell
    exit 0
fi

dir=
[ "$NEW" = 1 ] || dir=$(awk -F '\t' '$3 == "" { dir = $1 } END { print dir }' "$work/known")
if [ -z "$dir" ] && [ "$1" = make ]; then
    stamp=$(date +%Y-%m-%d_%H-%M-%S)
    dir=$root/$stamp
    k=1
    until mkdir "$dir" 2>/dev/null; do
        [ -e "$dir" ] || die 1 "$dir: cannot be made"
        k=$((k + 1))
        dir=$root/$stamp-$k
    done
    newest=$(tail -n 1 "$work/known")
    if [ "$NEW" = 1 ]; then
        note "new run $dir: NEW=1"
    elif [ -n "$newest" ]; then
        note "new run $dir: ${newest%%"$tab"*} differs in ${newest##*"$tab"}"
    else
        note "new run $dir"
    fi
    start "$dir"
fi
[ -z "$dir" ] || tell
