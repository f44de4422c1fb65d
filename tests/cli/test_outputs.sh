#!/bin/bash
# Where results go: what is no regular file is written through, links stay links, rights stay, inputs are safe.
# bash: for >(...).
. tests/checks.sh
bin=$(realpath "${BUILD:-build}")/bin
top=$PWD
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

qcfg() {
    "$bin/qcfg-build" --weight int8 --act int8 --granularity per_layer "$@" 2>err
}
qcfg >whole

if mknod null c 1 3 2>/dev/null && : >null; then
    qcfg -o null
    equal "a device: status, and it is one still" "$? $(stat -c %F null)" "0 character special file"
    "$bin/qcfg-build" int8-int8-per_layer=null int8-fp8-per_layer=null
    equal "two results may go to it" $? 0
else
    echo "# skip devices: only root makes one"
fi
mkfifo pipe
cat pipe >got &
timeout 20 "$bin/qcfg-build" --weight int8 --act int8 --granularity per_layer -o pipe
status=$?
wait
equal "a pipe with a name" "$status $(stat -c %F pipe) $(cmp got whole && echo same)" "0 fifo same"
: >got
qcfg -o >(cat >got)
status=$?
for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -s got ] || sleep 0.1
done
equal "a pipe that the shell makes" "$status $(cmp got whole && echo same)" "0 same"
echo first >got
qcfg -o /dev/stdout >>got
equal "/dev/stdout is standard output, behind what is there" "$? $(head -n 1 got) $(tail -n +2 got | cmp - whole && echo same)" "0 first same"
qcfg -o /dev/fd/5 5>got
equal "/dev/fd/5 is that descriptor" "$? $(cmp got whole && echo same)" "0 same"

mkdir there
echo old >there/file
ln -s there/file link
qcfg -o link
equal "a link stays one, and what it leads to has the result" "$? $(readlink link) $(cmp there/file whole && echo same)" "0 there/file same"
ln -s there/new dangling
qcfg -o dangling
equal "also where there was nothing" "$? $(readlink dangling) $(cmp there/new whole && echo same)" "0 there/new same"
ln -s circle circle
qcfg -o circle
equal "a circle of links is one line" "$? $(wc -l <err) $(readlink circle)" "1 1 circle"
for mode in 600 640 755; do
    echo old >file
    chmod $mode file
    qcfg -o file
    equal "a file of mode $mode keeps it" "$? $(stat -c %a file)" "0 $mode"
done
for mask in 077 027 002; do
    (umask $mask && qcfg -o new-$mask)
    equal "a new file under umask $mask" "$(stat -c %a new-$mask)" "$(printf '%o' $((0666 & ~0$mask)))"
done
cells=
for w in int4 int8 fp4 fp8; do for a in int4 int8 fp4 fp8; do cells="$cells $w-$a-per_layer=many/$w-$a"; done; done
mkdir many
# shellcheck disable=SC2086
(umask 077 && "$bin/qcfg-build" $cells)
equal "and each of many, made side by side" "$(stat -c %a many/* | sort -u)" 600
echo old >file
chmod 444 file
qcfg -o file
equal "a read-only file is refused, also by root, and says what to do" "$? $(cat file) $(grep -c 'file: is read-only; make it writable' err)" "1 old 1"
qcfg -o none/file
equal "no folder: one line" "$? $(wc -l <err)" "1 1"
qcfg >/dev/full
equal "a full standard output" "$? $(grep -c 'standard output: cannot write: No space left' err)" "1 1"
"$bin/qcfg-build" --help >/dev/full 2>err
equal "for --help too" "$? $(wc -l <err)" "1 1"

