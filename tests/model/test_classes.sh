#!/bin/sh
# A class of the network by another name may compute something else: each of them, renamed, is refused, wherever it stands.
. tests/checks.sh
bin=${BUILD:-build}/bin edit=${BUILD:-build}/test/pt/edit_checkpoint model=$checkpoint
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
log=$dir/err
"$bin/model-dump" --size 64 $model >"$dir/dump" 2>"$dir/err"
jq -r '.tree.children | .. | .class? // empty' "$dir/dump" | sort -u >"$dir/classes"
ok "the network has $(wc -l <"$dir/classes") classes besides its own" [ "$(wc -l <"$dir/classes")" -ge 18 ]
while read -r class; do
    "$edit" $model "$dir/renamed.pt" class "$class" "$class"X 2>"$dir/err" &&
        "$bin/model-dump" --size 64 "$dir/renamed.pt" >"$dir/out" 2>"$dir/err"
    status=$?
    ok "$(sed 's/.*renamed.pt: //' "$dir/err")" [ "$status/$(wc -l <"$dir/err")/$(wc -c <"$dir/out")/$(grep -c "$class"X "$dir/err")" = 3/1/0/1 ]
done <"$dir/classes"
