"""The comparison as a table and as JSON."""
import json
import os

ROW = "{:<28}{:>12}{:>12}{:>9}{:>12}{:>12}"


def processor():
    with open("/proc/cpuinfo") as f:
        return next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), "unknown")


def write(path, value):
    """The file appears whole or not at all."""
    with open(f"{path}.part", "w") as f:
        json.dump(value, f, indent=1)
        f.write("\n")
    os.replace(f"{path}.part", path)


def _model(r):
    one = r["one_cell"]
    lines = ["", ROW.format(r["model"], "ModelOpt s", "ours s", "ratio", "median err", "worst err")]
    lines += [ROW.format(c["cell"], f"{c['modelopt_s']:.1f}", f"{c['ours_s']:.2f}", f"{c['ratio']:.1f}", f"{c['median_error']:.1e}", f"{c['worst_error']:.1e}")
              for c in r["per_cell"]]
    if r["extrapolated"]:
        lines.append(f"ModelOpt ran {r['cells_timed']} of {r['cells']} cells; its sum is EXTRAPOLATED from their mean.")
    for name, v in ((f"sum of {r['cells']} cells", r["sum"]), (f"{one['cell']} alone", one)):
        lines.append(ROW.format(name, f"{v['modelopt_s']:.1f}", f"{v['ours_s']:.2f}", f"{v['ratio']:.1f}", "", ""))
        lines.append(ROW.format("  in processor time", f"{v['modelopt_cpu_s']:.1f}", f"{v['ours_cpu_s']:.2f}", f"{v['cpu_ratio']:.1f}", "", ""))
    lines.append(ROW.format("peak resident, MiB", f"{r['modelopt_peak_mib']:.0f}", f"{r['ours_peak_mib']:.0f}", "", "", ""))
    return lines


def table(whole):
    lines = [f"{whole['processor']}, {whole['threads']} cores, instructions of {whole['level']} on both sides; "
             + ", ".join(f"{k} {v}" for k, v in whole["versions"].items()),
             "Seconds from process start to last artifact. Ours a cell: its share of one sweep of all; err: of our scores against ModelOpt's."]
    return "\n".join(lines + [line for r in whole["models"] for line in _model(r)])
