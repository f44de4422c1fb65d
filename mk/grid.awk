# grid.mk from a plan (plan.sh); -v chunk=N|all, -v kind=cpu|cuda: what scores the cells; -v artifacts: report-gen's list of files; -v jobs: not empty under make -j.
# A GPU calibrates in the scoring process.
# Environment: missing, a file of the cells to make (model, stem, 1 if scored already); awk would read escapes in a name that it got
# by -v.
function out(stem) { return "outputs/" model "/" stem }
function files(stem,    o, run, wag, i, all) {
    split(stem, wag, "[-/]")
    o = out(stem) "/"
    run = model "_w" wag[1] "_a" wag[2] "_" wag[3]
    for (i = 1; i <= n_artifacts; i++) all = all (i > 1 ? " " : "") "\\\n  " o (artifact[i] ~ /^_/ ? run : "") artifact[i]
    return all
}
function flat(stem) { sub("/", "-", stem); return stem }
function begin_model() {
    print "\n# " model ": " $4
    n = n_again = 0
}
# The steps after the scores of cells from[i .. end], which one process each takes together.
function finish(from, i, end,    k, stems, scores, recipes, results) {
    for (k = i; k <= end; k++) {
        stems = stems " " from[k]
        scores = scores " \\\n  " out(from[k]) "/scores.json"
        recipes = recipes " \\\n  " out(from[k]) "/recipe.json"
        results = results " " files(from[k])
    }
    print "\n" substr(recipes, 6) " &:" scores "\n\t@exec \"$$STEP\"/solve.sh " model stems
    print "\n" substr(results, 6) " &:" recipes "\n\t@exec \"$$STEP\"/report.sh " model stems
}
# Where one thing is done at a time, the images are decoded for the first model that needs them while it is calibrated; others
# would wait for that model too.
function amax(    feeds) {
    feeds = !jobs && !fed++
    print "\n" (feeds ? "work/calib.bin " : "") "work/amax/" model ".json" (feeds ? " &" : "") ": | work/model/" model (feeds ? "" : " work/calib.bin")
    print "\t@exec \"$$STEP\"/amax.sh " model
}
function end_model(    i, k, step, end, targets, stems, qcfgs) {
    if (!model) return
    if (n && kind == "cpu") amax()
    for (i = 1; i <= n; i = end + 1) {
        end = chunk == "all" || i + chunk - 1 > n ? n : i + chunk - 1
        targets = stems = qcfgs = ""
        for (k = i; k <= end; k++) {
            targets = targets (targets ? " \\\n" : "") out(todo[k]) "/scores.json"
            stems = stems " " todo[k]
            qcfgs = qcfgs " work/qcfg/" flat(todo[k]) ".json"
        }
        print "\n" targets " &: | \\\n  work/model/" model (kind == "cpu" ? " work/amax/" model ".json work/calib.bin" : "") qcfgs
        print "\t@exec \"$$STEP\"/score.sh " model stems
        # A GPU leaves the processors free: what comes after the scores is shared among them.
        step = kind == "cpu" ? end - i + 1 : 6
        for (k = i; k <= end; k += step) finish(todo, k, k + step - 1 < end ? k + step - 1 : end)
    }
    if (n_again) finish(again, 1, n_again)
    if (made) {
        print "\n.PHONY: record-" model "\nall: record-" model
        print "record-" model ": " made "\n\t@exec \"$$STEP\"/record.sh" made
    }
    made = ""
}
BEGIN {
    FS = "\t"
    n_artifacts = split(artifacts, artifact, " ")
    while ((getline line < ENVIRON["missing"]) > 0) {
        split(line, f, "\t")
        want[f[1] "/" f[2]] = 1
        scored[f[1] "/" f[2]] = f[3]
    }
    print "# The grid of this run; written anew by each make sweep, which also runs it."
    print "ifndef STEP\n$(error run this through make sweep)\nendif"
    print "MAKEFLAGS += --no-builtin-rules\n.PHONY: all\nall:"
    if (kind == "cpu" && jobs) print "\nwork/calib.bin:\n\t@exec \"$$STEP\"/calib.sh"
}
$3 == "unsupported" { next }
$1 != model { end_model(); model = $1; begin_model() }
{
    stem = $2
    id = $1 "/" stem
    print "\n.PHONY: " out(stem) "\n" out(stem) ": " files(stem)
    if (id in want) {
        made = made " " out(stem)
        print ".PRECIOUS: " out(stem) "/scores.json " out(stem) "/recipe.json " files(stem)
        if (!scored[id]) {
            todo[++n] = stem
        } else {
            again[++n_again] = stem
            print out(stem) "/scores.json: | work/model/" model
        }
    } else {
        # Finished, or without a checkpoint to make it from.
        print files(stem) ": | " out(stem) "/recipe.json"
        print out(stem) "/recipe.json: | " out(stem) "/scores.json"
        print out(stem) "/scores.json: | work/model/" model
    }
}
END { end_model() }
