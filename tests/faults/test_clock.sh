#!/bin/sh
# Time stamps decide nothing: a clock that jumps years ahead and back after each step of a sweep, a run whose files are all of another
# time, and copies of a run, with their stamps or without, are gone on with and read as if nothing had been.
. tests/faults/lib.sh
models='a b'
all_ok='0 6 ok, 2 unsupported, 0 failed: sweep_index.json'
sweep TIMESTAMP=whole
equal "an undisturbed sweep" "$status $(last_line)" "$all_ok"
content $runs/whole >whole

# Each tool's files are of another year than those of the tool before it.
mkdir tools-here
for tool in "$bin"/*; do
    name=$(basename "$tool")
    cat >"tools-here/$name" <<EOT
#!/bin/sh
"$tool" "\$@"
status=\$?
cd "$sandbox" || exit 1
case $name in progress-board | grid-run) exit \$status ;; esac
touch -d yesterday turned.\$\$ && mv turned.\$\$ turned
[ -e ahead ] && { rm -f ahead; year=1999; } || { : >ahead; year=2037; }
find $runs/ -type f -newer turned ! -newermt 2036-01-01 -exec touch -d "\$year-01-01" {} +
exit \$status
EOT
    chmod +x "tools-here/$name"
done
sweep TIMESTAMP=jumps BIN=tools-here
equal "the clock goes to and fro" "$status $(last_line)" "$all_ok"
content $runs/jumps >content
ok "with the same results" cmp whole content
ok "files are of both times" [ -n "$(find $runs/jumps/outputs -newermt 2036-01-01 -print -quit)" -a -n "$(find $runs/jumps/outputs ! -newermt 2000-01-01 -print -quit)" ]
ok "no time is less than none" [ "$(jq '[.successes[].elapsed_s | select(. < 0)] | length' $runs/jumps/sweep_index.json)" -eq 0 ]

# Killed while cells are made; then it is another year.
for year in 1999 2037; do
    (exec_sweep TIMESTAMP=killed-$year CELLS_PER_PROCESS=1) >out 2>err &
    pid=$!
    tries=0
    until [ -n "$(find $runs/killed-$year/outputs -name recipe.json 2>/dev/null)" ] || [ $tries -ge 400 ]; do
        sleep 0.02
        tries=$((tries + 1))
    done
    kill -s TERM $pid
    wait $pid
    find $runs/killed-$year -type f -exec touch -d $year-01-01 {} +
    sweep TIMESTAMP=killed-$year
    equal "stopped half-way, and gone on with in $year" "$status $(last_line)" "$all_ok"
    content $runs/killed-$year >content
    ok "with the same results" cmp whole content
done

# What is finished is left alone, whatever its time, and so is a copy.
inodes() { # RUN
    (cd "$1" && find outputs logs ./*.json ./*.csv ./*.html -type f -exec stat -c '%n %i' {} + | sort)
}
for year in 1999 2037; do
    find $runs/whole -type f -exec touch -d $year-01-01 {} +
    inodes $runs/whole >before
    sweep TIMESTAMP=whole
    inodes $runs/whole >after
    ok "a finished run of $year: status $status, nothing is made again" cmp before after
done
for how in -a -R; do
    cp $how $runs/whole $runs/copy$how
    inodes $runs/copy$how | grep -v index.html >before
    sweep TIMESTAMP=copy$how
    inodes $runs/copy$how | grep -v index.html >after
    ok "a copy by cp $how: status $status, nothing is made again" cmp before after
    ok "but the page, which names its run" grep -q "\"name\":\"copy$how\"" $runs/copy$how/index.html
    (
        cd $runs/copy$how || exit 1
        make -f grid.mk TOP="$sandbox" BIN="$bin" >/dev/null 2>&1
    )
    inodes $runs/copy$how | grep -v index.html >after
    ok "also by its grid.mk" cmp before after
done
mv $runs/copy-a elsewhere
rm -r elsewhere/outputs/b
mkdir -p tmp/moved && mv elsewhere tmp/moved/it
make index BIN="$bin" SUBDIR=moved TIMESTAMP=it >out 2>err
equal "the index of a copy is of what it holds" "$(last_line) $(jq '.successes | length' tmp/moved/it/sweep_index.json)" "3 ok, 1 unsupported, 0 failed: sweep_index.json 3"

# The newest run is the one that was begun last, whatever the clock said.
models=a
sed -i 's/"created": "[0-9.]*"/"created": "2114380800.999999999"/' $runs/whole/run.json
sweep NEW=1
first=$(readlink $runs/latest)
sweep
equal "a run that was begun after the clock went back is the newest" "$(readlink $runs/latest)" "$first"
sweep TIMESTAMP=named
sweep
equal "one of a name too" "$(readlink $runs/latest)" named
exit $failed
