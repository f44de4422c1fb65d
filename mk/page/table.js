// The table of all cells that pass the filters, scored or not: why not, and where their files are.
"use strict";

const COLUMNS = [
    ["Model", c => c.model],
    ["Weights", c => c.weight],
    ["Activations", c => c.activation],
    ["Granularity", c => c.granularity],
    ["Status", c => c.status === "skipped" ? "unsupported" : c.status],
    ["Total score", c => c.values ? c.total : null],
    ["Most sensitive exported layer, or reason", c => c.values ? c.top : c.reason || ""],
    ["Files", null],
];

const TOTAL = 5;

function topName(data, cell) {
    let top = null;
    for (const row of data.rows)
        if (row.exported && scoreOf(cell, row) !== null &&
            (top === null || scoreOf(cell, row) > scoreOf(cell, top)))
            top = row;
    return top ? top.name : "";
}

// What has no value comes last, up or down.
function compareBy(key, down) {
    return (a, b) => {
        const [x, y] = [key(a), key(b)];
        if (x === null || y === null)
            return (x === null) - (y === null);
        const order = typeof x === "number" ? x - y : x.localeCompare(y, "en", {numeric: true});
        return down ? -order : order;
    };
}

function tableHead(title, key, i, {column, down}) {
    const head = el("th", {scope: "col"}, key ? button(title, () => sortTable(i)) : title);
    if (i === column)
        head.ariaSort = down ? "descending" : "ascending";
    return head;
}

function tableRow(cell) {
    const texts = COLUMNS.slice(0, -1).map(([_, key]) => el("td", null, key(cell)));
    texts[TOTAL].textContent = cell.values ? scoreText(cell.total) : "";
    texts[TOTAL].className = "number";
    const files = el("td", {className: "links"}, link(cell.report, "report"), link(cell.log, "log"));
    return el("tr", {className: cell.status}, ...texts, files);
}

function showTable(data, state) {
    const {column, down} = state.table;
    const cells = data.cells.filter(c => passes(c, state));
    if (column !== null)
        cells.sort(compareBy(COLUMNS[column][1], down));
    const head = el("tr", null, ...COLUMNS.map(([title, key], i) => tableHead(title, key, i, state.table)));
    replaceChildren("table", el("thead", null, head), el("tbody", null, ...cells.map(tableRow)));
}
