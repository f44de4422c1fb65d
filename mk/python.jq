# CSV as Python's csv module writes it, since the artifacts of the reference are its.

# One field of csv.writer's default dialect. A spreadsheet takes what begins with = + - @ for a formula: an apostrophe
# keeps such text from being one; numbers are let through.
def field:
    if . == null then "" else tostring end |
    if test("^[=+@\t\r-]") and (test("^-?[0-9.]+$") | not) then "'" + . else . end |
    if test("[\",\r\n]") then "\"" + gsub("\""; "\"\"") + "\"" else . end;
