// The map, its panel and the table. want: expect.jq's.
"use strict";

function use(id, value) {
    const e = byId(id);
    e[e.type === "checkbox" ? "checked" : "value"] = value;
    e.dispatchEvent(new Event(e.type === "search" ? "input" : "change", {bubbles: true}));
}

function box(filter, value) {
    return all(`[data-filter="${filter}"] input`).find(e => e.value === value);
}

const heads = () => all("#heads button"), names = () => texts("#names button");
const head = title => heads().find(e => e.title === title);

// The middle of a square on the screen.
function middle(row, column) {
    const r = all("#names button")[row].getBoundingClientRect(), c = heads()[column].getBoundingClientRect();
    return {x: c.left + c.width / 2, y: r.top + r.height / 2};
}

function mouse(type, {x, y}) {
    byId("heat").dispatchEvent(new MouseEvent(type, {clientX: x, clientY: y, bubbles: true}));
}

// Lightness of a square, from the canvas itself; null where nothing is drawn.
function lightness(row, column) {
    const canvas = byId("heat"), rect = canvas.getBoundingClientRect(), {x, y} = middle(row, column);
    const dots = canvas.width / rect.width;
    const [r, g, b, a] =
        canvas.getContext("2d").getImageData((x - rect.left) * dots, (y - rect.top) * dots, 1, 1).data;
    return a ? 0.2126 * r + 0.7152 * g + 0.0722 * b : null;
}

function testCounts() {
    check("cells in the map", heads().length, want.scored + want.failed);
    check("layers in the map", names().length, want.rows);
    check("rows of the table", all("#table tbody tr").length, want.scored + want.unsupported + want.failed);
    check("a band for each model", texts("#heads .model"), Object.keys(want.layers));
    check(
        "counts in words",
        byId("summary").textContent.startsWith(
            `${want.scored} cells ok, ${want.unsupported} unsupported, ${want.failed} failed`));
    check("the page is not wider than the window", document.documentElement.scrollWidth <= innerWidth);
}

function testEscaping() {
    check("a hostile layer is text", names()[0], want.hostile);
    check("hostile reasons are text", want.reasons.every(r => texts("#table td").includes(r)));
    check("nothing became an element", all("img, i, #map b").length, 0);
    check("nothing ran", typeof pwned, "undefined");
    check(
        "links stay in the run's folder",
        all("#table a").every(a => a.href.startsWith(new URL(".", location.href).href)));
    check(
        "a link to a log that is a script",
        all("#table a").filter(a => a.getAttribute("href").startsWith("javascript:")).length, 0);
    check("nothing was loaded", performance.getEntriesByType("resource").length, 0);
}

function testColors() {
    const column = heads().indexOf(head(want.last.name)),
          order = want.last.by_score.filter(name => names().includes(name));
    const shown = order.filter(name => names().indexOf(name) % 2 === 0)
                      .map(name => lightness(names().indexOf(name), column));
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const rises = shown.every((v, i) => i === 0 || (dark ? v <= shown[i - 1] + 1 : v >= shown[i - 1] - 1));
    check(
        `on a ${dark ? "dark" : "light"} page the sensitive layers stand out: ${shown.length} squares`,
        rises && shown.length > 50);
    check("from one end of the ramp to the other", Math.abs(shown[0] - shown[shown.length - 1]) > 100);
    check(
        "a layer that the model lacks has no square",
        lightness(names().indexOf("model.141.conv"), heads().indexOf(head("__proto__ int8-int8 per_layer"))),
        null);
}

