// Two cells or two whole models beside each other, of this run or of another one's page that is read from the disk: which layers change
// places, and by how much their values differ.
"use strict";

const SLOPES = {
    most: 30,
    step: 15,
    top: 16,
    names: 140
};

// What another page told: {name, data}; null: none was read. Ranked as this one is.
let other_run = null;

// The scored cells that a cell can be compared with: {key, text, data, cell}.
function comparable(data, cell) {
    const of = (source, name) =>
        source.cells.filter(c => c.values && c !== cell)
            .map(
                c => ({key: name + c.name, text: (name ? `${name}: ` : "") + c.name, data: source, cell: c}));
    return [...of(data, ""), ...other_run ? of(other_run.data, other_run.name) : []];
}

// The models that a cell's own can be compared with over all cells that both have: {key, text, data, model}.
function comparableModels(data, cell) {
    const of = (source, name) => source.names
                                     .map(model => ({
                                              key: `all ${name}${model}`,
                                              text: `all cells of ${name ? `${name}: ` : ""}${model}`,
                                              data: source,
                                              model
                                          }))
                                     .filter(
                                         o => (o.data !== data || o.model !== cell.model) &&
                                             sharedCells(data, cell.model, o.data, o.model).length);
    return [...of(data, ""), ...other_run ? of(other_run.data, other_run.name) : []];
}

// [[cell, cell of the other], ...]: the scored cells of the same formats and granularity.
function sharedCells(data, model, other, other_model) {
    const formats = c => `${c.pair} ${c.granularity}`;
    const theirs =
        new Map(other.cells.filter(c => c.values && c.model === other_model).map(c => [formats(c), c]));
    return data.cells.filter(c => c.values && c.model === model && theirs.has(formats(c)))
        .map(c => [c, theirs.get(formats(c))]);
}

// Layers by name, by the mean of their shares in some cells of one model: {place, value, share}.
function placedMeans(data, cells) {
    const model = data.models.get(cells[0].model), found = new Map();
    const shares =
        model.name
            .map((name, i) => ({
                     name,
                     share: sum(cells.map(c => c.total > 0 ? (c.values[i] ?? 0) / c.total : 0)) / cells.length
                 }))
            .filter((layer, i) => model.exported[i] !== false)
            .sort((a, b) => b.share - a.share);
    shares.forEach(({name, share}, i) => found.set(name, {place: i + 1, value: share, share}));
    return found;
}

// Layers by name: {place, value, share}; the kernels that are merged have one place.
function placedLayers(data, cell) {
    const {name} = data.models.get(cell.model), found = new Map();
    cell.places.forEach(
        ({place}, i) => found.set(
            name[i],
            {place, value: cell.values[i], share: cell.total > 0 ? cell.values[i] / cell.total : 0}));
    return found;
}

function times(ratio) {
    return isFinite(ratio) ? `${Number(ratio.toPrecision(3))} times` : "";
}

// [{name, a, b}] of the layers that both have, by their place in the first.
function paired(a, b) {
    return [...a]
        .filter(([name]) => b.has(name))
        .map(([name, in_a]) => ({name, a: in_a, b: b.get(name)}))
        .sort((p, q) => p.a.place - q.a.place);
}

function slopeWords({name, a, b}) {
    return [
        name, `place ${a.place} here, ${b.place} there`,
        `share ${percent(a.share)} here, ${percent(b.share)} there`,
        `its ${a.value === a.share ? "share" : "value"} there ${times(b.value / a.value)} that here`
    ];
}

// Lines from the places in one cell to those in the other, of the layers that are among the first in either.
function slopeChart(data, cell, pairs) {
    const {most, step, top, names} = SLOPES, last = most + 1, height = top + last * step + 6;
    const y = place => top + (Math.min(place, last) - 0.5) * step, right = PLOT.width - names;
    const shown = pairs.filter(p => p.a.place <= most || p.b.place <= most);
    const rows = new Map(data.rows.map(row => [row.name, row])), lines = [], marks = [],
          seen = [new Set(), new Set()];
    // What all names begin with says nothing here.
    const begin = shown.every(p => p.name.startsWith("model.")) ? "model.".length : 0;
    const label = (text, x, at, anchor) =>
        svg("text", {x, y: at + 3.5, "text-anchor": anchor, class: "slope-name"},
            text.length > 28 ? `…${text.slice(-27)}` : text);
    for (const p of shown) {
        const change = p.a.place - p.b.place,
              style = Math.abs(change) < 5 ? "same" :
            change > 0                     ? "rises" :
                                             "falls";
        lines.push(
            svg("line",
                {class: `slope ${style}`, x1: names + 4, x2: right - 4, y1: y(p.a.place), y2: y(p.b.place)}));
        for (const [i, place, x, anchor] of [[0, p.a.place, names, "end"], [1, p.b.place, right, "start"]])
            if (place <= most && !seen[i].has(place)) {
                seen[i].add(place);
                lines.push(label(p.name.slice(begin), x, y(place), anchor));
            }
        marks.push(mark({
            x: names + 4,
            y: y(p.a.place),
            shape: "dot",
            style: `slope-end ${style}`,
            words: slopeWords(p),
            choose: () => rows.has(p.name) && select({layer: rows.get(p.name), cell}),
        }));
    }
    return pictured(
        height, `Places of the ${most} most sensitive layers of either cell`, marks,
        svg("text", {x: names, y: 10, "text-anchor": "end"}, "here"), svg("text", {x: right, y: 10}, "there"),
        svg("text", {x: names, y: y(last) + 3.5, "text-anchor": "end"}, "below"),
        svg("text", {x: right, y: y(last) + 3.5}, "below"), ...lines);
}

