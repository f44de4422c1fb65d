// The run: its cells (columns of the map) and layers (rows), what passes the filters, and in which order.
"use strict";

const FILTERS = ["model", "weight", "activation", "granularity"];
const SHARES = [0.5, 0.8, 0.9];

function readRun(text) {
    const {layers, cells, ...rest} = JSON.parse(text);
    // A model may have the layers of another.
    const models = new Map(
        Object.entries(layers).map(([model, own]) => [model, typeof own === "string" ? layers[own] : own]));
    for (const cell of cells) {
        cell.pair = cell.weight + "-" + cell.activation;
        cell.name = `${cell.model} ${cell.pair} ${cell.granularity}`;
    }
    rest.pareto = new Map(Object.entries(rest.pareto));
    const names = [...new Set(cells.map(c => c.model))];
    const data = {...rest, models, names, cells, rows: mergedRows(models)};
    data.run_pairs = new Set(cells.filter(c => isRun(data, c)).map(c => c.pair));
    return data;
}

// Words of rank.h, each with what the page calls it. It begins with make's RANK_BY, or else with the first that all scored cells have.
const RANKS = {
    detection: "the detection rank",
    modelopt: "ModelOpt's score",
    class: "the class score",
    box: "the box score",
    measured: "measured damage",
};

function rankText(rank) {
    return RANKS[rank];
}

function hasRank(cell, rank) {
    return Boolean(rank === "modelopt" ? cell.scores : cell.keep?.ranks[rank]);
}

function firstRank(data) {
    const scored = data.cells.filter(c => c.scores);
    return [data.rank, ...Object.keys(RANKS)].find(rank => scored.every(c => hasRank(c, rank)));
}

// Gives each cell the values of a rank, of its model's layers, and their total; null and 0 where it lacks them.
function rankBy(data, rank) {
    for (const cell of data.cells) {
        cell.values = !hasRank(cell, rank) ? null :
            rank === "modelopt"            ? cell.scores :
                                             cell.keep.ranks[rank].values;
        // Of the exported layers: shares and sets are of what is deployed.
        cell.total = cell.values ?
            sum(cell.values.filter((v, i) => data.models.get(cell.model).exported[i] !== false)) :
            0;
        cell.top = topName(data, cell);
        cell.places = placesOf(data, cell, rank);
    }
}

// Of each exported layer of a cell, at its index: {place: from 1, before: what those above it hold of the total}. The kernels that
// are merged have one place.
function placesOf(data, cell, rank) {
    if (!cell.values)
        return [];
    const order = cell.keep?.ranks[rank]?.order, lists = order && data.convolutions[cell.keep.convolutions];
    const {exported} = data.models.get(cell.model);
    const groups = order ? order.map(at => lists[at]) :
                           cell.values.map((v, i) => [i])
                               .filter(([i]) => exported[i] !== false && cell.values[i] !== null)
                               .sort(([a], [b]) => cell.values[b] - cell.values[a]);
    const places = [];
    let held = 0;
    groups.forEach((layers, i) => {
        for (const layer of layers)
            places[layer] = {place: i + 1, before: cell.total > 0 ? held / cell.total : 0};
        held += sum(layers.map(layer => cell.values[layer]));
    });
    return places;
}

function placeOf(cell, row) {
    return cell.places[row.at.get(cell.model)] ?? null;
}

function largest(values) {
    return values.reduce((a, b) => Math.max(a, b), 0);
}

// What a square's color tells, of a cell and a row; null: nothing. Scales are of all values that are shown.
const MEASURES = {
    share: {
        text: "share",
        of: shareOf,
        scale: values => linearScale(0, largest(values), percent),
    },
    decades: {
        text: "share, in decades",
        of: shareOf,
        scale: values =>
            logScale(values, DECADES.share, power => `${Number((100 * 10 ** power).toPrecision(3))} %`),
    },
    held: {
        text: "held by the layers above",
        of: (cell, row) => placeOf(cell, row)?.before ?? null,
        scale: () => linearScale(1, 0, percent),
    },
    place: {
        text: "place",
        of: (cell, row) => placeOf(cell, row)?.place ?? null,
        scale: values => linearScale(largest(values), 1, v => String(Math.round(v))),
    },
    score: {
        text: "value, in decades",
        of: scoreOf,
        scale: values => logScale(values),
    },
};

// Whether a runtime runs a cell's formats, as keep-list knows it.
function isRun(data, cell) {
    return Boolean(cell.keep) &&
        cell.keep.targets.some(([at]) => data.targets[at].runtime && !data.targets[at].why);
}

function sum(values) {
    return values.reduce((a, b) => a + b, 0);
}

