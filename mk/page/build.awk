# index.html from page.html: its style sheet and scripts, and the file $data of the environment, stand in the page itself.
# The template opens in a browser too, without data.
function insert(file,    line, got) {
    while ((got = (getline line < file)) > 0) print line
    if (got < 0) { print file ": cannot be read" > "/dev/stderr"; exit failed = 1 }
    close(file)
}
function beside() { match($0, /(href|src)="[^"]*"/); name = substr($0, RSTART, RLENGTH); gsub(/^[a-z]*="|"$/, "", name); return folder name }
BEGIN { folder = ARGV[1]; sub(/[^\/]*$/, "", folder) }
/<link rel="stylesheet"/ { print "<style>"; insert(beside()); print "</style>"; next }
/<script src=/ { print "<script>"; insert(beside()); print "</script>"; next }
/<script id="data"/ { print "<script id=\"data\" type=\"application/json\">"; insert(ENVIRON["data"]); print "</script>"; next }
{ print }
END { exit failed }
