// Prediction against measurement, as vector graphics: a point a layer, and a line a rank. Every point has a name that shows when the
// pointer or the keyboard is on it; of a plot's points one is reached by Tab, the others from there by arrow keys.
"use strict";

const PLOT = {
    width: 372,
    height: 250,
    left: 46,
    right: 12,
    top: 10,
    bottom: 40
};
const inner = {
    width: PLOT.width - PLOT.left - PLOT.right,
    height: PLOT.height - PLOT.top - PLOT.bottom
};

// svg("text", {x: 1}, "words", child): attributes, and words as text.
function svg(tag, attributes, ...children) {
    const e = document.createElementNS(byId("svg").namespaceURI, tag);
    for (const [key, value] of Object.entries(attributes))
        e.setAttribute(key, value);
    e.append(...children.filter(c => c !== null));
    return e;
}

const across = t => PLOT.left + t * inner.width, up = t => PLOT.top + (1 - t) * inner.height;

// What an axis shows: ticks are {at: 0 to 1, text}.
function axes(x, y) {
    const [left, right, top, bottom] = [across(0), across(1), up(1), up(0)];
    const lines = [], words = [];
    for (const {at, text} of x.ticks) {
        lines.push(svg("line", {x1: across(at), x2: across(at), y1: top, y2: bottom}));
        words.push(svg("text", {x: across(at), y: bottom + 14, "text-anchor": "middle"}, text));
    }
    for (const {at, text} of y.ticks) {
        lines.push(svg("line", {x1: left, x2: right, y1: up(at), y2: up(at)}));
        words.push(svg("text", {x: left - 5, y: up(at) + 4, "text-anchor": "end"}, text));
    }
    const [mx, my] = [(left + right) / 2, (top + bottom) / 2];
    return svg(
        "g", {class: "axes", "aria-hidden": "true"}, ...lines, ...words,
        svg("text", {x: mx, y: bottom + 32, "text-anchor": "middle"}, x.label),
        svg("text", {x: 11, y: my, "text-anchor": "middle", transform: `rotate(-90 11 ${my})`}, y.label));
}

// Shapes as well as colors tell points apart.
const SHAPES = {
    circle: "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    square: "M-3.5-3.5h7v7h-7z",
    up: "M0-4.5L4.5 3.5h-9z",
    down: "M0 4.5L4.5-3.5h-9z",
    diamond: "M0-5L5 0L0 5L-5 0z",
    dot: "M-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0z",
    cross: "M-1.5-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
};

