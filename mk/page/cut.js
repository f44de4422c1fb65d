// A cut of a cell's ranking: the first so many convolutions stay in 16 bits. What that holds and costs, which they are, and what
// each runtime is told. Orders, texts and what a runtime leaves are keep-list's own (src/deploy/all.c); here they are only put
// together.
"use strict";

const KEEP_SHARE = 0.8;  // keep-list's default
const CSV = "csv";       // not a runtime

// {target, what, why, left, none, text, notes} of each target that keep-list has for the cell.
function targetsOf(data, cell) {
    return cell.keep.targets.map(([target, note]) => ({
                                     ...data.targets[target],
                                     notes: note === null ? "" : data.notes[note],
                                 }));
}

// The state's target, or where the cell cannot have that one, the first that it can.
function targetOf(data, state, cell) {
    const all = targetsOf(data, cell), wanted = all.find(t => t.target === state.target);
    return wanted && !wanted.why ? wanted : all.find(t => !t.why);
}

// What the parts of a network weigh: {value, weights, bits, macs} of a convolution, its layers together.
function convolutionsOf(data, cell) {
    const {macs, parameters} = data.models.get(cell.model);
    const bits = i => typeof cell.bits === "number" ? cell.bits : cell.bits[i];
    return data.convolutions[cell.keep.convolutions].map(
        (layers, at) => ({
            at,
            layers,
            value: sum(layers.map(i => cell.values[i])),
            weights: sum(layers.map(i => parameters[i])),
            bits: sum(layers.map(i => parameters[i] * bits(i))),
            macs: sum(layers.map(i => macs[i] ?? NaN)),
        }));
}

// The convolutions that can be kept for a target, the first one first, with what all of them up to there hold and cost:
// {all, left, order: [{...convolution, held, weight_share, mac_share, effective_bits}, ...]}; shares from 0 to 1.
function ranking(data, state, cell, target) {
    const all = convolutionsOf(data, cell), left = new Set(target.left || []);
    const own = cell.keep.ranks[state.rank].order.filter(at => !left.has(at)).map(at => all[at]);
    const total = sum(own.map(c => c.value)), weights = sum(all.map(c => c.weights)),
          macs = sum(all.map(c => c.macs));
    let bits = sum(all.map(c => left.has(c.at) ? 16 * c.weights : c.bits));
    const so_far = {held: 0, weights: 0, macs: 0};
    const none_bits = bits;
    const order = own.map(c => {
        so_far.held += c.value;
        so_far.weights += c.weights;
        so_far.macs += c.macs;
        bits += 16 * c.weights - c.bits;
        return {
            ...c,
            held: total > 0 ? so_far.held / total : 0,
            weight_share: so_far.weights / weights,
            mac_share: so_far.macs / macs,
            effective_bits: bits / weights,
        };
    });
    return {
        all,
        left,
        order,
        none: {held: 0, weight_share: 0, mac_share: 0, effective_bits: none_bits / weights}
    };
}

function firstThatHold(ranked, share) {
    const n = ranked.order.findIndex(c => c.held >= share * (1 - 1e-9));
    return n < 0 ? ranked.order.length : n + 1;
}

// The cut that the state makes in its cell; null where there is nothing to cut.
function cutOf(data, state) {
    const cell = state.cell;
    if (!cell?.keep?.ranks[state.rank] || !cell.values)
        return null;
    const target = targetOf(data, state, cell), ranked = ranking(data, state, cell, target);
    const keep = Math.min(state.keep ?? firstThatHold(ranked, KEEP_SHARE), ranked.order.length);
    const kept = ranked.order.slice(0, keep);
    return {cell, target, ...ranked, keep, kept, at: keep ? ranked.order[keep - 1] : ranked.none};
}

// keep-list's text for a target, or null where it has more than names.
function targetText(data, {target, kept}) {
    if (!target.text)
        return null;
    if (!kept.length)
        return target.none;
    const chosen = kept.map(c => c.at).sort((a, b) => a - b);
    return target.text
        .map(
            piece => typeof piece === "string" ?
                piece :
                chosen.map(i => piece.before + data.words[piece.each][i] + piece.after).join(piece.between))
        .join("");
}

