"""Times ModelOpt's AutoQuantize and yolosens in alternation on the cells that ModelOpt can run on a CPU; make bench-modelopt.

    run.py --bin build/bin --make make --threads 2 -o modelopt.json CHECKPOINTS="calib/models/yolov10n.pt" ... BENCH_CELLS=all

NAME=VALUE are variables of the Makefile, but CHECKPOINTS, the files that MODELS stands for. Each is timed from the start of its process to its last artifact: ours as one make sweep
of all 15 cells into a run that holds nothing yet (the fastest way that ModelOpt has is a process a cell), and as make cell of
one. Exit status: 0, 1 if a command fails or two scores disagree, 2 for what cannot be run.
"""
import argparse
import glob
import importlib.metadata
import json
import os
import shutil
import statistics
import subprocess
import sys

import parity
import report
import timed

HERE = os.path.dirname(os.path.abspath(__file__))
DTYPES = ("int4", "int8", "fp8")
ONE_CELL = "int8-int8/per_layer"
# Weights in int4 have block scales, which exclude per_channel. Any first few of these are spread over formats and granularities.
CELLS = [ONE_CELL, "fp8-fp8/per_channel", "int4-int4/per_layer", "int8-fp8/per_channel", "fp8-int4/per_layer", "int4-fp8/per_layer",
         "fp8-int8/per_channel", "int8-int4/per_layer", "int8-int8/per_channel", "fp8-fp8/per_layer", "int4-int8/per_layer",
         "int8-fp8/per_layer", "fp8-int4/per_channel", "int8-int4/per_channel", "fp8-int8/per_layer"]
SUBDIR = "bench-modelopt"
# What holds torch's libraries to the level that YOLOSENS_CPU holds our kernels to: oneDNN, ATen, MKL.
LEVELS = {"baseline": ("SSE41", "default", "SSE4_2"), "avx2": ("AVX2", "avx2", "AVX2"), "avx512": ("AVX512_CORE", "avx512", "AVX512"),
          "avx512vnni": ("AVX512_CORE_VNNI", "avx512", "AVX512"), "avx512bf16": ("AVX512_CORE_BF16", "avx512", "AVX512")}


def arguments():
    p = argparse.ArgumentParser()
    for name in ("bin", "make"):
        p.add_argument(f"--{name}", required=True)
    p.add_argument("--threads", type=int, required=True)
    p.add_argument("-o", "--output", required=True)
    p.add_argument("settings", nargs="+", metavar="NAME=VALUE")
    o = p.parse_intermixed_args()
    o.settings = dict(s.split("=", 1) for s in o.settings)
    return o


def checkpoints(paths):
    """[(name, path)], each name once, so that results do not overwrite each other. Raises ValueError."""
    named = [(os.path.basename(p).removesuffix(".pt"), p) for p in paths]
    for name, path in named:
        if not os.path.isfile(path):
            raise ValueError(f"{path}: no such checkpoint; make models downloads the official ones")
        if [n for n, _ in named].count(name) > 1:
            raise ValueError(f"{path}: another of MODELS has this name; time them one by one")
    return named


def cells_to_time(wanted):
    count = len(CELLS) if wanted == "all" else int(wanted)
    if count > len(CELLS):
        raise ValueError(f"BENCH_CELLS={count}: ModelOpt can run {len(CELLS)} on a CPU")
    return CELLS[:count]


def environment(level, threads):
    env = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    if level:
        if level not in LEVELS:
            raise ValueError(f"YOLOSENS_CPU={level}: use {', '.join(LEVELS)}")
        onednn, aten, mkl = LEVELS[level]
        env |= {"ONEDNN_MAX_CPU_ISA": onednn, "DNNL_MAX_CPU_ISA": onednn, "ATEN_CPU_CAPABILITY": aten, "MKL_ENABLE_INSTRUCTIONS": mkl}
    return env


def middle(timings):
    return timed.Timing(*(statistics.median(column) for column in zip(*timings)))


def versus(theirs, ours):
    return {"modelopt_s": theirs.wall, "ours_s": ours.wall, "ratio": theirs.wall / ours.wall,
            "modelopt_cpu_s": theirs.cpu, "ours_cpu_s": ours.cpu, "cpu_ratio": theirs.cpu / ours.cpu}