function testFilters() {
    box("weight", "int4").click();
    check("without int4 weights", heads().filter(e => e.textContent.startsWith("W int4 ")).length, 0);
    check("nor in the table", texts("#table td:nth-child(2)").includes("int4"), false);
    box("weight", "int4").click();
    for (const value of ["int4", "fp4", "fp8"])
        box("weight", value).click();
    for (const value of ["int4", "int8", "fp4"])
        box("activation", value).click();
    box("granularity", "per_channel").click();
    check("int8-fp8 per_layer", heads().map(e => e.title), want.int8_fp8);
    box("model", "first").click();
    check(
        "layers of the models that are left", names().length,
        Math.max(...Object.entries(want.layers).map(([m, n]) => m === "first" ? 0 : n)));
    all("#controls fieldset input").filter(e => e.checked).forEach(e => e.click());
    check(
        "nothing left is said", [byId("empty").textContent, heads().length, names().length],
        ["No scored cell passes these filters.", 0, 0]);
    all("#controls fieldset input").forEach(e => e.click());
    use("unscored", true);
    check("unsupported cells too", heads().length, want.scored + want.unsupported + want.failed);
    head("first int4-int4 per_channel").click();
    check("with the reason", byId("panel").textContent.includes(want.reasons[0]));
    use("unscored", false);
    use("exported", true);
    check("exported layers only", names().length, want.exported);
    use("exported", false);
    use("named", "MODEL.1");
    check("layers by name", names().length > 0 && names().every(n => n.includes("model.1")));
    use("named", "nowhere");
    check(
        "no layer of a name is said as that", [byId("empty").hidden, byId("empty").textContent],
        [false, "No layer of these models has “nowhere” in its name."]);
    use("named", "");
    check("and a name that is found shows the map again", byId("empty").hidden && names().length, want.rows);
}

function testSorting() {
    head(want.last.name).click();
    check("a cell's panel", byId("panel").querySelector("h2").textContent, want.last.name);
    check("has its total", byId("panel").textContent.includes(scoreText(want.last.total)));
    check(
        "and its report and log", all("#panel .links a").map(a => a.getAttribute("href")),
        [want.last.report, want.last.log]);
    [...all("#panel button")].find(e => e.textContent.startsWith("Sort")).click();
    check("layers by this cell", names().slice(0, want.last.ranked.length), want.last.ranked);
    use("rows", "parameters");
    check(
        "layers by parameters: the wide kernels first",
        names()[0] === want.hostile && names()[1] === "model.2.conv");
    use("rows", "name");
    check("layers by name", names().indexOf("model.9.conv") + 1, names().indexOf("model.10.conv"));
    use("rows", "model");
    use("columns", "total");
    check("models stay together", texts("#heads .model"), Object.keys(want.layers));
    check(
        "cells by total score", heads().map(e => e.title).filter(t => t.startsWith("first ")), want.by_total);
    use("columns", "grid");
    check(
        "and back", heads().map(e => e.title).filter(t => t.startsWith("first "))[1],
        "first int4-int8 per_layer");
    all("#table th button")[5].click();
    const totals = () => texts("#table td.number").filter(t => t).map(Number);
    const last = () => texts("#table td.number").slice(want.scored).every(t => t === "");
    check("the table by total score", totals().every((v, i, a) => i === 0 || v >= a[i - 1]));
    check("what has no score comes last", last());
    all("#table th button")[5].click();
    check("again when the order is turned round", last());
    check(
        "and the other way round",
        totals().every((v, i, a) => i === 0 || v <= a[i - 1]) && totals().length === want.scored);
}