function ratioTable(pairs) {
    const head = el(
        "tr", null, ...["Layer", "Here", "There", "Value there"].map(text => el("th", {scope: "col"}, text)));
    const rows = pairs.slice(0, SLOPES.most)
                     .map(
                         ({name, a, b}) =>
                             el("tr", null, el("td", null, name),
                                ...[percent(a.share), percent(b.share), times(b.value / a.value)].map(
                                    text => el("td", {className: "number"}, text))));
    return el(
        "details", {className: "wide"}, el("summary", null, "Shares and ratios"),
        el("table", null, el("thead", null, head), el("tbody", null, ...rows)));
}

// How many of the first n layers here are among the first n there.
function sameAmong(pairs, n) {
    return pairs.filter(p => p.a.place <= n && p.b.place <= n).length;
}

function compared(data, cell, a, b, begin) {
    const pairs = paired(a, b), alone = [a.size - pairs.length, b.size - pairs.length];
    if (!pairs.length)
        return [note("They have no layer in common.")];
    return [
        el("p", null,
           `${begin}${sameAmong(pairs, 10)} of the first 10 layers are among the first 10 there, ${
               sameAmong(pairs, 30)} of the first 30.`),
        slopeChart(data, cell, pairs),
        el("p", {className: "keys"},
           ...[["rises", "5 places up or more there"], ["falls", "5 down or more"], ["same", "less"]].map(
               ([style, text]) =>
                   el("span", {className: "series"}, el("span", {className: `slope-key ${style}`}), text))),
        ratioTable(pairs),
        alone.some(n => n) ? note(`${plural(alone[0], "layer")} only here, ${alone[1]} only there.`) : null,
    ];
}

// A model's cells beside another's: a row for each that both have.
function totalsTable(cells) {
    const head =
        el("tr", null,
           ...["Cell", "Total there", "First 10 in common"].map(text => el("th", {scope: "col"}, text)));
    const rows = cells.map(
        ({here, there, pairs}) =>
            el("tr", null, el("td", null, `${here.pair} ${here.granularity}`),
               ...[times(there.total / here.total), String(sameAmong(pairs, 10))].map(
                   text => el("td", {className: "number"}, text))));
    return el("table", {id: "totals"}, el("thead", null, head), el("tbody", null, ...rows));
}

function modelComparison(data, cell, other) {
    const shared = sharedCells(data, cell.model, other.data, other.model);
    const cells = shared.map(
        ([here, there]) =>
            ({here, there, pairs: paired(placedLayers(data, here), placedLayers(other.data, there))}));
    return [
        ...compared(
            data, cell, placedMeans(data, shared.map(([here]) => here)),
            placedMeans(other.data, shared.map(([, there]) => there)),
            `${plural(shared.length, "cell")} of ${cell.model} and of ${
                other.model}; places and shares are by the mean of these cells' shares. `),
        totalsTable(cells),
    ];
}

function comparison(data, cell, other) {
    return [
        ...compared(
            data, cell, placedLayers(data, cell), placedLayers(other.data, other.cell),
            `The total there is ${times(other.cell.total / cell.total)} of that here. `),
        cell.model === other.cell.model ?
            null :
            note(
                "Values of different models are of different networks: their shares and places are what compares."),
    ];
}

// The data of a page's text.
function pageData(text) {
    const found = new DOMParser().parseFromString(text, "text/html").getElementById("data");
    return found ? readRun(found.textContent) : null;
}

async function readOther(file, told, done) {
    try {
        const read = pageData(await file.text());
        rankBy(read, state.rank);
        other_run = {name: read.run.name || file.name, data: read};
        done();
    } catch {
        told.textContent = `${file.name} is no index.html of a run.`;
    }
}

function comparePart(data, state) {
    const cell = state.cell, place = el("div"), told = el("span", {role: "status"});
    const select_other = el("select", {id: "other"});
    const file = el("input", {type: "file", accept: ".html", ariaLabel: "index.html of another run"});
    const fill = () => {
        const all = [...comparable(data, cell), ...comparableModels(data, cell)];
        select_other.replaceChildren(
            el("option", {value: ""}, "nothing"),
            ...all.map(({key, text}) => el("option", {value: key}, text)));
        const other = all.find(o => o.key === state.other);
        select_other.value = other ? other.key : "";
        place.replaceChildren(...(!other         ? [] :
                                      other.cell ? comparison(data, cell, other) :
                                                   modelComparison(data, cell, other))
                                  .filter(e => e !== null));
        writeHash(data, state);
    };
    select_other.addEventListener("change", () => {
        state.other = select_other.value;
        fill();
    });
    file.addEventListener("change", () => file.files.length && readOther(file.files[0], told, fill));
    fill();
    return [el(
        "section", {id: "compare"}, el("h3", null, "Compare"),
        el("p", null, el("label", null, "With ", select_other)),
        el("p", null, el("label", null, "of another run: its index.html ", file), told), place)];
}
