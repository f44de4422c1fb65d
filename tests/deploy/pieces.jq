# What --target page says of $target with the rank's first $keep, put together.
. as {$ranks, $targets} | ($targets[] | select(.target == $target)) as $t |
if $t.why then "refused: \($t.why)\n" elif $t.text == null then "more than names\n" else
    ([$ranks.detection.order[] | select(IN($t.left[]) | not)][:$keep] | sort) as $kept |
    if $kept == [] then $t.none else
        [$t.text[] | if type == "string" then . else . as $l | [$kept[] as $i | $l.before + $l.each[$i] + $l.after] | join($l.between) end] | add end
end