function csvField(text) {
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csvText(data, {cell, kept}) {
    const {name} = data.models.get(cell.model), {macs, parameters} = data.models.get(cell.model);
    const rows = kept.flatMap(
        (c, i) => c.layers.map(
            l =>
                [i + 1, csvField(name[l]), cell.values[l], c.held.toFixed(6), parameters[l], macs[l] ?? ""]));
    return ["rank,layer,value,held,weights,macs", ...rows.map(r => r.join(","))].join("\n") + "\n";
}

function keepCommand(state, {cell, target, keep}) {
    return `make keep-list MODEL=${makeWord(cell.model)} W=${cell.weight} A=${cell.activation} G=${
               cell.granularity} KEEP=${keep} TARGET=${target.target}` +
        (state.rank === "detection" ? "" : ` RANK_BY=${state.rank}`);
}

// ---- AP agreement ----

// The measured sets of the rank, none kept first: {keep, agreement_ap, layers}.
function measuredSets(cell, rank) {
    if (!cell.verify)
        return [];
    const sets = cell.verify.sets.filter(s => s.by === rank);
    return [{keep: 0, layers: [], ...cell.verify.all_quantized}, ...sets]
        .filter(s => (s.agreement_ap ?? null) !== null)
        .sort((a, b) => a.keep - b.keep);
}

// What is known of the AP agreement of a cut, in words.
function agreementText(data, state, cut) {
    const {cell, kept, all, left} = cut, sets = measuredSets(cell, state.rank);
    if (!sets.length)
        return "not measured: the share above is a prediction from gradients";
    const layers = [...kept, ...all.filter(c => left.has(c.at))].flatMap(c => c.layers).sort((a, b) => a - b);
    const same = [...sets, ...cell.verify.sets].find(
        s => (s.agreement_ap ?? null) !== null && s.layers.length === layers.length &&
            [...s.layers].sort((a, b) => a - b).every((l, i) => l === layers[i]));
    if (same)
        return `${same.agreement_ap.toFixed(3)}, measured`;
    const above = sets.findIndex(s => s.keep >= cut.keep), a = sets[above - 1], b = sets[above];
    const apart =
        left.size ? `; the ${plural(left.size, "layer")} that the runtime leaves were quantized there` : "";
    if (above < 0)
        return `not measured; ${plural(sets.at(-1).keep, "layer")} kept: ${
            sets.at(-1).agreement_ap.toFixed(3)}${apart}`;
    if (!a)
        return `not measured; with all quantized ${b.agreement_ap.toFixed(3)}${apart}`;
    const between =
        a.agreement_ap + (b.agreement_ap - a.agreement_ap) * (cut.keep - a.keep) / (b.keep - a.keep);
    return `about ${between.toFixed(3)}, a prediction between ${a.keep} kept (${
        a.agreement_ap.toFixed(3)}) and ${b.keep} kept (${b.agreement_ap.toFixed(3)}), measured${apart}`;
}

// ---- what it shows ----

const COSTS = [
    {key: "weight_share", style: "series-weights", text: "of the weights", line: "weights"},
    {key: "mac_share", style: "series-macs", text: "of the MACs", line: "MACs"},
];

// Score against cost: how much of the rank's total is held, over the share of weights and of MACs that stay in 16 bits.
function costPlot(state, cut, choose) {
    const known = COSTS.filter(({key}) => cut.order.every(c => c[key] > 0));
    const scale = logScale(
        known.flatMap(({key}) => cut.order.map(c => c[key])), DECADES.value,
        power => String(Number((100 * 10 ** power).toPrecision(3))));
    const x = v => across(scale.position(v)), y = v => up(v), lines = [], marks = [];
    for (const {key, style, text} of known) {
        lines.push(svg("polyline", {
            class: `line ${style}`,
            points: cut.order.map(c => `${x(c[key]).toFixed(1)},${y(c.held).toFixed(1)}`).join(" "),
        }));
        cut.order.forEach((c, i) => marks.push(mark({
            x: x(c[key]),
            y: y(c.held),
            shape: i + 1 === cut.keep ? "circle" : "dot",
            style: i + 1 === cut.keep ? "now" : style,
            words: [
                plural(i + 1, "layer"), `${percent(c.held)} of the rank's total`, `${percent(c[key])} ${text}`
            ],
            choose: () => choose(i + 1),
        })));
    }
    if (cut.keep)
        lines.push(svg(
            "line", {class: "equal", x1: across(0), x2: across(1), y1: y(cut.at.held), y2: y(cut.at.held)}));
    const shares = [0, 0.2, 0.4, 0.6, 0.8, 1].map(v => ({at: v, text: String(Math.round(100 * v))}));
    return [
        plot(
            "Share of the rank's total over what stays in 16 bits", marks,
            axes(
                {ticks: scale.ticks, label: "% of the network that stays in 16 bits"},
                {ticks: shares, label: "% of the rank's total held"}),
            ...lines),
        el("p", {className: "keys"},
           ...known.map(
               ({style, line}) => el("span", {className: "series"}, lineKey(style, "circle"), line))),
    ];
}

async function copyText(text, told) {
    try {
        await navigator.clipboard.writeText(text);
    } catch {
        const area = el("textarea", {value: text});
        document.body.append(area);
        area.select();
        document.execCommand("copy");
        area.remove();
    }
    told.textContent = "copied";
}

function targetSelect(data, state, cell, target, choose) {
    const options = targetsOf(data, cell)
                        .map(
                            t => el(
                                "option", {value: t.target, disabled: Boolean(t.why), title: t.why || t.what},
                                t.why ? `${t.target}: not of these formats` : t.target));
    const select =
        el("select", {id: "target"}, ...options,
           el("option", {value: CSV, title: "layers, values, costs"}, CSV));
    select.value = state.target === CSV ? CSV : target.target;
    select.addEventListener("change", () => choose(select.value));
    return select;
}

function cutFacts(data, state, cut) {
    const {at, keep, all, target} = cut, list = el("dl", {className: "facts"});
    const add = (term, value) => list.append(el("dt", null, term), el("dd", null, value));
    add("keeps", `${keep} of ${plural(all.length, "convolution")}`);
    add("holds",
        `${percent(at.held)} of ${rankText(state.rank)}'s total; ${percent(1 - at.held)} stays quantized`);
    add("AP agreement", agreementText(data, state, cut));
    add("costs", [
        `${percent(at.weight_share)} of the weights`,
        ...isNaN(at.mac_share) ? [] : [`${percent(at.mac_share)} of the MACs`],
        `${Number(at.effective_bits.toPrecision(4))} effective bits`,
    ].join(", "));
    return [list, ...target.notes.split("\n").filter(line => line).map(note)];
}

function copyPart(data, state, cut) {
    const csv = state.target === CSV, told = el("span", {role: "status"}), command = keepCommand(state, cut);
    const text = csv ? csvText(data, cut) : targetText(data, cut);
    const copy = (name, what) => button(name, () => copyText(what, told));
    return [
        el("p", {className: "copy"}, text === null ? null : copy("Copy", text),
           csv ? null : copy("Copy the command", command), told),
        csv ? null :
              el("p", null,
                 text === null ? "Its list has more than names, so make writes it: " : "The same from make: ",
                 el("code", null, command),
                 text === null ? "" : ", with the run's other variables as they were."),
        text === null ?
            null :
            el("details", {open: state.text_open, ontoggle: event => state.text_open = event.target.open},
               el("summary", null, "The text"), el("pre", {tabIndex: 0}, text)),
    ];
}

// Layers with bars, a line where the cut is.
function rankedLayers(data, cut, most) {
    const {name} = data.models.get(cut.cell.model), first = cut.order[0]?.value || 1;
    const rows = new Map(data.rows.map(row => [row.name, row]));
    const total = cut.order.at(-1)?.held ? sum(cut.order.map(c => c.value)) : 0;
    const list =
        bars(cut.order.slice(0, Math.max(cut.keep + 3, most))
                 .map(c => ({
                          label: name[c.layers[0]] +
                              (c.layers.length > 1 ? ` (and ${name[c.layers[1]].split(".").at(-2)})` : ""),
                          title: c.layers.map(l => name[l]).join(", "),
                          text: total ? percent(c.value / total) : "",
                          fraction: Math.max(c.value / first, 0),
                          color: "var(--accent)",
                          choose: () => select({layer: rows.get(name[c.layers[0]]), cell: cut.cell}),
                      })));
    if (cut.keep && list.children[cut.keep])
        list.children[cut.keep].before(el("div", {className: "cut-line"}, `${cut.keep} kept above`));
    return list;
}

// The slider stays while what it changes is made anew. redraw: of the map.
function cutPart(data, state, redraw) {
    if (!cutOf(data, state))
        return [];
    const slider = el("input", {type: "range", id: "keep", min: 0, step: 1}),
          said = el("output", {htmlFor: "keep"});
    const place = el("div");
    const show = () => {
        const cut = cutOf(data, state);
        slider.max = cut.order.length;
        slider.value = cut.keep;
        said.textContent = plural(cut.keep, "layer");
        slider.setAttribute(
            "aria-valuetext", `${plural(cut.keep, "layer")}, ${percent(cut.at.held)} of the rank's total`);
        place.replaceChildren(
            ...[...cutFacts(data, state, cut),
                el("h3", null, "Score against cost"),
                ...costPlot(state, cut, keep),
                el("h3", null, "Copy as"),
                el("label", null, "For ", targetSelect(data, state, cut.cell, cut.target, choose)),
                ...copyPart(data, state, cut),
                el("h3", null, `Layers, by ${rankText(state.rank)}`),
                rankedLayers(data, cut, 15),
        ].filter(e => e !== null));
    };
    const keep = n => {
        state.keep = n;
        show();
        redraw();
    };
    const choose = target => {
        state.target = target;
        show();
        redraw();
        byId("target").focus();
    };
    slider.addEventListener("input", () => keep(Number(slider.value)));
    show();
    return [el(
        "section", {id: "cut"}, el("h3", null, el("label", {htmlFor: "keep"}, "Keep layers in 16 bits")),
        el("p", {className: "keep"}, slider, said), place)];
}
