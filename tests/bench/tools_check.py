"""tools_check.py BIN FOLDER: what test_modelopt_tools.sh runs. Prints "ok - ..." and "not ok - ..." lines."""
import itertools
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile

sys.path.insert(0, "bench/modelopt")
import checkpoint
import parity
import run
import timed

tools, folder = sys.argv[1:]


def check(good, what):
    print(("ok - " if good else "not ok - ") + what)


def raises(kind, f, *args):
    try:
        f(*args)
    except kind as e:
        return str(e)
    return None


def zipped(data, storages=()):
    path = f"{folder}/t.pt"
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("t/data.pkl", data)
        for key, value in storages:
            z.writestr(f"t/data/{key}", value)
    return path


# The reader of checkpoints.
class Command:
    def __reduce__(self):
        return os.system, (f"touch {folder}/ran",)


class Evaluated:
    def __reduce__(self):
        return eval, (f"open({folder + '/ran'!r}, 'w')",)


pickled, _ = checkpoint.read(zipped(pickle.dumps({"model": Command(), "other": Evaluated()}, 2)))
check(not os.path.exists(f"{folder}/ran"), "a checkpoint that asks for os.system and eval runs neither")
check(isinstance(pickled["model"], checkpoint.Inert) and type(pickled["model"]).__name__ == "system", "what it names is an inert object")
named = checkpoint.read(zipped(b"cno.such.module\nThing\n)\x81}(X\x01\x00\x00\x00aK\x05ub."))[0]
check(named.state == {"a": 5}, "an unknown class keeps its state")
tensor = (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nHalfStorage\nX\x01\x00\x00\x007X\x03\x00\x00\x00cpuK\x06tQ"
          b"K\x01(K\x02K\x02t(K\x02K\x01t\x89}tR.")
t, data = checkpoint.read(zipped(tensor, [("7", struct.pack("<6e", *range(6)))]))
check(t == (("HalfStorage", "7"), 1, (2, 2), (2, 1)), f"a tensor is described: {t}")
check(data(t.storage) == struct.pack("<6e", *range(6)), "and its bytes are found")
with open(f"{folder}/junk.pt", "wb") as f:
    f.write(b"junk")
check("not a checkpoint" in (raises(ValueError, checkpoint.read, f"{folder}/junk.pt") or ""), "what is no zip file is refused")
check("not a checkpoint" in (raises(ValueError, checkpoint.read, zipped(tensor[:40])) or ""), "a pickle that is cut is refused")

# The cells: those that exist, of the types that ModelOpt computes on a CPU.
exist = {f"{w}-{a}/{g}" for w, a, g in itertools.product(run.DTYPES, run.DTYPES, ("per_channel", "per_layer"))
         if subprocess.run([f"{tools}/qcfg-build", "--weight", w, "--act", a, "--granularity", g], capture_output=True).returncode == 0}
check(set(run.CELLS) == exist and len(run.CELLS) == 15, f"{len(run.CELLS)} cells are those that qcfg-build knows")
check(run.CELLS[0] == run.ONE_CELL and {c.split("-")[0] for c in run.CELLS[:3]} == set(run.DTYPES), "the first of them are spread over weight types")

# The judgement of scores.
def scores(name, **layers):
    path = f"{folder}/{name}.json"
    with open(path, "w") as f:
        json.dump({"layers": {k: {"score": v} for k, v in layers.items()}}, f)
    return path


theirs = scores("theirs", a=1.0, b=2.0, c=4.0, unchanged=1e-13)
got = parity.compare(scores("ours", a=1.0, b=2.02, c=4.4, unchanged=5e-13), theirs)
check(got["layers"] == 3 and abs(got["median_error"] - 0.01) < 1e-9 and abs(got["worst_error"] - 0.1) < 1e-9 and got["worst_layer"] == "c",
      f"errors are relative, of layers above 1e-12: {got}")
check(raises(ValueError, parity.compare, scores("ours", b=2.0, a=1.0, c=4.0, unchanged=0), theirs), "another order of layers is an error")
check(raises(ValueError, parity.compare, theirs, scores("zero", a=0, b=0, c=0, unchanged=0)), "scores that are all 0 are an error")

# Timing.
t = timed.run(["sh", "-c", "sleep 0.2; echo words"], f"{folder}/log/x.log", dict(os.environ))
check(0.2 <= t.wall and t.cpu < t.wall and t.rss > 0, f"a command is timed: {t}")
check(open(f"{folder}/log/x.log").read() == "words\n", "its words are in the log")
check("x.log" in (raises(RuntimeError, timed.run, ["false"], f"{folder}/x.log", dict(os.environ)) or ""), "a command that fails is an error naming the log")
middle = run.middle([timed.Timing(3, 9, 1), timed.Timing(1, 5, 2), timed.Timing(2, 7, 3)])
check(middle == (2, 7, 2) and run.versus(timed.Timing(30, 56, 0), middle)["ratio"] == 15 and run.versus(timed.Timing(30, 56, 0), middle)["cpu_ratio"] == 8,
      "the ratio is to the median")
