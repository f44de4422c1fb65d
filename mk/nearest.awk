# awk -v word=W -f nearest.awk: of the words on the input, those nearest to W (edit distance, case ignored).
function least(a, b) { return a < b ? a : b }
function distance(s, t,    i, j, m, n, d) {
    m = length(s); n = length(t)
    for (i = 0; i <= m; i++) d[i, 0] = i
    for (j = 0; j <= n; j++) d[0, j] = j
    for (i = 1; i <= m; i++)
        for (j = 1; j <= n; j++)
            d[i, j] = least(least(d[i - 1, j], d[i, j - 1]) + 1, d[i - 1, j - 1] + (substr(s, i, 1) != substr(t, j, 1)))
    return d[m, n]
}
function common(s, t,    i) {
    for (i = 0; i < length(s) && i < length(t) && substr(s, i + 1, 1) == substr(t, i + 1, 1); i++)
        ;
    return i
}
{
    # Words that begin alike are nearer: WEIGHTS means WEIGHT_DTYPES.
    for (f = 1; f <= NF; f++) {
        far = 2 * distance(toupper(word), toupper($f)) - common(toupper(word), toupper($f))
        if (!count || far < best) { best = far; count = 0 }
        if (far == best) near[++count] = $f
    }
}
END {
    for (i = 1; i <= count && i <= 3; i++) printf "%s%s", (i > 1 ? " or " : ""), near[i]
    print ""
}
