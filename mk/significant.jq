# A number that is not negative with so many significant digits. Read from its text, so that the double prints as these digits; none
# above zero becomes zero.
def significant($digits): if . <= 0 then 0 else
    (log10 | floor - ($digits - 1)) as $e | "\(. * pow(10; -$e) | round)e\($e)" | tonumber end;