# Every tool that writes a file, in the same places.
. "$top/tests/writers.sh"
in=$dir/in state=
prepare_inputs "$top" || exit 1
outputs() { # TOOL: its options that name a file to be written
    sed -n 's/^ *{"\([a-z0-9-]*\)".*OPT_OUT.*/\1/p' "$top/tools/$1.c"
}
for source in "$top"/tools/*.c; do
    tool=$(basename "$source" .c)
    [ -z "$(outputs "$tool")" ] || case " $writers " in
    *" $tool "*) echo "ok - $tool is in tests/writers.sh" ;;
    *) echo "not ok - $tool writes a file, and has no call in tests/writers.sh" ;;
    esac
done
# As a user who is not root, for whom permissions hold.
user='setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-dac_override,-dac_read_search'
[ "$(id -u)" -eq 0 ] || user=
run_it() { # TOOL ARGUMENT...
    program=$1
    shift
    # shellcheck disable=SC2086
    timeout 60 $prefix "$bin/$program" "$@" 2>err
}
prefix=
mkdir to locked
chmod 555 locked
mkfifo to/fifo
for writer in $writers; do
    [ "$writer" != report-gen ] || continue # writes into a folder, below
    call_writer "$writer" to/whole run_it || echo "not ok - $writer: $(cat err)"
    if [ -c null ]; then
        call_writer "$writer" null run_it
        equal "$writer into a device" "$? $(stat -c %F null)" "0 character special file"
    fi
    cat to/fifo >got &
    call_writer "$writer" to/fifo run_it
    status=$?
    wait
    equal "$writer into a pipe" "$status $(stat -c %F to/fifo) $(cmp got to/whole && echo same)" "0 fifo same"
    rm -f to/file && echo old >to/file && chmod 640 to/file && ln -sf file to/link
    call_writer "$writer" to/link run_it
    equal "$writer through a link, into a file of mode 640" "$? $(readlink to/link) $(stat -c %a to/file) $(cmp to/file to/whole && echo same)" "0 file 640 same"
    echo old >to/file && chmod 440 to/file
    call_writer "$writer" to/file run_it
    equal "$writer into a read-only file" "$? $(cat to/file) $(grep -c 'file: is read-only; make it writable' err)" "1 old 1"
    prefix=$user
    call_writer "$writer" locked/file run_it
    equal "$writer into a read-only folder, by a user" "$? $(wc -l <err) $(grep -c 'locked/file.*: cannot create: Permission denied' err)" "1 1 1"
    prefix=
done
prefix=$user
call_writer report-gen locked/it run_it
equal "report-gen into a read-only folder" "$? $(cat err)" "1 report-gen: locked/it.folder: cannot make the folder: Permission denied"
prefix=
equal "nothing was left there" "$(find locked to -name '.*' -o -path 'locked/*' | wc -l)" 0
rmdir locked

# Inputs. Nothing is computed: the files are none that a tool could read.
echo model >m.pt
echo calib >c.bin
echo scores >s.json
cp whole q.json
ln m.pt hard.pt
ln -s m.pt soft.pt
mkdir copies
sha256sum ./*.pt c.bin s.json q.json >sums
safe() { # MESSAGE TOOL ARGUMENT...
    message=$1 tool=$2
    shift 2
    "$bin/$tool" "$@" >out 2>err </dev/null
    status=$?
    equal "$tool $*: refused, nothing is touched" "$status $(head -n 1 err) $(sha256sum -c --quiet sums 2>&1) $(wc -c <out)" "2 $tool: $message  0"
}
read_too() { # FILE TOOL ARGUMENT...
    file=$1
    shift
    safe "$file: is read too; name another file for the result" "$@"
}
read_too m.pt sens-score -m m.pt -c c.bin q.json=m.pt
read_too hard.pt sens-score -m m.pt -c c.bin q.json=hard.pt
read_too soft.pt sens-score -m m.pt -c c.bin q.json -o soft.pt
read_too ./c.bin sens-score -m m.pt -c c.bin q.json=./c.bin
read_too "$dir/c.bin" calib-stats -m m.pt -c c.bin -o "$dir/c.bin"
read_too s.json recipe-solve q.json=r.json s.json=s.json
read_too c.bin pareto-solve s.json -v q.json,c.bin --svg c.bin
safe "o: two results would go there; name a file for each" sens-score -m m.pt -c c.bin q.json=o s.json=o
safe "o: two results would go there; name a file for each" sens-score -m m.pt -c c.bin q.json=o s.json=./copies/../o
safe "o: two results would go there; name a file for each" qcfg-build int8-int8-per_layer=o int8-fp8-per_layer=o
safe "o: two results would go there; name a file for each" file-put c.bin=o s.json=o
safe "only one result can go to standard output" pareto-solve s.json --svg -
safe "only one result can go to standard output" recipe-solve q.json=- s.json=-
safe "only one input can be standard input" sens-score -m m.pt -c - -
safe "only one input can be standard input" recipe-solve -- -=a -=b
safe "only one input can be standard input" pareto-solve - -v q.json,-
safe "only one input can be standard input" damage-measure -m m.pt -c - -l - q.json

# Each output of each tool beside each file that it reads, by what --help and the source say of its options.
rows() { # of --help: an option's name, what its value is called, and "required" or nothing
    "$bin/$tool" --help | awk '/^  (-.,|   ) --/ { print last; sub(/^ *(-., )? *--/, ""); split($1, part, "="); last = part[1] " " part[2] } /\(required\)/ { last = last " required" } END { print last }'
}
for source in "$top"/tools/*.c; do
    tool=$(basename "$source" .c) outs=$(outputs "$tool") operand='' needed=''
    [ -n "$outs" ] || continue
    ins=$(rows | while read -r name value _; do case $value in FILE*) echo "$outs" | grep -qx "$name" || echo "$name" ;; esac; done)
    for row in $(rows | sed -n 's/^\([^ ]*\) [^ ]* required$/\1/p'); do
        needed="$needed --$row=m.pt"
    done
    ! grep -q 'operands = OPERANDS_IN' "$source" || operand=s.json
    for out in $outs; do
        # shellcheck disable=SC2086
        for other in $ins; do
            read_too q.json "$tool" $needed "--$other=q.json" "--$out=q.json" $operand
        done
        # shellcheck disable=SC2086
        [ -z "$operand" ] || [ "$tool" = file-put ] || read_too q.json "$tool" $needed "--$out=q.json" q.json
        ! grep -q 'operands = OPERANDS_[A-Z_]*OUT' "$source" || safe "--$out: each operand names its own file" "$tool" $needed q.json=x.json "--$out=other.json"
        for other in $outs; do
            # shellcheck disable=SC2086
            [ "$other" = "$out" ] || safe "o: two results would go there; name a file for each" "$tool" $needed "--$other=o" "--$out=o" $operand
        done
    done
done

safe "q.json=: is not QCFG=SCORES, a file on each side of the =" sens-score -m m.pt -c c.bin q.json=
safe "=x: is not QCFG=SCORES, a file on each side of the =" sens-score -m m.pt -c c.bin =x
safe "s.json=: is not SCORES=RECIPE, a file on each side of the =" recipe-solve s.json=
"$bin/recipe-solve" /dev/zero >out 2>err
equal "a JSON file without an end is not read for ever" "$? $(cat err)" "1 recipe-solve: /dev/zero: files of more than 268435456 bytes are not read"

# An output that cannot be is known before the work: the images of this list are not even looked for.
mkdir locked
seq -f 'none-%g.jpg' 12 >list.txt
"$bin/calib-prep" --list list.txt -o locked/none/calib.bin 2>err
equal "an output is tried before the work" "$? $(cat err)" "1 calib-prep: locked/none/calib.bin: cannot create: No such file or directory"
equal "no temporary is left" "$(find . -name '.?*' | wc -l)" 0
cd "$top" || exit 1
