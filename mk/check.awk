# awk -f check.awk KEY=TEXT... NAME=KIND=VALUE...: the first complaint about goals, names and values, in one line, or nothing. check.mk
# says what the KEYs are, config.mk what KINDs of values there are.
function complain(text) {
    gsub(/[\t\n]/, " ", text)
    print text
    exit
}

# A value as an error may show it: a terminal must not obey it.
function shown(text) {
    gsub(/[\001-\037\177]|\302[\200-\237]/, "", text)
    return substr(text, 1, 80)
}

function has(list, word) { return index(" " list " ", " " word " ") > 0 }

function least(a, b) { return a < b ? a : b }

# The edit distance of two words; of names of variables and goals twice, less what they begin with in common: WEIGHTS means
# WEIGHT_DTYPES.
function distance(s, t, models,    i, j, m, n, d) {
    m = length(s); n = length(t)
    for (i = 0; i <= m; i++) d[i, 0] = i
    for (j = 0; j <= n; j++) d[0, j] = j
    for (i = 1; i <= m; i++)
        for (j = 1; j <= n; j++)
            d[i, j] = least(least(d[i - 1, j], d[i, j - 1]) + 1, d[i - 1, j - 1] + (substr(s, i, 1) != substr(t, j, 1)))
    for (i = 0; i < least(m, n) && substr(s, i + 1, 1) == substr(t, i + 1, 1); i++) ;
    return models ? d[m, n] : 2 * d[m, n] - i
}

# "; the nearest: A or B", of a list of words.
function nearest(word, list, models,    w, n, i, far, best, found, count) {
    n = split(list, w, " ")
    for (i = 1; i <= n; i++) {
        far = distance(toupper(word), toupper(w[i]), models)
        if (!count || far < best) { best = far; count = 0; found = "" }
        if (far == best && count < 3 && !has(found, w[i])) found = found (count++ ? " or " : "") w[i]
    }
    return count ? "; the nearest: " found : ""
}

# A word that make and shells carry, of the characters that it may have besides letters and digits.
function plain(name, word, others) {
    if (word ~ "^-|[^A-Za-z0-9_./@+,~" others "-]")
        complain(name ": " shown(word) ": may hold letters, digits and _ . / @ + , ~ - but no spaces, and not begin with -; rename or link it")
}

function number(name, value, whole, low, high) {
    if (value !~ (whole ? "^(0|[1-9][0-9]?[0-9]?[0-9]?[0-9]?[0-9]?[0-9]?[0-9]?)$" : "^[0-9]+([.][0-9]*)?$"))
        complain(name "=" shown(value) ": not " (whole ? "an integer" : "a number"))
    if (value + 0 < low + 0 || value + 0 > high + 0) complain(name "=" value ": at least " low " and at most " high " is needed")
}

