#!/bin/sh
# YOLOv8, 11, 12 and 26 as PyPI's ultralytics makes them, n to x with random weights, and n after a short training on SHARED/coco100; and detectors
# of other families that consist of the same module kinds: outputs as its own modules compute them, of a picture. PYTHON: as long_outputs.sh has it. FAMILIES="yolo26" SIZES="n s" choose some.
. tests/ultralytics/with_ultralytics.sh
for size in ${SIZES:-n s m l x}; do # one by one: all of them take a gigabyte
    SIZES=$size make_py families calib/images
    "${BUILD:-build}/test/ultralytics/test_outputs" "$made"
    rm -f "$made"/yolo*
done
make_py kin calib/images
"${BUILD:-build}/test/ultralytics/test_outputs" "$made"
rm -f "$made"/yolo*
dataset=${SHARED:-../shared}/coco100
if [ -d "$dataset/labels" ]; then
    make_py trained "$dataset"
    "${BUILD:-build}/test/ultralytics/test_outputs" "$made"
else
    echo "# skip training: $dataset is not here"
fi
