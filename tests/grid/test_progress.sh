#!/bin/sh
# What a sweep shows while it runs: on a terminal a line for each running model, below the words; elsewhere words alone. The terminal is
# script(1)'s, and test_board.c's of what remains on it.
. tests/grid/lib.sh
board=$here/${BUILD:-build}/test/cli/test_board
if ! script -qec true /dev/null >/dev/null 2>&1 </dev/null; then
    echo "# skip progress on a terminal: no script(1) here"
    exit 0
fi

# A sweep of models a and b, two at a time, on a terminal of this width; all that it was sent in sent, what remains in screen.
FAKE_SLEEP=0.2
TERM=xterm
export FAKE_SLEEP TERM
on_terminal() { # COLUMNS [VARIABLE=VALUE]...
    columns=$1
    shift
    echo "stty cols $columns rows 24; make BIN=tests/grid/fake-bin IMAGE_LIST=lists/list.txt CALIB_IMAGES=12 SCORE_SIZE=4 \
        MODELS='a b' WEIGHT_DTYPES='int8 fp4' ACT_DTYPES=int8 NEW=1 sweep -j2 $*; echo status \$?" >"command"
    script -qec "sh command" /dev/null >sent 2>err </dev/null
    "$board" --screen "$columns" 24 <sent >screen 2>err
    muddled=$?
}
# What does not differ from run to run. Lines of models that run side by side come in any order.
settled() {
    sed 's/[0-9-]*_[0-9-]*[0-9]/TIME/g' "$1" | sort
}
controls() { # FILE: bytes that are neither text nor ends of lines
    tr -d '\n\t -~' <"$1" | wc -c
}

mk sweep -j2 MODELS='a b' WEIGHT_DTYPES='int8 fp4' ACT_DTYPES=int8 NEW=1
echo "status $status" | cat err out - >words
equal "what is no terminal gets no control characters" "$(controls words)" 0
on_terminal 80
equal "80 columns: nothing is muddled" "$muddled$(cat err)" 0
ok "both models have their line" grep -q '\[2A[ab]  [^[]*\[K.$' sent
for text in 'images  preparing images 1/12' 'a  calibrating 1/12' 'b  scoring image 2/4'; do
    ok "on a line: $text" grep -qF "$text" sent
done
on_terminal 200
settled words | sed 's, in [0-9 a-z]* s\,, in T s,' | tr -s ' ' >wanted
settled screen | sed 's, in [0-9 a-z]* s\,, in T s,' | tr -s ' ' >got
ok "what remains are the words, as elsewhere" cmp wanted got

# Words that a model says while another's line stands, on a terminal narrower than they are.
FAKE_FAIL=int8-int8-per_layer
export FAKE_FAIL
on_terminal 30 CELLS_PER_PROCESS=1
equal "30 columns, a process for each cell: nothing is muddled" "$muddled$(cat err)" 0
ok "a line names its cell" grep -q 'a int8-int  scoring image 1/4' sent
ok "words are whole, however they wrap" [ "$(tr -d '\n' <screen | grep -o 'int8-int8/per_layer/scores.json: layer model.3.conv: the score is not finite' | wc -l)" -ge 2 ]
equal "and no line is left behind" "$(grep -c -e calibrating.1/ -e 'scoring image' -e 'preparing' screen)" 0
unset FAKE_FAIL

TERM=dumb
on_terminal 80
tr -d '\r' <sent >plain
equal "a dumb terminal gets no control characters" "$(controls plain)" 0
TERM=xterm
echo "make BIN=tests/grid/fake-bin IMAGE_LIST=lists/list.txt CALIB_IMAGES=12 SCORE_SIZE=4 MODELS=a WEIGHT_DTYPES=int8 ACT_DTYPES=int8 \
    NEW=1 sweep 2>&1 | cat >piped" >"command"
script -qec "sh command" /dev/null >sent 2>err </dev/null
ok "nor does a pipe, though there is a terminal" [ -s piped -a "$(controls piped)" -eq 0 -a ! -s sent ]
equal "nor do logs" "$(cat $run/logs/a/*/* >logs; controls logs)" 0

# Ctrl-C. On a busy machine it may take seconds until anything is seen.
FAKE_SLEEP=20
echo "stty cols 80 rows 24; make BIN=tests/grid/fake-bin IMAGE_LIST=lists/list.txt CALIB_IMAGES=12 SCORE_SIZE=4 \
    MODELS='a b' WEIGHT_DTYPES=int8 ACT_DTYPES=int8 TIMESTAMP=stopped sweep -j2" >"command"
{
    tries=0
    until grep -q preparing sent || [ $tries -ge 300 ]; do sleep 0.1; tries=$((tries + 1)); done
    printf '\003'
    sleep 1
} | script -qec "sh command" /dev/null >sent 2>err
"$board" --screen 80 24 <sent >screen 2>err
ok "Ctrl-C takes the lines away and says how to go on: $(grep stopped screen | tail -n 1)" \
    [ -n "$(grep 'not finished; the same command' screen)" -a -z "$(grep preparing screen)" ]

# V=1 shows the commands.
FAKE_SLEEP=0
small sweep NEW=1 V=1
for tool in calib-prep calib-stats sens-score recipe-solve report-gen; do
    ok "V=1 shows the command of $tool" grep -q "^tests/grid/fake-bin/$tool " err
done
exit $failed