// One row per name. A layer that an earlier model lacks comes after the one that it follows in its own model.
// at: index of the layer in each model that has it.
function mergedRows(models) {
    const rows = new Map(), order = [];
    for (const [model, layers] of models) {
        let previous = -1;
        (layers.name || []).forEach((name, i) => {
            let row = rows.get(name);
            if (!row) {
                row = {name, at: new Map(), exported: layers.exported[i] !== false};
                rows.set(name, row);
                order.splice(previous + 1, 0, row);
            }
            row.at.set(model, i);
            previous = order.indexOf(row);
        });
    }
    order.forEach((row, i) => row.position = i);
    return order;
}

// What a model says of a row's layer: {weight, input, output, macs, parameters, exported}, null without the
// layer.
function facts(data, row, model) {
    const layers = data.models.get(model), i = row.at.get(model);
    return i === undefined ? null : Object.fromEntries(Object.keys(layers).map(key => [key, layers[key][i]]));
}

// null: not scored, or a layer that the model does not have.
function scoreOf(cell, row) {
    const i = row.at.get(cell.model);
    return cell.values && i !== undefined ? cell.values[i] : null;
}

function shareOf(cell, row) {
    const score = scoreOf(cell, row);
    return score === null || !(cell.total > 0) ? null : score / cell.total;
}

// A 1x1 convolution whose weight blocks hold one element each: its score tells nothing of its weight.
function isArtefact(data, cell, row) {
    const about = cell.kernel_blocks ? facts(data, row, cell.model) : null;
    return about !== null && about.weight !== null && about.weight[2] === 1 && about.weight[3] === 1;
}

// How many of the most sensitive exported layers hold each of SHARES of the cell's total.
function smallestSets(data, cell) {
    const exported = data.models.get(cell.model).exported;
    const scores = cell.values.filter((v, i) => exported[i] !== false).sort((a, b) => b - a);
    return SHARES.map(share => {
        let held = 0, n = 0;
        while (n < scores.length && held < share * cell.total)
            held += scores[n++];
        return n;
    });
}

function meanShare(cells, row) {
    const shares = cells.map(cell => shareOf(cell, row)).filter(v => v !== null);
    return shares.length ? sum(shares) / shares.length : 0;
}

// The model that is told of where there is room for one: means are of one model's cells.
function modelShown(state, cells) {
    const models = [...new Set(cells.filter(c => c.values).map(c => c.model))];
    return models.includes(state.model_shown) ? state.model_shown : models[0];
}

function passes(cell, state) {
    return FILTERS.every(key => state[key].has(cell[key])) &&
        (!state.runtimes || data.run_pairs.has(cell.pair));
}

// The map's columns: models stay together.
function visibleCells(data, state) {
    const cells = data.cells.filter(c => passes(c, state) && (state.unscored || c.status !== "skipped"));
    if (state.columns === "total") {
        const models = [...new Set(cells.map(c => c.model))];
        cells.sort((a, b) => models.indexOf(a.model) - models.indexOf(b.model) || b.total - a.total);
    }
    return cells;
}

const ROW_KEYS = {
    cell: (data, state, cells) => state.cell ? cellKey(data, state) : null,
    mean: (data, state, cells) => {
        const own = cells.filter(c => c.model === modelShown(state, cells));
        return row => meanShare(own, row);
    },
    macs: largestOf("macs"),
    parameters: largestOf("parameters"),
};

// As keep-list orders them, the kernels that are merged together; then the layers that it does not have.
function cellKey(data, state) {
    const {cell, rank} = state, order = cell.keep?.ranks[rank]?.order;
    if (!order)
        return row => scoreOf(cell, row) ?? -1;
    const places = new Map(), lists = data.convolutions[cell.keep.convolutions];
    order.forEach((at, i) => lists[at].forEach(layer => places.set(layer, order.length - i)));
    const most = Math.max(...cell.values);
    return row => places.get(row.at.get(cell.model)) ?? (scoreOf(cell, row) ?? -1) / (most || 1) - 1;
}

function largestOf(key) {
    return (data, state, cells) => {
        const models = [...new Set(cells.map(c => c.model))];
        return row => Math.max(...models.map(m => (facts(data, row, m) || {})[key] ?? -1));
    };
}

// The map's rows: layers that a visible cell's model has.
function visibleRows(data, state, cells) {
    const models = new Set(cells.map(c => c.model)), named = state.named.toLowerCase();
    const rows = data.rows.filter(
        row => [...row.at.keys()].some(m => models.has(m)) && row.name.toLowerCase().includes(named) &&
            (row.exported || !state.exported));
    if (state.rows === "name")
        return rows.sort((a, b) => a.name.localeCompare(b.name, "en", {numeric: true}));
    const key = (ROW_KEYS[state.rows] || (() => null))(data, state, cells);
    if (key) {
        const keys = new Map(rows.map(row => [row, key(row)]));
        rows.sort((a, b) => keys.get(b) - keys.get(a) || a.position - b.position);
    }
    return rows;
}
