#!/bin/sh
# models.sh NAME...: downloads NAME.pt from URL, or what is not YOLOv10 from ULTRALYTICS_URL, into MODEL_DIR. What is there is left alone; a download that was cut goes on
# where it was, in NAME.pt.part, which gets its name only when it is whole, and has the digest of mk/models.sha256 where that is known.
# shellcheck source=mk/lib.sh
. "${YS}mk/lib.sh"

command -v curl >/dev/null || die 1 "curl is needed to download checkpoints: apt-get install curl ca-certificates; or put NAME.pt from $URL into $MODEL_DIR/"
mkdir -p "$MODEL_DIR" || die 1 "$MODEL_DIR: cannot be made"
failed=0
for m in "$@"; do
    case $m in
    yolov10*) url=$URL ;;
    *) url=$ULTRALYTICS_URL ;;
    esac
    file=$MODEL_DIR/$m.pt
    if [ -f "$file" ]; then
        note "$file: there already"
        continue
    fi
    note "$file: from $url/$m.pt"
    if ! curl -fL --retry 3 --connect-timeout 20 -C - --no-progress-meter -o "$file.part" "$url/$m.pt"; then
        note "yolosens: $file: the download failed; what has come is kept in $file.part, and make models goes on from there"
        failed=1
    elif [ "$(head -c 2 "$file.part")" != PK ]; then
        rm -f "$file.part"
        note "yolosens: $file: $url/$m.pt is no checkpoint (not a zip file); nothing is kept"
        failed=1
    elif wanted=$(awk -v name="$m.pt" '$2 == name { print $1 }' "${YS}mk/models.sha256") && found=$(sha256sum <"$file.part") &&
        [ "${wanted:-${found%% *}}" != "${found%% *}" ]; then
        rm -f "$file.part"
        note "yolosens: $file: $url/$m.pt is not the official file: its sha256 is ${found%% *}, not $wanted; nothing is kept"
        failed=1
    else
        sync "$file.part" && mv "$file.part" "$file" || failed=1
    fi
done
exit "$failed"