# A name, a path, or NAME=PATH.
function model(name, word,    path, own) {
    path = word
    if (sub(/^[^=]*=/, "", path)) {
        own = substr(word, 1, length(word) - length(path) - 1)
        if (own == "" || own ~ /\//) complain(name ": " shown(word) ": a name stands before the =, without /: base=a.pt")
        if (path !~ /[.]pth?$/) complain(name ": " shown(word) ": a path that ends in .pt or .pth stands after the =")
        plain(name, own, "")
    } else if (path !~ /[.]pth?$/) {
        if (path ~ /\//) complain(name ": " path " is neither a name nor a path that ends in .pt or .pth")
        own = path
    }
    plain(name, path, "")
    if (own != "" && (name, own) in called && called[name, own] != word) complain(name ": " called[name, own] " and " word ": two models need two names")
    called[name, own] = word
    if (word ~ /(^|[\/=])[.-][^\/]*$/ || own ~ /^[.-]/) complain(name ": " word ": a model's name does not begin with a dot or -")
}

function check(name, kind, value,    w, n, i) {
    if (value ~ /[$][(]newline[)]/) complain(name ": make cannot carry a newline in it; write it on one line")
    if (value ~ /[$`]/ && kind !~ /command/) complain(name "=" shown(value) ": make would read the $ in it; write it without")
    if (sub(/^[?]/, "", kind) && value == "") return
    n = split(value, w, " ")
    if (!n && kind != "command") complain(name " is empty")
    if (kind ~ /^(word:|model$)/ && n > 1) complain(name "=" shown(value) ": one word is needed")
    for (i = 1; i <= n && kind ~ /^words?:/; i++)
        if (!has(substr(kind, index(kind, ":") + 1), w[i]))
            complain(name ": " shown(w[i]) " is not one of " substr(kind, index(kind, ":") + 1) nearest(w[i], substr(kind, index(kind, ":") + 1)))
    for (i = 1; i <= n && kind ~ /^models?$/; i++) model(name, w[i])
    if (kind ~ /^(int|number)/) number(name, value, kind != "number", from[name], to[name])
    if (kind == "int32" && value % 32) complain(name "=" value ": not a multiple of 32; the nearest: " value - value % 32 " or " value - value % 32 + 32)
    if (kind == "count" && value !~ /^([1-9][0-9]*|all)$/) complain(name "=" shown(value) ": all, or an integer of at least 1; the nearest: all")
    if (kind == "device" && value !~ /^(auto|cpu|cuda|cuda:[0-9][0-9]?(,[0-9][0-9]?)*)$/)
        complain(name ": " shown(value) " is not one of auto cpu cuda cuda:N cuda:N,M" nearest(value, "auto cpu cuda cuda:0"))
    if (kind == "bits" && value !~ /^([0-9]|1[0-5])([.][0-9]+)?(,([0-9]|1[0-5])([.][0-9]+)?)*$/)
        complain(name "=" shown(value) ": effective bits below 16, with commas between them, as in " name "=6,8,10")
    if (kind == "keep" && value !~ /^([1-9][0-9]*|[0-9]+([.][0-9]+)?%|bits=[0-9]+([.][0-9]+)?|ap=(0?[.][0-9]+|1([.]0+)?))$/)
        complain(name "=" shown(value) "; say what stays in 16 bits: 80% of the rank, 10 layers, bits=9 or ap=0.99")
    if (kind ~ /^(path|folder|name)$/) plain(name, value, "=")
    if (kind == "name" && value ~ /\/|^[.]|=|^latest$/) complain(name "=" value ": the name of a folder in tmp/SUBDIR, without / or = and not hidden")
    if (kind == "folder" && "/" value "/" ~ /^\/\/|\/[.][.]\/|^\/~|=/) complain(name "=" value ": a folder inside tmp/, without =")
}

# A goal that is none: quotes forgotten, as in MODELS=yolov10n yolov10s, or mistyped.
function goals(    g, n, i, k, name, extra) {
    n = split(given["goals"], g, " ")
    for (i = 1; i <= n; i++) {
        if (has(given["targets"], g[i]) || g[i] ~ /^(fuzz-|build\/)/) continue
        for (k = 1; k <= count && !name; k++)
            if (has(given["typed"], names[k]) && kinds[names[k]] ~ /^words:/ && has(kinds[names[k]], g[i])) name = names[k]
        if (!name && (has(given["official"], g[i]) || g[i] ~ /[.]pth?$/ || has(given["typed"], "MODELS"))) name = "MODELS"
        if (!name) complain(shown(g[i]) " is no target" nearest(g[i], given["targets"]))
        extra = extra " " g[i]
    }
    if (extra && has(given["typed"], name)) complain(shown(extra) " is no target; several words stand in quotes: " name "=\"" shown(values[name] extra) "\"")
    if (extra) complain(shown(extra) " is no target; models are given as MODELS=\"" shown(substr(extra, 2)) "\"")
}

# Of paths and patterns, the files that can be read.
function readable(paths,    command, file, found) {
    command = "for f in " paths "; do [ -f \"$f\" ] && [ -r \"$f\" ] && echo \"$f\"; done"
    while ((command | getline file) > 0) found = found file " "
    close(command)
    return found
}

# The words of MODELS_FILE: a model a line, without what follows a #.
function listed(path,    line, n, words, status) {
    if (has(given["typed"], "MODELS")) complain("MODELS and MODELS_FILE: give one of them")
    while ((status = (getline line < path)) > 0) {
        n++
        gsub(/(^|[ \t])#.*|\r$/, "", line)
        gsub(/^[ \t]+|[ \t]+$/, "", line)
        if (line ~ /[ \t]/) complain("MODELS_FILE=" path ": line " n ": " shown(line) ": one model a line, and no spaces in its path; rename or link it")
        if (line != "") words = words " " line
    }
    if (status < 0) complain("MODELS_FILE=" path ": cannot be read; name a text file with one model a line")
    if (words == "") complain("MODELS_FILE=" path ": names no model")
    return substr(words, 2)
}

# Checkpoints must be there, unless they are downloaded before. A name may also be one that a run has given.
function checkpoints(name, words,    m, n, i, k, folder, runs, at, all, found, near, gone, here) {
    folder = values["MODEL_DIR"]
    runs = "tmp/" values["SUBDIR"] "/*/work/model/"
    n = split(words, m, " ")
    for (i = 1; i <= n; i++) {
        sub(/^[^=]*=/, "", m[i])
        at = at " " (m[i] ~ /[.]pth?$/ ? m[i] : folder "/" m[i] ".pt " bundled m[i] ".pt " runs m[i])
        # A command line has an end.
        if (length(at) > 50000 || i == n) { all = all readable(at); at = "" }
    }
    for (k = split(all, found, " "); k > 0; k--) {
        there[found[k]]
        if (sub(/^.*\/work\/model\//, "", found[k])) known[found[k]]
    }
    for (i = 1; i <= n; i++) {
        if (m[i] in there || folder "/" m[i] ".pt" in there || bundled m[i] ".pt" in there || m[i] in known) { here = here " " m[i]; continue }
        if (has(given["official"], m[i])) { gone = gone " " m[i]; continue }
        if (readable("'" m[i - 1] " " m[i] "' '" m[i] " " m[i + 1] "'")) complain(name ": " words ": make cannot carry paths with spaces; rename or link it")
        near = m[i]
        if (near !~ /[.]pth?$/) {
            near = readable(folder "/*.pt " bundled "*.pt " runs "*")
            gsub(/[^ ]*\/|[.]pt /, " ", near)
            near = nearest(m[i], near " " given["official"], 1)
        } else {
            if (!sub(/[^\/]*$/, "", near)) near = ""
            near = nearest(m[i], readable(near "*.pt " near "*.pth"))
        }
        complain(name ": " m[i] ": no such checkpoint" near)
    }
    if (gone && !has(given["goals"], "models")) complain(name ":" gone ": not in " folder "/; make models MODELS=\"" substr(gone, 2) "\" downloads what is missing" (here && name !~ /=/ ? "; " name "=" (here ~ / .* / ? "\"" substr(here, 2) "\"" : substr(here, 2)) " is there" : ""))
}

# Of the type that a word names: 4 of int4.
function bits(word) {
    # Since ModelOpt 0.46 with its scales (src/cell/release.c).
    if (word == "fp4" && values["FP4_PRESET"] == "nvfp4" && values["MODELOPT"] >= "0.46") return 4.5
    return substr(word, match(word, /[0-9]/)) + 0
}

# With every layer quantized a cell has the bits of the smaller of its types.
function effective_bits(value, weights, acts,    w, a, n, k, i, j, all) {
    n = split(weights, w, " "); k = split(acts, a, " ")
    for (i = 1; i <= n && value != ""; i++)
        for (j = 1; j <= k; j++)
            if ((all = least(bits(w[i]), bits(a[j]))) > value + 0)
                complain("EFFECTIVE_BITS=" value ": " w[i] "-" a[j] " has " all " where every layer is quantized; at least that is needed")
}

BEGIN {
    for (i = 1; i < ARGC; i++) if (ARGV[i] ~ /^home=/) given["home"] = substr(ARGV[i], 6)
    bundled = given["home"] "calib/models/"
    while ((getline line < (given["home"] "src/base/limits.def")) > 0)
        if (line ~ /^LIMIT/ && split(line, f, /[(), ]+/)) { from[f[2]] = f[3]; to[f[2]] = f[4] }
    if (!("IMGSZ" in to)) exit 3
    for (i = 1; i < ARGC; i++) {
        name = substr(ARGV[i], 1, index(ARGV[i], "=") - 1)
        rest = substr(ARGV[i], length(name) + 2)
        if (name ~ /^[a-z]/) { given[name] = rest; continue }
        names[++count] = name
        kinds[name] = substr(rest, 1, index(rest, "=") - 1)
        values[name] = substr(rest, index(rest, "=") + 1)
    }
    goals()
    split("MODEL MODELS W WEIGHT_DTYPES A ACT_DTYPES G GRANULARITIES", f, " ")
    for (i = 1; i < 8; i += 2) { list_of[f[i]] = f[i + 1]; one_of[f[i + 1]] = f[i] }
    one_of["MAX_RUNS"] = one_of["MODELS_FILE"] = ""
    n = split(given["typed"], typed, " ")
    # make verify takes a grid, or one cell (verify_cell of mk/grid.mk).
    cells = "cell|keep-list|pareto|export|drop" (given["verify_cell"] ? "|verify" : "")
    grids = "sweep|plan|bench|bench-modelopt" (given["verify_cell"] ? "" : "|verify")
    cell = match(" " given["goals"] " ", " (" cells ") ") ? substr(given["goals"], RSTART, RLENGTH - 2) : ""
    grid = match(" " given["goals"] " ", " (" grids ") ") > 0
    for (i = 1; i <= n; i++) {
        name = typed[i]
        if (!has(given["known"], name)) complain(shown(name) " is not a variable of this Makefile" nearest(name, given["known"]))
        if (name in list_of && !cell) complain(name " is a variable of make cell; the others take " list_of[name])
        if (name in one_of && cell && !grid) complain(name " is not a variable of make " cell ", which takes MODEL" (cell ~ /pareto|drop/ ? "" : ", W, A and G"))
    }
    models = "MODELS"
    if (grid && values["MODELS_FILE"] != "") {
        check("MODELS_FILE", kinds["MODELS_FILE"], values["MODELS_FILE"])
        if (has(given["goals"], "bench") || has(given["goals"], "bench-modelopt")) complain("MODELS_FILE is no variable of make bench, which takes MODELS")
        values["MODELS"] = listed(values["MODELS_FILE"])
        models = "MODELS_FILE=" values["MODELS_FILE"]
    }
    for (i = 1; i <= count; i++) {
        check(names[i] == "MODELS" ? models : names[i], kinds[names[i]], values[names[i]])
        if (cell && names[i] in list_of && values[names[i]] == "" && (names[i] == "MODEL" || cell !~ /pareto|export|drop/ || (cell == "export" && values["W"] values["A"] values["G"] != "")))
            complain(names[i] " is missing: make " cell " MODEL=yolov10n" (cell ~ /pareto|drop/ ? "" : " W=int8 A=fp8 G=per_layer"))
    }
    if (has(given["goals"], "models") && has(given["typed"], "MODELS")) check("MODELS", "words:" given["official"], values["MODELS"])
    if (grid) { checkpoints(models, values["MODELS"]); effective_bits(values["EFFECTIVE_BITS"], values["WEIGHT_DTYPES"], values["ACT_DTYPES"]) }
    if (cell && cell != "drop") { checkpoints("MODEL", values["MODEL"]); effective_bits(values["EFFECTIVE_BITS"], values["W"], values["A"]) }
    if ((grid || cell && cell != "drop") && !readable(values["IMAGE_LIST"] " " values["IMAGE_LIST"] "/*"))
        complain("IMAGE_LIST=" values["IMAGE_LIST"] ": cannot be read; name a text file with one image path a line, a folder of images, or a data.yaml")
    if (has(given["goals"], "verify") && values["VERIFY_LIST"] != "" && !readable(values["VERIFY_LIST"] " " values["VERIFY_LIST"] "/*"))
        complain("VERIFY_LIST=" values["VERIFY_LIST"] ": cannot be read; name a text file with one image path a line, a folder of images, or a data.yaml")
    if (has(given["goals"], "keep-list") && values["ONNX"] != "" && !readable(values["ONNX"]))
        complain("ONNX=" values["ONNX"] ": cannot be read; name your model, a file")
    n = split(given["foreign"], f, " ")
    for (i = 1; i <= n; i++) print "yolosens: " f[i] " of the environment is not used; to set it: make " f[i] "=" shown(ENVIRON[f[i]]) >"/dev/stderr"
}
