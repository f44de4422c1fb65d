#!/bin/sh
# The tools that scripts write and check files with: file-put, and seal-check of a cell's record.
. tests/checks.sh
bin=$(realpath "${BUILD:-build}")/bin
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

leftovers() {
    find . -name '.?*' | wc -l
}

echo new >from
for f in one two; do echo old >$f; done
inode=$(stat -c %i one)
echo old >same
"$bin/file-put" from=two same=one
equal "FROM=FILE: status and bytes" "$? $(cat one two | tr '\n' ' ')" "0 old new "
equal "a file that holds its bytes is left alone" "$(stat -c %i one)" "$inode"
printf 'x\0y' | "$bin/file-put" -o zero
equal "bytes of standard input" "$(od -An -c zero | tr -d ' ')" 'x\0y'
mkdir full
"$bin/file-put" from=one from=full/none/two 2>err
equal "one that cannot be written: status, line, the others as they were" "$? $(sed 's/:.*//' err) $(cat one)" "1 file-put old"
"$bin/file-put" from=one none=two 2>err
equal "one that is not there: status and the others as they were" "$? $(cat one)" "1 old"
"$bin/file-put" from=one full=two 2>err
equal "a folder is no file" "$? $(cat one)" "1 old"
for args in '' '-o x from=one' 'from=one two' 'from' 'from='; do
    # shellcheck disable=SC2086
    "$bin/file-put" $args </dev/null 2>err
    equal "file-put $args: usage" "$? $(cat one)" "2 old"
done
equal "no temporary is left" "$(leftovers)" 0

mkdir cell
echo 1 >cell/a
echo 2 >cell/b
record() {
    sha256sum cell/a cell/b | jq -R -n '{status: "ok", files: ([inputs | {key: .[71:], value: .[:64]}] | from_entries)}' >cell/status.json
}
record
"$bin/seal-check" cell/status.json >got
equal "a record whose files are whole" "$? $(cat got)" "0 "
echo 3 >cell/a
rm cell/b
"$bin/seal-check" cell/status.json >got 2>err
equal "files altered and gone are named" "$? $(tr '\n' ' ' <got)" "1 cell/a cell/b "
echo '{"status": "skipped"}' >cell/status.json
"$bin/seal-check" cell/status.json
equal "a record of no files" $? 0
echo '{"status": "ok", "files": {"a": 1}}' >cell/status.json
equal "a digest that is none" "$("$bin/seal-check" cell/status.json 2>err)" cell/a
echo '{"status": ' >cell/status.json
equal "a record that is cut names itself" "$("$bin/seal-check" cell/status.json 2>err)" cell/status.json