function testSelection() {
    const row = 3, column = 5, cell = heads()[column].title, layer = names()[row];
    mouse("mousemove", middle(row, column));
    check(
        "the tip names layer and cell", [...byId("tip").children].slice(0, 2).map(e => e.textContent),
        [layer, cell]);
    mouse("click", middle(row, column));
    const panel = byId("panel");
    check("a click shows the layer", panel.querySelector("h2").textContent, layer);
    check(
        "its shapes, MACs and parameters", texts("#panel dd"),
        ["8 × 4 × 1 × 1", "4 × 20 × 20", "8 × 10 × 10", "1.23 M", "32", "yes"]);
    const formats = heads().filter(e => e.title.startsWith("first ")).length;
    check("a bar for each of its formats", all("#panel .bars button").length, formats);
    check("the clicked one is marked", texts('#panel .bars [aria-pressed="true"] .label').length, 1);
    const widths = all("#panel .bar").map(e => parseFloat(e.style.width));
    check(
        "the longest first",
        widths.every((w, i) => i === 0 || w <= widths[i - 1]) && widths[0] > widths[formats - 1]);
    check(
        "artefacts are marked and explained",
        texts("#panel .label").some(t => t.endsWith("*")) &&
            panel.textContent.includes("BLOCK_DIM=reduction"));
    const other = Object.keys(want.layers)[1];
    all("#panel .tabs button").find(e => e.textContent === other).click();
    check("another model's formats", panel.querySelector("h3").textContent.endsWith(other));
    all("#names button").find(e => e.textContent === "model.23.cv2.103.conv").click();
    check(
        "one2many is explained",
        panel.textContent.includes("one2many") && panel.textContent.includes("an export drops it"));
    mouse("click", middle(row, column));
    byId("heat").dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowDown", bubbles: true}));
    check("arrow keys move", panel.querySelector("h2").textContent, names()[row + 1]);
    const press = (key, n) => {
        for (let i = 0; i < n; i++)
            byId("heat").dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
    };
    press("ArrowDown", 60);
    press("ArrowUp", 58);
    const selected = all('#names [aria-pressed="true"]')[0].getBoundingClientRect();
    check(
        "a row that arrow keys reach is not under the heads",
        selected.top >= byId("heads").getBoundingClientRect().bottom - 1 &&
            selected.bottom <= byId("scroll").getBoundingClientRect().bottom + 1);
    if (getComputedStyle(panel).position === "fixed") {
        placeTip(20, panel.getBoundingClientRect().top - 5, ["first", "second", "third"]);
        check(
            "a tip does not cover the sheet",
            byId("tip").getBoundingClientRect().bottom <= panel.getBoundingClientRect().top);
    }
    press("Escape", 1);
    check("escape goes back", panel.querySelector("h2").textContent, "Most sensitive layers");
    head(want.lost.name).click();
    check("a failed cell tells why", panel.textContent.includes(want.lost.reason));
    panel.querySelector(".close").click();
    check("and closes", panel.querySelector("h2").textContent, "Most sensitive layers");
}

function testWords() {
    const words = texts("#words dt").join(" ");
    check("words are explained", ["cell", "artefact", "one2many", "share"].every(w => words.includes(w)));
    check(
        "weights and activations are told apart",
        heads().every(e => /^W \S+ A \S+ \S+$/.test(e.textContent)));
    check("a small screen begins with the map", byId("options").open, innerWidth > 600);
}

function testPaper() {
    const canvas = byId("heat"), size = () => [canvas.width, canvas.height], before = size();
    dispatchEvent(new Event("beforeprint"));
    const dots = devicePixelRatio;
    check(
        "on paper the whole map is on one sheet",
        canvas.width <= 540 * dots && canvas.height <= 800 * dots &&
            heads().length === want.scored + want.failed);
    check("squares are drawn there", lightness(1, 1) !== null);
    dispatchEvent(new Event("afterprint"));
    check("and on the screen it is as before", size(), before);
}

// Whose colors are the message.
function testContrast() {
    const forced = matchMedia("(forced-colors: active)").matches;
    const background = e => getComputedStyle(e).backgroundColor;
    check(
        `bars have their colors${forced ? " in forced ones" : ""}`,
        all("#panel .bar").every(e => background(e) !== background(document.body)) &&
            all("#panel .bar").every(e => getComputedStyle(e).forcedColorAdjust === "none"));
    check(
        "so have ramp and keys, and print keeps them",
        all(".ramp, .key > span, #panel .bar, #heat")
            .every(
                e => ["forcedColorAdjust", "printColorAdjust"].map(k => getComputedStyle(e)[k]).join() ===
                    "none,exact"));
}

function testRun() {
    check("the title names the run", document.title, "run: layer sensitivity");
    check(
        "so does the page, with date and device", byId("name").textContent, "run, 2026-01-02 03:04 UTC, cpu");
    const settings = texts("#settings dt").map((t, i) => [t, texts("#settings dd")[i]]);
    check(
        "checkpoints have their digests",
        settings
            .filter(
                ([, d]) => d.includes(
                    "SHA-256 " +
                    "ab".repeat(32)))
            .length,
        3);
    check(
        "a setting that is hostile is text", settings.some(([t, d]) => t === "images" && d.includes("<img")));
    check(
        "links are said to need the folder",
        byId("cells").textContent.includes("a copy of this page alone does not have them"));
}

