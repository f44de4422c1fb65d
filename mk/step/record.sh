#!/bin/sh
# record.sh MODEL/W-A/GRANULARITY...: log and status.json of cells of which the grid has made what it could. Fails if one of them did.
cd "$TOP" || exit 1
# shellcheck source=mk/lib.sh
. "${YS}mk/lib.sh"
# make sweep says it, once.
room "$TMPDIR" || exit 1
"$BIN/grid-record" "$RUN" "$@" || exit 1
for cell in "$@"; do
    [ ! -s "$RUN/work/failed/$cell" ] || exit 1
done