// A point with its words; choose (or null): what a click or Enter does.
function mark({x, y, shape, style, words, choose}) {
    const point = svg("path", {
        d: SHAPES[shape],
        transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`,
        class: `mark ${style}`,
        role: choose ? "button" : "img",
        "aria-label": words.join(", "),
        tabindex: -1,
    });
    const show = () => {
        const box = point.getBoundingClientRect();
        placeTip(box.right, box.bottom, words);
    };
    for (const event of ["mouseenter", "focus"])
        point.addEventListener(event, show);
    for (const event of ["mouseleave", "blur"])
        point.addEventListener(event, hideTip);
    if (choose) {
        point.addEventListener("click", choose);
        point.addEventListener("keydown", event => event.key === "Enter" && choose());
    }
    return point;
}

// What a line, or points alone, look like, beside their name.
function lineKey(style, shape, line = true) {
    return svg(
        "svg", {viewBox: "-12 -6 24 12", width: 24, height: 12, "aria-hidden": "true"},
        line ? svg("line", {class: `line ${style}`, x1: -12, x2: 12, y1: 0, y2: 0}) : null,
        svg("path", {d: SHAPES[shape], class: `mark ${style}`}));
}

const STEPS_OF = {
    ArrowRight: 1,
    ArrowUp: 1,
    ArrowLeft: -1,
    ArrowDown: -1
};

function plot(words, marks, ...below) {
    return pictured(PLOT.height, words, marks, ...below);
}

function pictured(height, words, marks, ...below) {
    let current = 0;
    const go = to => {
        marks[current].setAttribute("tabindex", -1);
        current = Math.min(Math.max(to, 0), marks.length - 1);
        marks[current].setAttribute("tabindex", 0);
    };
    const points = svg("g", {}, ...marks);
    points.addEventListener("focusin", event => go(marks.indexOf(event.target)));
    points.addEventListener("keydown", event => {
        const to = event.key === "Home" ? 0 :
            event.key === "End"         ? marks.length - 1 :
                                          current + (STEPS_OF[event.key] || 0);
        if (event.key !== "Home" && event.key !== "End" && !STEPS_OF[event.key])
            return;
        event.preventDefault();
        go(to);
        marks[current].focus();
    });
    if (marks.length)
        go(0);
    return svg(
        "svg", {class: "plot", viewBox: `0 0 ${PLOT.width} ${height}`, role: "group", "aria-label": words},
        ...below, points);
}

// ---- scores against damage ----

// at: where a layer's damage has the numbers. Half a class score estimates nats, so that a line says where both are equal.
const DAMAGES = [
    {
        title: "Class damage",
        rank: "class",
        with: "class_kl",
        at: 0,
        same: true,
        predicted: "predicted from the class score: nats an image",
        measured: "measured: nats an image",
    },
    {
        title: "Box damage",
        rank: "box",
        with: "box_loss",
        at: 2,
        same: false,
        predicted: "predicted by the box score: squared shift",
        measured: "measured: 1 − IoU",
    },
];

function short(v) {
    return Number(v.toPrecision(3)).toString();
}

function scatter(data, cell, kind) {
    const rows = data.rows.filter(row => row.at.has(cell.model));
    const all = rows.map(row => ({row, numbers: cell.damage[row.at.get(cell.model)]}))
                    .filter(p => p.numbers && p.numbers[kind.at] !== null && p.numbers[kind.at + 1] !== null)
                    .map(({row, numbers}) => ({row, x: numbers[kind.at], y: numbers[kind.at + 1]}));
    const points = all.filter(p => p.x > 0 || p.y > 0).sort((a, b) => a.x - b.x);
    const spearman = cell.verify.spearman[kind.rank]?.[kind.with] ?? null;
    const title = `${kind.title}, predicted and measured` +
        (spearman === null ? "" : `: Spearman ${spearman.toFixed(2)}`);
    if (!points.length)
        return [el("h3", null, title), note("No layer has both numbers.")];
    const x = logScale(points.map(p => p.x)), y = logScale(points.map(p => p.y));
    const marks = points.map(p => mark({
                                 x: across(x.position(p.x)),
                                 y: up(y.position(p.y)),
                                 shape: "circle",
                                 style: "layer",
                                 words: [p.row.name, `predicted ${short(p.x)}`, `measured ${short(p.y)}`],
                                 choose: () => select({cell, layer: p.row}),
                             }));
    const picture = plot(
        `${title}; ${plural(points.length, "layer")}`, marks,
        axes({ticks: x.ticks, label: kind.predicted}, {ticks: y.ticks, label: kind.measured}),
        kind.same ? diagonal(x, y) : null,
        named(points, p => across(x.position(p.x)), p => up(y.position(p.y))));
    const none = all.length - points.length;
    return [
        el("h3", null, title),
        picture,
        none ?
            note(`${plural(none, "layer")} with neither above zero ${none === 1 ? "is" : "are"} not drawn.`) :
            null,
    ];
}

// Where prediction and measurement are equal, as far as it is in the picture.
function diagonal(x, y) {
    const low = Math.max(x.low, y.low), high = Math.min(x.high, y.high);
    if (high <= low)
        return null;
    const px = v => across((v - x.low) / (x.high - x.low)), py = v => up((v - y.low) / (y.high - y.low));
    return svg(
        "line", {class: "equal", x1: px(low), y1: py(low), x2: px(high), y2: py(high)},
        svg("title", {}, "as predicted"));
}

// The name of the layer that does most damage stands beside it.
function named(points, across_of, up_of) {
    const most = points.reduce((a, b) => b.y > a.y ? b : a), x = across_of(most), right = x < PLOT.width / 2;
    return svg(
        "text",
        {class: "name", x: x + (right ? 8 : -8), y: up_of(most) + 4, "text-anchor": right ? "start" : "end"},
        most.row.name);
}

// ---- AP agreement over layers kept ----

// Words that verify.json has, each with its shape; what is no rank is no line.
const SERIES = {
    modelopt: ["square", "ModelOpt's score"],
    class: ["up", "the class score"],
    box: ["down", "the box score"],
    detection: ["circle", "the class and the box score's roots joined, the smaller of two layers that harm alike first"],
    measured: ["diamond", "measured damage of single layers"],
    search: ["cross", "measured sets, layers swapped in and out"],
    exporter: ["diamond", "the list that exporters hard-wire"],
    solver: ["square", "the solver's choice"],
};
const POINTS_ALONE = ["exporter", "solver"];

// Steps that people count in, at most five up to high.
function niceStep(range) {
    const power = Math.pow(10, Math.floor(Math.log10(range / 5)));
    return [1, 2, 5, 10].map(m => m * power).find(step => range / step <= 5.0001);
}

function levels(low, high, step, text) {
    const ticks = [];
    for (let i = 0; low + i * step <= high + step / 1000; i++)
        ticks.push({at: i * step / (high - low), text: text(low + i * step)});
    return ticks;
}

function curve(cell) {
    const {sets, all_quantized} = cell.verify, title = "AP agreement over layers kept in 16 bits";
    const none = {keep: 0, by: null, ...all_quantized};
    const known = sets.filter(s => s.agreement_ap !== null && s.agreement_ap !== undefined);
    if (!known.length || (none.agreement_ap ?? null) === null)
        return [el("h3", null, title), note("There are no detections to compare.")];
    const most = Math.max(...known.map(s => s.keep), 1);
    const least = Math.min(none.agreement_ap, ...known.map(s => s.agreement_ap));
    const step = niceStep(Math.max(1 - least, 0.005)), low = Math.max(0, Math.floor(least / step) * step);
    const x = keep => across(keep / most), y = ap => up((ap - low) / (1 - low));
    const lines = [], marks = [], keys = [];
    const add = (s, shape, style) => marks.push(mark({
        x: x(s.keep),
        y: y(s.agreement_ap),
        shape,
        style,
        words: [
            s.by === null ? "none kept" : `${plural(s.keep, "layer")} by ${s.by}`,
            `AP agreement ${s.agreement_ap.toFixed(3)}`,
            ...(s.ap ?? null) === null ? [] : [`AP on labels ${s.ap.toFixed(3)}`],
            ...(s.effective_bits ?? null) === null ? [] : [`${s.effective_bits.toFixed(2)} effective bits`],
        ],
    }));
    add(none, "circle", "none");
    for (const by of new Set(known.map(s => s.by))) {
        const own = known.filter(s => s.by === by).sort((a, b) => a.keep - b.keep);
        const [shape, why] = SERIES[by] || ["square", by], style = `series-${SERIES[by] ? by : "other"}`;
        const line = !POINTS_ALONE.includes(by);
        if (line)
            lines.push(svg("polyline", {
                class: `line ${style}`,
                points: [none, ...own]
                            .map(s => `${x(s.keep).toFixed(1)},${y(s.agreement_ap).toFixed(1)}`)
                            .join(" "),
            }));
        own.forEach(s => add(s, shape, style));
        keys.push(el("span", {className: "series", title: why}, lineKey(style, shape, line), by));
    }
    const whole = niceStep(most) < 1 ? 1 : niceStep(most);
    const ticks = {
        x: levels(0, most, whole, String),
        y: levels(low, 1, step, v => v.toFixed(Math.max(1, -Math.floor(Math.log10(step) + 1e-9)))),
    };
    return [
        el("h3", null, title),
        plot(
            `${title}, by what chose them`, marks, axes({ticks: ticks.x, label: "layers kept in 16 bits"}, {
                ticks: ticks.y,
                label: "AP agreement",
            }),
            ...lines),
        el("p", {className: "keys"}, ...keys),
        note(
            "AP agreement: COCO's AP (IoU 0.50 to 0.95) of the quantized network's detections, the unquantized network's sure " +
            "ones being the truth. All exported layers but those kept are quantized."),
    ];
}

// ---- words ----

// A word of a shell's command line that sets a variable of make; nothing in it is expanded by either.
function makeWord(text) {
    return /^[\w.-]+$/.test(text) ? text : `'${text.replace(/\$/g, "$$$$").replace(/'/g, "'\\''")}'`;
}

