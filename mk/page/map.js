// The heat map: a canvas of squares between the names of layers and the heads of cells, which stay in sight.
"use strict";

const MODEL_GAP = 6, COLUMN_WIDTHS = [10, 60];
const ROW_HEIGHTS = [4, 15];
const HEAD_LETTER = 5.7;                  // the mean width of one in a column's head
const MODEL_LETTER = 8, MODEL_MOST = 20;  // the most that one in a model's name takes; and how many have room
const PRINT = {
    width: 520,
    height: 800
};  // what a sheet of A4 or letter paper has for squares, in CSS pixels
let map = {cells: [], rows: [], lefts: [], width: 0, column: 0, row: 0};
let printing = false;

function nameWidth(model) {
    return MODEL_LETTER * Math.min(model.length, MODEL_MOST);
}

// Left edges of the columns: as wide as there is room for, a gap between models, which is wider where a model's few columns have no
// room for its name.
function layOut(cells, room) {
    const gaps = cells.map((c, i) => i > 0 && c.model !== cells[i - 1].model ? MODEL_GAP : 0);
    const [least, most] = COLUMN_WIDTHS;
    const column = Math.max(
        printing ? 1 : least, Math.min(most, Math.floor((room - sum(gaps)) / Math.max(cells.length, 1))));
    const named = cells.filter((c, i) => i === 0 || gaps[i]).map(c => nameWidth(c.model));
    const widened = !printing && sum(named) + sum(gaps) <= room;
    let left = 0, end = 0;
    const lefts = cells.map((c, i) => {
        if (i === 0 || gaps[i]) {
            left = Math.max(left, end) + gaps[i];
            end = left + (widened ? nameWidth(c.model) : 0);
        }
        left += column;
        return left - column;
    });
    return {lefts, column, widened, width: Math.max(left, end)};
}

// On paper all rows stand on one sheet.
function rowHeight(rows) {
    const [least, most] = ROW_HEIGHTS;
    return printing ? Math.max(least, Math.min(most, Math.floor(PRINT.height / Math.max(rows.length, 1)))) :
                      most;
}

