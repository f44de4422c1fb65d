# The first $k layers by a rank of src/cell/rank.h, which says what ranks are: {by, layers: [{layer, value}]}, or null where the layers
# lack what it is made of. Input: the exported layers, {NAME: {weights, class_score, box_score, class_kl, box_loss}}.
def ranked($by; $k):
    def parts: if $by == "class" then [.class_score] elif $by == "box" then [.box_score] elif $by == "measured" then [.class_kl, .box_loss]
        elif $by == "detection" then [.class_score, .box_score] else [null] end;
    [.[].weights] as $weights | ($weights | add) as $all | [.[] | parts] as $parts |
    if $parts == [] or any($parts[][]; . == null) then null else
        ($parts | transpose | map(add)) as $total |
        {by: $by, layers: ([to_entries[] | {layer: .key, value: (.value.weights as $w | .value | parts |
            if $by == "measured" then [., $total] | transpose | map(if .[1] > 0 then .[0] / .[1] else 0 end) | add
            elif $by == "detection" then ((.[1] | sqrt) + 0.1 * (.[0] / 2 | sqrt) | . * .) / (if $w > 0 then pow($w / $all; 1 / 8) else 1 end)
            else .[0] end)}] | sort_by(-.value) | .[:$k])}
    end;