class Bench:
    """Both sides on one model. Results of ModelOpt and all logs are below `folder`, ours in tmp/SUBDIR."""

    def __init__(self, o, env, model, checkpoint, folder):
        self.o, self.env, self.model, self.checkpoint, self.folder = o, env, model, checkpoint, folder
        self.sweeps, self.cells, self.theirs = [], [], {}
        shutil.rmtree(f"tmp/{SUBDIR}", ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        self.dump = f"{folder}/dump.json"
        subprocess.run([f"{o.bin}/model-dump", "-o", self.dump, checkpoint], check=True)

    def _make(self, target, name, *variables):
        shared = [f"{v}={self.o.settings[v]}" for v in ("IMAGE_LIST", "CALIB_IMAGES", "SCORE_SIZE", "IMGSZ", "BATCH_SIZE", "INT4_PRESET", "MODELOPT")]
        command = [self.o.make, "--no-print-directory", target, f"SUBDIR={SUBDIR}", f"TIMESTAMP={name}", f"BIN={self.o.bin}", f"THREADS={self.o.threads}",
                   *shared, *variables]
        t = timed.run(command, f"{self.folder}/{name}.log", self.env)
        print(f"{self.model}: {name}: {t.wall:.1f} s", file=sys.stderr)
        return t

    def sweep(self):
        words = " ".join(DTYPES)
        self.sweeps.append(self._make("sweep", f"sweep-{len(self.sweeps) + 1}", f"MODELS={self.checkpoint}", f"WEIGHT_DTYPES={words}", f"ACT_DTYPES={words}",
                                      "GRANULARITIES=per_channel per_layer"))

    def cell(self):
        weight, act, granularity = ONE_CELL.replace("/", "-").split("-")
        self.cells.append(self._make("cell", f"cell-{len(self.cells) + 1}", f"MODEL={self.checkpoint}", f"W={weight}", f"A={act}", f"G={granularity}"))

    def modelopt(self, cell):
        s = self.o.settings
        weight, act, granularity = cell.replace("/", "-").split("-")
        command = [sys.executable, "-B", f"{HERE}/cell.py", "--dump", self.dump, "--checkpoint", self.checkpoint, "--list", s["IMAGE_LIST"],
                   "--weight", weight, "--act", act, "--granularity", granularity, "--size", s["IMGSZ"], "--calib", s["CALIB_IMAGES"],
                   "--score", s["SCORE_SIZE"], "--batch", s["BATCH_SIZE"], "--int4", s["INT4_PRESET"], "--threads", str(self.o.threads),
                   "-o", f"{self.folder}/{cell}"]
        t = self.theirs[cell] = timed.run(command, f"{self.folder}/{cell}.log", self.env)
        print(f"{self.model}: ModelOpt {len(self.theirs)}: {cell}: {t.wall:.1f} s", file=sys.stderr)

    def agreement(self, cell):
        (ours,) = glob.glob(f"tmp/{SUBDIR}/sweep-1/outputs/*/{cell}/scores.json")
        return parity.compare(ours, f"{self.folder}/{cell}/scores.json")

    def run(self, cells):
        """Ours before, between and after ModelOpt's; one cell of ours on either side of the same cell of ModelOpt's."""
        for i, cell in enumerate(cells):
            if i in (0, (len(cells) + 1) // 2):
                self.sweep()
            if cell == ONE_CELL:
                self.cell()
            self.modelopt(cell)
            if cell == ONE_CELL:
                self.cell()
        self.sweep()

    def result(self):
        timings = list(self.theirs.values())
        scale = len(CELLS) / len(timings)
        ours, one = middle(self.sweeps), middle(self.cells)
        theirs = timed.Timing(sum(t.wall for t in timings) * scale, sum(t.cpu for t in timings) * scale, max(t.rss for t in timings))
        share = ours.wall / len(CELLS)
        return {
            "model": self.model, "checkpoint": self.checkpoint, "cells": len(CELLS), "cells_timed": len(timings),
            "extrapolated": len(timings) < len(CELLS), "sum": versus(theirs, ours), "one_cell": {"cell": ONE_CELL} | versus(self.theirs[ONE_CELL], one),
            "modelopt_peak_mib": theirs.rss, "ours_peak_mib": max(t.rss for t in self.sweeps),
            "sweeps": [t._asdict() for t in self.sweeps], "single_cells": [t._asdict() for t in self.cells],
            "per_cell": [{"cell": cell, "modelopt_s": t.wall, "modelopt_cpu_s": t.cpu, "ours_s": share, "ratio": t.wall / share} | self.agreement(cell)
                         for cell, t in self.theirs.items()]}


def main():
    o = arguments()
    level = os.environ.get("YOLOSENS_CPU", "")
    try:
        env = environment(level, o.threads)
        cells = cells_to_time(o.settings["BENCH_CELLS"])
        models = checkpoints(o.settings["CHECKPOINTS"].split())
        cores = timed.on_cores(o.threads)
        timed.stop_on_signals()
    except ValueError as e:
        print(f"bench-modelopt: {e}", file=sys.stderr)
        return 2
    results = []
    try:
        for model, checkpoint in models:
            bench = Bench(o, env, model, checkpoint, f"{os.path.splitext(o.output)[0]}/{model}")
            bench.run(cells)
            results.append(bench.result())
    except (RuntimeError, ValueError, subprocess.CalledProcessError) as e:
        print(f"bench-modelopt: {e}", file=sys.stderr)
        return 1
    versions = {name: importlib.metadata.version(name) for name in ("torch", "nvidia-modelopt")}
    whole = {"processor": report.processor(), "level": level or "the processor's own", "cores": cores, "threads": o.threads, "versions": versions,
             "settings": o.settings, "models": results}
    report.write(o.output, whole)
    print(report.table(whole))
    off = [(r["model"], c) for r in results for c in r["per_cell"] if not c["worst_error"] <= parity.ALLOWED]
    for model, c in off:
        print(f"bench-modelopt: {model} {c['cell']}: {c['worst_layer']} is off by {c['worst_error']:.2g}, {parity.ALLOWED} are allowed", file=sys.stderr)
    return 1 if off else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
