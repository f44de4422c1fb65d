# awk -v word=W -f nearest.awk: of the words on the input, those nearest to W (edit distance, case ignored), best first.
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
{
    for (f = 1; f <= NF; f++) {
        dist = distance(toupper(word), toupper($f))
        # What one begins like the other is near, however much longer.
        if (index(toupper($f), toupper(word)) == 1 || index(toupper(word), toupper($f)) == 1) dist = least(dist, 1)
        at[dist] = at[dist] (at[dist] ? " " : "") $f
    }
}
END {
    for (k = 0; k < 64 && count < 1; k++)
        if (k in at) { out = out (out ? " " : "") at[k]; count++ }
    n = split(out, w, " ")
    for (i = 1; i <= n && i <= 3; i++) printf "%s%s", (i > 1 ? " or " : ""), w[i]
    print ""
}