// The address holds what is not as at first, and brings it back.
function testAddress() {
    check("at first it is empty", hashOf(data, state), "");
    head("__proto__ int8-int8 per_layer").click();
    use("rank", "modelopt");
    use("measure", "place");
    use("rows", "cell");
    use("exported", false);
    use("named", "conv");
    box("granularity", "per_channel").click();
    change({target: "plain"});
    slideTo(7);
    const hash = hashOf(data, state), panel = byId("panel").querySelector("h2").textContent, rows = names();
    check(
        "what was chosen stands there",
        [
            "measure=place", "rows=cell", "exported=0", "named=conv", "target=plain", "keep=7",
            "granularity=per_layer"
        ].filter(w => !hash.split("&").includes(w)),
        []);
    history.replaceState(null, "", "#");
    goTo();
    check(
        "without it the first view is back",
        [hashOf(data, state), byId("measure").value, byId("exported").checked], ["", "decades", true]);
    history.replaceState(null, "", "#" + hash);
    goTo();
    check(
        "with it everything is as it was",
        [
            hashOf(data, state), byId("panel").querySelector("h2").textContent, names(), byId("named").value,
            box("granularity", "per_channel").checked, byId("keep").value
        ],
        [hash, panel, rows, "conv", false, "7"]);
    history.replaceState(null, "", "#cell=nowhere&measure=no&layer=<img>&keep=x&weight=no&__proto__=1");
    goTo();
    check(
        "words that mean nothing are left out", [state.cell, state.layer, state.measure, state.keep],
        [null, null, "decades", null]);
    history.replaceState(null, "", "#");
    goTo();
}

function slideTo(n) {
    byId("keep").value = n;
    byId("keep").dispatchEvent(new Event("input"));
}

// What runs, exported; the rest on request.
function testFirstView() {
    const pairs = new Set(heads().map(e => e.title.split(" ").at(-2)));
    check("the first view is of formats that runtimes run", [...pairs].sort(), ["fp8-fp8", "int8-int8"]);
    check("and of exported layers", [names().length, all("#names .training").length], [want.exported, 0]);
    const others = all("#legend .others")[0];
    check(
        "which says how many cells there are beside",
        others.textContent.startsWith(`show ${want.scored + want.failed - heads().length} cells`));
    others.click();
    check("and shows them", [heads().length, byId("runtimes").checked], [want.scored + want.failed, false]);
    use("exported", false);
    check("layers of training too", names().length, want.rows);
}

// A cell's squares, the most sensitive layer's first, each with its share of the total.
function squares() {
    const column = heads().indexOf(head(want.last.name));
    return want.last.exported_shares.map(
        ([name, share]) => ({share, light: lightness(names().indexOf(name), column)}));
}

function testMeasures() {
    const up = matchMedia("(prefers-color-scheme: dark)").matches ? 1 : -1;
    const falls = list => list.every((s, i) => !i || up * (list[i - 1].light - s.light) >= -1);
    use("measure", "decades");
    const list = squares().filter(s => s.share > 0.001);
    const pairs = list.flatMap(
        a => list.filter(b => a.share > 2.9 * b.share && a.share < 3.1 * b.share).map(b => [a, b]));
    check(
        `three times as much is seen, in ${pairs.length} pairs of layers`,
        pairs.length > 5 && pairs.every(([a, b]) => up * (a.light - b.light) > 12));
    use("measure", "share");
    check("linear: what is less is never darker", falls(squares()));
    check("the scale ends at the largest share", texts(".ticks span").at(-1), percent(largest(want.shares)));
    for (const measure of ["held", "place"]) {
        use("measure", measure);
        check(`${measure}: further down the rank is paler`, falls(squares()));
    }
    check("place 1 is one end of the scale", texts(".ticks span").at(-1), "1");
    const third = want.last.exported_shares[2][0];
    byId("scroll").scrollLeft = 1e6;
    mouse("mousemove", middle(names().indexOf(third), heads().indexOf(head(want.last.name))));
    check("the tip tells the place", byId("tip").textContent.includes("place 3; those above hold"));
    byId("scroll").scrollLeft = 0;
    use("measure", "score");
}