function cssColor(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function measureOf(state, cell, row) {
    return MEASURES[state.measure].of(cell, row);
}

// Diagonal lines: nothing was scored here.
function hatch(context, color) {
    const tile = el("canvas", {width: 6, height: 6}), pen = tile.getContext("2d");
    pen.strokeStyle = color;
    pen.beginPath();
    for (const d of [-6, 0, 6]) {
        pen.moveTo(d, 6);
        pen.lineTo(d + 6, 0);
    }
    pen.stroke();
    return context.createPattern(tile, "repeat");
}

function drawSquares(context, data, state) {
    const {cells, rows, lefts, column} = map, size = column - 1;
    const hatches = {
        skipped: hatch(context, cssColor("--faint")),
        failed: hatch(context, cssColor("--failed"))
    };
    cells.forEach((cell, c) => {
        if (!cell.values) {
            context.fillStyle = hatches[cell.status] || hatches.failed;
            context.fillRect(lefts[c], 0, size, rows.length * map.row);
            return;
        }
        rows.forEach((row, r) => {
            const value = measureOf(state, cell, row),
                  inset = isArtefact(data, cell, row) ? Math.round(map.row / 5) : 0;
            if (value === null)
                return;
            context.fillStyle = colorOf(state.scale, value);
            context.fillRect(
                lefts[c] + inset, r * map.row + inset, size - 2 * inset, map.row - 1 - 2 * inset);
        });
    });
}

// Rows whose layers the cut keeps: {rows: of them, line: after how many rows it runs, 0 where rows are in another order}.
function cutRows(data, state) {
    const cut = cutOf(data, state), layers = new Set(cut?.kept.flatMap(c => c.layers));
    const rows = map.rows.filter(row => cut && layers.has(row.at.get(cut.cell.model)));
    return {
        rows: new Set(rows),
        line: rows.length && state.rows === "cell" ? map.rows.indexOf(rows.at(-1)) + 1 : 0
    };
}

function drawSelection(context, state) {
    const {cells, rows, lefts, column, width} = map;
    if (map.cut.line) {
        context.fillStyle = cssColor("--cut");
        context.fillRect(0, map.cut.line * map.row - 2, width, 3);
    }
    const c = cells.indexOf(state.cell), r = rows.indexOf(state.layer);
    context.strokeStyle = cssColor("--text");
    context.lineWidth = 1.5;
    if (c >= 0)
        context.strokeRect(lefts[c] - 1, 0.75, column + 1, rows.length * map.row - 1.5);
    if (r >= 0)
        context.strokeRect(0.75, r * map.row - 1, width - 1.5, map.row + 1);
}

function drawHeads(state) {
    const {cells, lefts, column} = map, heads = [];
    cells.forEach((cell, i) => {
        if (i === 0 || cell.model !== cells[i - 1].model) {
            const last = cells.findLastIndex(c => c.model === cell.model);
            const band = el("div", {className: "model", title: cell.model}, cell.model);
            band.style.left = `${lefts[i]}px`;
            band.style.width =
                `${Math.max(lefts[last] + column - lefts[i] - 1, map.widened ? nameWidth(cell.model) : 0)}px`;
            heads.push(band);
        }
        const head =
            button(formatText(cell), () => select({cell}), {className: cell.status, title: cell.name});
        head.tabIndex = -1;
        head.ariaPressed = cell === state.cell;
        head.style.left = `${lefts[i]}px`;
        head.style.width = `${column}px`;
        heads.push(head);
    });
    replaceChildren("heads", ...heads);
    const longest = Math.max(...cells.map(c => formatText(c).length));
    byId("scroll").style.setProperty("--head-height", `${Math.round(longest * HEAD_LETTER) + 6}px`);
    byId("heads").style.width = `${map.width}px`;
}

function drawNames(state) {
    const names = map.rows.map(row => {
        const name = button(row.name, () => select({layer: row}), {title: row.name, tabIndex: -1});
        name.ariaPressed = row === state.layer;
        if (map.cut.rows.has(row)) {
            name.classList.add("kept");
            name.title += " (the cut keeps it in 16 bits)";
        }
        if (!row.exported) {
            name.classList.add("training");
            name.title += " (one2many: only training uses it)";
        }
        return name;
    });
    names[map.cut.line - 1]?.classList.add("last-kept");
    replaceChildren("names", ...names);
}

// Says how many scored cells are of formats that no runtime runs, and shows them.
function othersButton(data, state) {
    const others = data.cells.filter(c => c.scores && !data.run_pairs.has(c.pair)).length;
    return state.runtimes && others ? button(
                                          `show ${plural(others, "cell")} of formats that no runtime runs`,
                                          () => change({runtimes: false}), {className: "others"}) :
                                      null;
}

function drawLegend(data, state) {
    const ramp = el("span", {className: "ramp"});
    ramp.style.background =
        `linear-gradient(to right, ${[0, 1, 2, 3, 4, 5, 6, 7, 8].map(i => rampColor(i / 8)).join(", ")})`;
    const ticks = el("span", {className: "ticks"});
    for (const {at, text} of state.scale.ticks) {
        const tick = el("span", null, text);
        tick.style.left = `${100 * at}%`;
        tick.style.transform = `translateX(-${100 * at}%)`;
        ticks.append(tick);
    }
    const key = (name, text) => el("span", {className: "key"}, el("span", {className: name}), text);
    replaceChildren(
        "legend", el("span", {className: "scale"}, ramp, ticks),
        map.rows.every(row => row.exported) ? null : key("training-key", "one2many: only training uses it"),
        map.cells.some(c => c.kernel_blocks) ?
            key("artefact-key", "artefact: the weight's blocks hold one element") :
            null,
        map.cut.rows.size ? key("kept-key", "kept in 16 bits by the cut") : null,
        map.cells.some(c => !c.values) ? key("hatch-key", "not scored") : null, othersButton(data, state));
}

function emptyRowsText(state) {
    const which = state.exported ? "exported layer" : "layer";
    return state.named ? `No ${which} of these models has “${state.named}” in its name.` :
                         `There is no ${which}.`;
}

function drawMap(data, state, cells, rows) {
    const empty = !cells.length || !rows.length;
    byId("empty").hidden = !empty;
    byId("empty").textContent = !empty ? "" :
        cells.length                   ? emptyRowsText(state) :
                                         "No scored cell passes these filters.";
    byId("scroll").hidden = byId("legend").hidden = empty;
    const room = printing ? PRINT.width : byId("scroll").clientWidth - byId("names").offsetWidth - 2;
    map = {cells, rows, row: rowHeight(rows), ...layOut(cells, room)};
    byId("scroll").style.setProperty("--row-height", `${map.row}px`);
    map.cut = cutRows(data, state);
    state.scale = MEASURES[state.measure].scale(
        cells.filter(c => c.values).flatMap(c => rows.map(row => measureOf(state, c, row) ?? 0)));
    drawHeads(state);
    drawNames(state);
    drawLegend(data, state);
    const canvas = byId("heat"), height = rows.length * map.row, dots = devicePixelRatio || 1;
    canvas.width = Math.round(map.width * dots);
    canvas.height = Math.round(height * dots);
    canvas.style.width = `${map.width}px`;
    canvas.style.height = `${height}px`;
    canvas.setAttribute(
        "aria-label", `Scores of ${plural(rows.length, "layer")} in ${plural(cells.length, "cell")}`);
    const context = canvas.getContext("2d");
    context.scale(dots, dots);
    drawSquares(context, data, state);
    drawSelection(context, state);
}

// The cell and the layer under the pointer, or null.
function squareAt(event) {
    const box = byId("heat").getBoundingClientRect();
    const x = event.clientX - box.left;
    const cell = map.cells[map.lefts.findIndex(left => left <= x && x < left + map.column)];
    const layer = map.rows[Math.floor((event.clientY - box.top) / map.row)];
    return cell && layer ? {cell, layer} : null;
}

function showTip(event) {
    const at = squareAt(event);
    if (!at)
        return hideTip();
    const score = scoreOf(at.cell, at.layer), share = shareOf(at.cell, at.layer),
          place = placeOf(at.cell, at.layer);
    const text = score !== null ?
        scoreText(score) + (share === null ? "" : `, ${percent(share)} of the cell's total`) +
            (place ? `, place ${place.place}; those above hold ${percent(place.before)}` : "") :
        at.cell.values ? "this model has no such layer" :
                         at.cell.reason || "not scored";
    placeTip(event.clientX + 14, event.clientY + 18, [at.layer.name, at.cell.name, text]);
}

// Arrow keys move the selected square; beyond an edge it stays.
function moveBy(state, key) {
    const [dx, dy] = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[key];
    const move = (list, item, d) => list[Math.min(Math.max(list.indexOf(item) + d, 0), list.length - 1)];
    return {
        cell: move(map.cells, state.cell, state.cell ? dx : 1),
        layer: move(map.rows, state.layer, state.layer ? dy : 1)
    };
}

function revealSelection(state) {
    const c = map.cells.indexOf(state.cell);
    byId("names").children[map.rows.indexOf(state.layer)]?.scrollIntoView(
        {block: "nearest", inline: "nearest"});
    const scroll = byId("scroll"), room = scroll.clientWidth - byId("names").offsetWidth;
    if (c >= 0 && (map.lefts[c] < scroll.scrollLeft || map.lefts[c] + map.column > scroll.scrollLeft + room))
        scroll.scrollLeft = map.lefts[c] - room / 2;
}

function listenToMap() {
    const canvas = byId("heat");
    canvas.addEventListener("mousemove", showTip);
    canvas.addEventListener("mouseleave", hideTip);
    canvas.addEventListener("click", event => select(squareAt(event) || {}));
    canvas.addEventListener("keydown", event => {
        if (event.key === "Escape")
            select({});
        if (!event.key.startsWith("Arrow") || !map.cells.length || !map.rows.length)
            return;
        event.preventDefault();
        select(moveBy(state, event.key));
        revealSelection(state);
    });
}
