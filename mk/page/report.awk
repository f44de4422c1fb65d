# Reports in Markdown, as report-gen writes them, as pages: the one of the Nth file that standard input names is $folder/N.html, with
# the style sheet $style; both of the environment. What report-gen takes from outside stands in character references or in code, so
# that nothing of it is markup here.
function escape(s) { gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); gsub(/>/, "\\&gt;", s); return s }
function words(s,    strong) {
    s = escape(s)
    gsub(/&amp;#/, "\\&#", s)
    gsub(/&lt;code&gt;/, "<code>", s)
    gsub(/&lt;\/code&gt;/, "</code>", s)
    while (match(s, /\*\*[^*]*\*\*/)) {
        strong = "<strong>" substr(s, RSTART + 2, RLENGTH - 4) "</strong>"
        s = substr(s, 1, RSTART - 1) strong substr(s, RSTART + RLENGTH)
    }
    return s
}
function inline(s,    out, at, n) {
    while ((at = match(s, /`[^`]*`/))) {
        n = RLENGTH
        out = out words(substr(s, 1, at - 1)) "<code>" escape(substr(s, at + 1, n - 2)) "</code>"
        s = substr(s, at + n)
    }
    return out words(s)
}
# Ends what is open unless it is this, and begins this.
function within(tag) {
    if (tag == open) return
    if (open) print "</" open (open == "table" ? "></div>" : ">") >page
    if (tag) print (tag == "table" ? "<div class=\"wide\">" : "") "<" tag ">" >page
    open = tag
    rows = 0
}
function row(line, cell,    n, i, cells) {
    n = split(line, cells, "|")
    printf "<tr>" >page
    for (i = 2; i < n; i++) printf "<%s>%s</%s>", cell, inline(cells[i]), cell >page
    print "</tr>" >page
}
function finish() { if (page) { within(""); print "</body>\n</html>" >page; close(page) } }
function begin(    n, part, at, title) {
    finish()
    page = ENVIRON["folder"] "/" ++pages ".html"
    n = split(FILENAME, part, "/")
    # The run's folder is four above a cell's, its page knows the cell by name.
    title = escape(part[n - 3] " " part[n - 2] " " part[n - 1])
    gsub(/%/, "%25", part[n - 3]); gsub(/\+/, "%2B", part[n - 3])
    at = escape(part[n - 3] "+" part[n - 2] "+" part[n - 1])
    gsub(/"/, "%22", at)
    print "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n" \
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n" \
        "<title>" title ": layer sensitivity</title>\n<style>" >page
    print style "</style>\n</head>\n<body>\n<p><a href=\"../../../../index.html#cell=" at "\">The page of the run</a>; this text as " \
        "<a href=\"layer-sensitivity-report.md\">Markdown</a> and <a href=\"layer-sensitivity-report.json\">JSON</a></p>" >page
    fence = open = ""
}
BEGIN {
    while ((getline line < ENVIRON["style"]) > 0) style = style line "\n"
    while ((getline line < "-") > 0) ARGV[ARGC++] = line
}
FNR == 1 { begin(); held = "" }
/^```/ { within(""); print (fence ? "</pre>" : "<pre>") >page; fence = !fence; next }
fence { print escape($0) >page; next }
/^=+$/ { print "<h1>" inline(held) "</h1>" >page; open = ""; held = ""; next }
/^## / { within(""); print "<h2>" inline(substr($0, 4)) "</h2>" >page; next }
# Indented lines are code, with the empty ones between them.
/^    / && (!open || open == "pre") {
    if (open) while (empty > 0) { print "" >page; empty-- }
    within("pre"); print escape(substr($0, 5)) >page
    empty = 0
    next
}
/^$/ && open == "pre" { empty++; next }
/^$/ { within(""); next }
/^\|/ {
    within("table")
    if (/^\|( :?-+:? \|)+$/ || /^\|(:?-+:?\|)+$/) next
    row($0, rows++ ? "td" : "th")
    next
}
/^- / { within("ul"); print "<li>" inline(substr($0, 3)) "</li>" >page; next }
FNR == 2 { held = $0; next }
/^> / { within("blockquote"); print inline(substr($0, 3)) >page; next }
{ within("p"); print inline($0) >page }
END { finish() }