function testMeans() {
    const tabs = () => all("#panel .tabs button"), first = texts("#panel .value");
    check("means are of one model", byId("panel").textContent.includes(`of ${tabs()[0].textContent} shown`));
    const other = tabs()[2].textContent;
    tabs()[2].click();
    check(
        "another on request",
        [
            byId("panel").textContent.includes(`of ${other} shown`),
            texts("#panel .value").join() === first.join()
        ],
        [true, false]);
    tabs()[0].click();
    check("and back", texts("#panel .value"), first);
}

// Two cells, from their files: places and totals.
function testCompare() {
    const here = want.last.exported_shares.map(([name]) => name), there = want.other.ranked;
    const both = n =>
        here.filter((name, i) => i < n && there.indexOf(name) >= 0 && there.indexOf(name) < n).length;
    head(want.last.name).click();
    use("other", want.other.name);
    const part = byId("compare");
    check(
        "the totals' ratio",
        part.textContent.includes(
            `The total there is ${times(want.other.total / want.last.total)} of that here.`));
    check(
        "layers that are first in both",
        part.textContent.includes(
            `${both(10)} of the first 10 layers are among the first 10 there, ${both(30)} of the first 30.`));
    const ends = [...part.querySelectorAll(".mark")].map(e => e.getAttribute("aria-label"));
    const wanted =
        here.filter((name, i) => there.includes(name) && (i < 30 || there.indexOf(name) < 30))
            .map(name => `${name}, place ${here.indexOf(name) + 1} here, ${there.indexOf(name) + 1} there, `);
    check(
        "a line for each that is among the first 30 in either, with its places",
        [ends.length, wanted.filter((w, i) => !ends[i].startsWith(w))], [wanted.length, []]);
    check("no word leaves the picture", [...part.querySelectorAll("text")].every(t => {
        const [a, b] = [t.getBoundingClientRect(), byId("panel").getBoundingClientRect()];
        return a.left >= b.left - 1 && a.right <= b.right + 1;
    }));
    check("the address holds it", new URLSearchParams(hashOf(data, state)).get("other"), want.other.name);
    // The page itself as another run's.
    other_run = {name: "again", data: pageData(document.documentElement.outerHTML)};
    rankAll();
    render();
    use("other", "again" + want.last.name);
    check(
        "another run's cell, from its page",
        byId("compare").textContent.includes(
            "10 of the first 10 layers are among the first 10 there, 30 of the first 30."));
    check(
        "which is the same",
        byId("compare").textContent.includes("The total there is 1 times of that here."));
    // Whole models: all cells that both have.
    const again = `all again${state.cell.model}`;
    use("other", again);
    check(
        "the same model of another run: a row a cell, places as here",
        [
            document.querySelectorAll("#totals tbody tr").length,
            [...document.querySelectorAll("#totals tbody tr")].every(
                tr => /1 times *10$/.test(tr.textContent)),
            byId("compare").textContent.includes(
                "10 of the first 10 layers are among the first 10 there, 30 of the first 30.")
        ],
        [data.cells.filter(c => c.values && c.model === state.cell.model).length, true, true]);
    const models = [
        ...byId("other").options
    ].map(o => o.value).filter(v => v.startsWith("all ") && !v.startsWith("all again"));
    check("other models of this run are offered", models.length > 0, true);
    use("other", models[0]);
    const whole = [...byId("compare").querySelectorAll(".mark")].map(e => e.getAttribute("aria-label"));
    check(
        "each layer has its place by the mean share, and the ratio of shares",
        whole.length >= 30 &&
            whole.every(
                text =>
                    /^.*, place [0-9]+ here, [0-9]+ there, share .*, its share there .* times that here/.test(
                        text)),
        true);
    check(
        "a row for each cell that both have", document.querySelectorAll("#totals tbody tr").length > 0, true);
    check("what is no page of a run is refused", pageData("<p>a</p>"), null);
    other_run = null;
    state.other = "";
    select({});
}

runChecks(
    testWords, testContrast, testRun, testAddress, testFirstView, testMeasures, testMeans, testPaper,
    testCounts, testEscaping, testColors, testFilters, testSorting, testSelection, testCompare, testEscaping);
