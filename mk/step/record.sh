#!/bin/sh
# record.sh MODEL/W-A/GRANULARITY...: log and status.json of cells of which the grid has made what it could.
cd "$TOP" || exit 1
. mk/lib.sh
# make sweep says it, once.
room "$TMPDIR" || exit 0
exec "$BIN/grid-record" "$RUN" "$@"
