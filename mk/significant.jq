# A number that is not negative with so many significant digits. Read from its text, so that the double prints as these digits; none
# above zero becomes zero.
def significant($digits): if . <= 0 then 0 else
    (log10 | floor - ($digits - 1)) as $e | "\(. * pow(10; -$e) | round)e\($e)" | tonumber end;

# A number that is not negative with three decimals, as the reports print an AP: 0.940, 1.000.
def thousandths: (. * 1000 | round) as $n | "\($n / 1000 | floor).\("00\($n % 1000)"[-3:])";
