# JSON and CSV as Python's json and csv modules write them, since the artifacts of the reference are theirs.

# The text of a number that Python holds as a float.
def float: tostring | if test("[.e]") then . else . + ".0" end;

# json.dumps(x)
def dumps:
    if type == "object" then "{" + ([to_entries[] | (.key | tojson) + ": " + (.value | dumps)] | join(", ")) + "}"
    elif type == "array" then "[" + (map(dumps) | join(", ")) + "]"
    else tojson end;

# json.dumps(x, indent=2)
def pretty($indent):
    def block($open; $close): $open + "\n" + (map($indent + "  " + .) | join(",\n")) + "\n" + $indent + $close;
    if type == "object" and length > 0 then
        [to_entries[] | (.key | tojson) + ": " + (.value | pretty($indent + "  "))] | block("{"; "}")
    elif type == "array" and length > 0 then map(pretty($indent + "  ")) | block("["; "]")
    else tojson end;

# One field of csv.writer's default dialect. A spreadsheet takes what begins with = + - @ for a formula: an apostrophe
# keeps such text from being one; numbers are let through.
def field:
    if . == null then "" else tostring end |
    if test("^[=+@\t\r-]") and (test("^-?[0-9.]+$") | not) then "'" + . else . end |
    if test("[\",\r\n]") then "\"" + gsub("\""; "\"\"") + "\"" else . end;
