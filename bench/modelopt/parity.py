"""How far two scores.json files of one cell agree."""
import json
import statistics

SCORE_MIN = 1e-12  # a layer below it is not judged: what a format leaves unchanged scores rounding errors
ALLOWED = 2e-2


def compare(ours, theirs):
    """{"layers", "median_error", "worst_error", "worst_layer"}: relative to theirs. Raises ValueError if the layers differ."""
    with open(ours) as a, open(theirs) as b:
        x, y = json.load(a)["layers"], json.load(b)["layers"]
    if list(x) != list(y):
        raise ValueError(f"{ours} and {theirs} are not of the same layers in the same order")
    errors = {n: abs(x[n]["score"] - y[n]["score"]) / y[n]["score"] for n in y if y[n]["score"] > SCORE_MIN}
    if not errors:
        raise ValueError(f"{theirs}: no score above {SCORE_MIN}")
    worst = max(errors, key=errors.get)
    return {"layers": len(errors), "median_error": statistics.median(errors.values()), "worst_error": errors[worst], "worst_layer": worst}