function checkCommand(cell) {
    return `make verify MODELS=${makeWord(cell.model)} WEIGHT_DTYPES=${cell.weight} ACT_DTYPES=${
               cell.activation} ` +
        `GRANULARITIES=${cell.granularity}`;
}

function stabilityText(cell) {
    const rank = cell.stability?.detection ? "detection" : "modelopt", same = cell.stability?.[rank];
    if (!same)
        return null;
    const again = Object.entries(same).map(
        ([k, share], i) =>
            `${(k * share).toFixed(1)} of the first ${k}` + (i ? "" : ` layers by ${rank} again`));
    return `Other images like the ${cell.score_images} scored on would be expected to choose ${
        again.join(", ")}.`;
}

// What a cell's panel says of detection.
function detectionPart(data, cell) {
    const stability = stabilityText(cell), sure = stability ? note(stability) : null;
    if (!cell.verify)
        return [
            el("h3", null, "Not measured"),
            el("p", null,
               "The ranking is a prediction from gradients: what quantizing does to the detections has not been measured. ",
               el("code", null, checkCommand(cell)),
               ", with the run's other variables as they were, measures it on images of its own and shows it here."),
            sure,
        ];
    return [
        el("h3", null, "What quantizing does to the detections, measured"),
        el("p", null, el("strong", null, cell.finding.replace("->", "→") + ". "), cell.choices),
        note(cell.measured_on),
        sure,
        ...curve(cell),
        ...DAMAGES.flatMap(kind => scatter(data, cell, kind)),
    ];
}

// What was measured of one layer of a cell, and predicted.
function layerDamage(cell, row) {
    const [kl_predicted, kl, box_predicted, box] = cell.damage?.[row.at.get(cell.model)] || [];
    const parts = [
        [kl, v => `class damage ${short(v)} nats an image`],
        [kl_predicted, v => `predicted ${short(v)}`],
        [box, v => `box damage ${short(v)} (1 − IoU)`],
        [box_predicted, v => `predicted squared shift ${short(v)}`],
    ];
    const known = parts.filter(([v]) => typeof v === "number").map(([v, text]) => text(v));
    if (!known.length)
        return [];
    return [
        el("h3", null, `Quantized alone, ${formatText(cell)}`),
        el("p", null, `${known.join(", ")}.`),
        note(cell.measured_on),
    ];
}
