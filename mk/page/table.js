// The table of all cells that pass the filters, scored or not: why not, and where their files are.
"use strict";

const COLUMNS = [
    ["Model", c => c.model],
    ["Weights", c => c.weight],
    ["Activations", c => c.activation],
    ["Granularity", c => c.granularity],
    ["Status", c => c.status === "skipped" ? "unsupported" : c.status],
    ["Total score", c => c.scores ? c.total : -1],
    ["Most sensitive exported layer, or reason", c => c.scores ? c.top : c.reason || ""],
    ["Files", null],
];

function topName(data, cell) {
    let top = null;
    for (const row of data.rows)
        if (row.exported && scoreOf(cell, row) !== null && (top === null || scoreOf(cell, row) > scoreOf(cell, top)))
            top = row;
    return top ? top.name : "";
}

function compareBy(key) {
    return (a, b) => {
        const [x, y] = [key(a), key(b)];
        return typeof x === "number" ? x - y : x.localeCompare(y, "en", {numeric: true});
    };
}

function showTable(data, state) {
    const {column, down} = state.table;
    const cells = data.cells.filter(c => passes(c, state));
    if (column !== null)
        cells.sort(compareBy(COLUMNS[column][1]));
    if (down)
        cells.reverse();
    const head = COLUMNS.map(([title, key], i) => el("th", {scope: "col", "aria-sort": i !== column ? "none" : down ? "descending" : "ascending"},
        key ? el("button", {type: "button", onclick: () => sortTable(i)}, title) : title));
    const body = cells.map(cell => el("tr", {className: cell.status},
        ...COLUMNS.slice(0, 5).map(([_, key]) => el("td", null, key(cell))),
        el("td", {className: "number"}, cell.scores ? scoreText(cell.total) : ""),
        el("td", null, COLUMNS[6][1](cell)),
        el("td", {className: "links"}, link(cell.report, "report"), link(cell.log, "log"))));
    replaceChildren("table", el("thead", null, el("tr", null, ...head)), el("tbody", null, ...body));
}
