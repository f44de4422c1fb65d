# shellcheck shell=sh disable=SC2034
# Read by tests that are scripts, from the repository root: the checkpoint that their numbers are of (tests/models/README.md).
checkpoint=$PWD/tests/models/yolov10n.pt
