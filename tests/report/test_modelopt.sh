#!/bin/sh
# The state file with ModelOpt itself, where it is installed: torch.load opens it, every object equals the one that ModelOpt makes from
# the same configuration, mtq.auto_quantize resumes from it, and so do README.md's lines. With each format once; long_modelopt.sh
# does it with other releases, and with all configurations. PYTHON names another interpreter than make bench-modelopt's.
. tests/bench/with_modelopt.sh
tests/report/modelopt.sh "$PYTHON" once
