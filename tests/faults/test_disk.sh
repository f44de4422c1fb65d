#!/bin/sh
# A disk that is full, or that cannot be written: the sweep says so in one line that tells what to do, after at most one line of
# the tool that met it first, ends with status 2 and leaves nothing half-written; the next one goes on from there to the bytes of an
# undisturbed run.
if [ -z "$OWN_MOUNTS" ]; then
    for own in 'unshare -m' 'unshare -rm'; do
        if $own mount -t tmpfs none /mnt 2>/dev/null; then
            OWN_MOUNTS=1 exec $own "$0"
        fi
    done
    echo "# skip full disks: no file system can be mounted here"
fi
. tests/faults/lib.sh
sweep TIMESTAMP=whole
equal "an undisturbed sweep" "$status $(last_line)" "$all_ok"
content $runs/whole >whole

# What is not its own whole: sealed files, and files of finished cells.
broken() { # RUN
    find "$1" \( -name '*.json' -path '*/work/amax/*' -o -name scores.json -o -name recipe.json -o -name calib.bin \) -print0 2>/dev/null |
        xargs -0r "$bin/seal-check" 2>/dev/null
}
lines() { # of the sweep and its tools; not of progress and results, nor make's own
    grep -v -e '^make' -e '^new run' -e '^a: ' -e '^[0-9]* cells* unsupported: ' -e '^page: ' err
}
matches() { # TEXT PATTERN
    expr "$1" : "$2" >/dev/null
}
refused() { # WHAT LAST-LINE LINES
    equal "$1: status" "$status" 2
    ok "$1: lines, $(lines | wc -l)" [ "$(lines | wc -l)" -le "$3" ]
    ok "$1: the last one: $(lines | tail -n 1)" matches "$(lines | tail -n 1)" "$2"
}

if [ -n "$OWN_MOUNTS" ]; then
    mkdir small
    mount -t tmpfs -o size=1 none small || exit 1
    mkdir small/tmp
    mv tmp kept && ln -s small/tmp tmp
    for size in 4k 480k 1100k; do
        rm -rf small/tmp/*
        mount -o remount,size=$size small
        sweep TIMESTAMP=small
        refused "a disk of $size" '\(yolosens: .*: the disk takes no more; make room, then the same command goes on where it was\|a/.*: cannot write: No space left on device\)$' 2
        equal "nothing half-written" "$(broken $runs/small)" ""
        mount -o remount,size=64m small
        sweep TIMESTAMP=small
        content $runs/small >content
        ok "with room it goes on" cmp whole content
    done
    mount -o remount,ro small
    sweep TIMESTAMP=small
    refused "a read-only disk" 'grid-run: tmp/[^ ]*: cannot be written; ' 1
    umount -l small
    rm tmp && mv kept tmp
fi

# Files of more than 300 KB cannot be written: what has to be shared by all cells of the run.
prefix='prlimit --fsize=300000'
sweep TIMESTAMP=limited IMGSZ=224
prefix=
refused "a file that is too large" 'a/int8-int8/per_channel and 2 more: calib-prep: .*/calib.bin: cannot write: File too large$' 2

# Folders without write permission, for a root that heeds it.
prefix='setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-dac_override,-dac_read_search'
if [ "$(id -u)" -ne 0 ]; then prefix=; fi
chmod -R a-w $runs/whole
sweep TIMESTAMP=whole
refused "a read-only run" "yolosens: $runs/whole: cannot be written; TIMESTAMP= another run, or SUBDIR= another folder" 1
chmod -R u+w $runs/whole
chmod a-w tmp
sweep SUBDIR=another
refused "a read-only tmp" "grid-run: tmp/another: cannot be written; name a SUBDIR that can" 1
chmod u+w tmp
rm -r $runs/whole/outputs/a/int8-int8/*
chmod a-w $runs/whole/outputs/a/int8-int8
sweep TIMESTAMP=whole
refused "a read-only folder of cells" 'grid-plan: .*/outputs/a/int8-int8/per_channel: cannot make the folder: Permission denied$' 1
chmod u+w $runs/whole/outputs/a/int8-int8
prefix=
sweep TIMESTAMP=whole
content $runs/whole >content
ok "with permissions it goes on" cmp whole content
exit $failed
