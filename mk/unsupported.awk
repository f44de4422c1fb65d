# From grid-plan's table, why cells are unsupported: a line for each granularity that block scales do not go with.
BEGIN { FS = "\t" }
$3 == "unsupported" {
    split($2, part, "/")
    split(part[1], type, "-")
    g = part[2]
    if (!(g in n)) order[++count] = g
    n[g]++
    if ($4 ~ /weight_quantizer|[a-z0-9] weights/) add(g, type[1], "weights")
    if ($4 ~ /input_quantizer|[a-z0-9] activations/) add(g, type[2], "activations")
    if ($4 ~ /INT4_PRESET=axis/) axis = 1
}
function add(g, word, of) {
    if (!((g, word) in seen)) words[g] = words[g] " " word
    if (!((g, word, of) in seen)) { seen[g, word]++; kind[g, word] = of }
    seen[g, word, of] = 1
}
END {
    for (i = 1; i <= count; i++) {
        g = order[i]
        k = split(words[g], w, " ")
        said = ""
        for (j = 1; j <= k; j++)
            said = said (j == 1 ? "" : j == k ? " and " : ", ") w[j] (seen[g, w[j]] == 2 ? "" : " " kind[g, w[j]])
        print n[g] " cell" (n[g] == 1 ? "" : "s") " unsupported: " g " does not go with the block scales of " said
    }
    if (axis) print "  INT4_PRESET=axis gives int4 weights scales without blocks"
}
