// What stands beside the map: the selected layer, the selected cell, or the layers that are sensitive everywhere.
"use strict";

// items: {label, title, text, fraction (of the track, 0 to 1), color, current, choose}.
function bars(items, axis = null) {
    return el("div", {className: "bars"}, ...items.map(item => {
        const bar = el("span", {className: "bar"});
        bar.style.width = `${100 * item.fraction}%`;
        bar.style.background = item.color;
        return el("button", {type: "button", title: item.title || item.label, onclick: item.choose, "aria-pressed": Boolean(item.current)},
                  el("span", {className: "label"}, item.label), el("span", {className: "track"}, bar),
                  el("span", {className: "value"}, item.text));
    }), axis);
}

function definitions(pairs) {
    return el("dl", null, ...pairs.flatMap(([term, value]) => [el("dt", null, term), el("dd", null, value)]));
}

function cellLinks(cell) {
    return el("p", {className: "links"}, link(cell.report, "report"), link(cell.log, "log"));
}

function layerPanel(data, state, cells, row) {
    const models = [...new Set(cells.map(c => c.model))].filter(m => row.at.has(m));
    const model = models.includes(state.model_shown) ? state.model_shown : models[0];
    const about = facts(data, row, model);
    const scored = cells.filter(c => c.model === model && scoreOf(c, row) !== null);
    scored.sort((a, b) => scoreOf(b, row) - scoreOf(a, row));
    const scale = logScale(scored.map(c => scoreOf(c, row)));
    const axis = el("div", {className: "axis"}, el("span", null, `1e${scale.low}`), el("span", null, `1e${scale.high}`));
    const items = scored.map(cell => ({
        label: `${cell.pair} ${cell.granularity.replace("per_", "")}${isArtefact(data, cell, row) ? " *" : ""}`,
        title: cell.name,
        text: `${scoreText(scoreOf(cell, row))} · ${percent(shareOf(cell, row) ?? 0)}`,
        fraction: scale.position(scoreOf(cell, row)),
        color: colorOf(state.scale, state.measure === "share" ? shareOf(cell, row) : scoreOf(cell, row)),
        current: cell === state.cell,
        choose: () => select({cell, layer: row}),
    }));
    const artefact = scored.some(cell => isArtefact(data, cell, row));
    const chart = bars(items, axis);
    chart.classList.add("chart");
    chart.style.setProperty("--decades", scale.high - scale.low);
    return [
        el("h2", null, row.name),
        about.exported === false ? el("p", {className: "note"}, "Part of one2many, which only training uses: an export drops it.") : null,
        models.length > 1 ? el("p", {className: "tabs"}, ...models.map(m => el("button", {
            type: "button", "aria-pressed": m === model, onclick: () => select({layer: row, cell: null, model_shown: m})}, m))) : null,
        definitions([
            ["weight", shapeText(about.weight)], ["input", shapeText(about.input)], ["output", shapeText(about.output)],
            ["MACs", count(about.macs)], ["parameters (weight)", count(about.parameters)],
            ["exported", about.exported === false ? "no" : "yes"]]),
        el("h3", null, `Score and share of the cell's total, ${model}`),
        scored.length ? chart : el("p", null, "No scored cell passes the filters."),
        artefact ? el("p", {className: "note"}, "* A 1×1 convolution: along the kernel's width each weight has a block of its own, so " +
            "this score tells nothing of its weight's format. BLOCK_DIM=reduction ranks such layers.") : null,
        state.cell && scored.includes(state.cell) ? el("p", {className: "links"}, `${state.cell.name}: `, link(state.cell.report, "report"), link(state.cell.log, "log")) : null,
    ];
}

function topLayers(data, rows, valueOf, textOf, n) {
    const ranked = rows.map(row => ({row, v: valueOf(row)})).filter(x => x.v > 0).sort((a, b) => b.v - a.v).slice(0, n);
    return bars(ranked.map(({row, v}) => ({
        label: row.name,
        text: textOf(row, v),
        fraction: v / ranked[0].v,
        color: "var(--accent)",
        choose: () => select({layer: row}),
    })));
}

function cellPanel(data, state, rows, cell) {
    const head = [el("h2", null, cell.name), el("p", null, [cell.base, cell.status === "skipped" ? "unsupported" : cell.status].filter(Boolean).join(", "))];
    if (!cell.scores)
        return [...head, el("p", {className: "note"}, cell.reason || "It has no scores."), cellLinks(cell)];
    const sets = smallestSets(data, cell);
    return [
        ...head,
        cellLinks(cell),
        el("p", null, `Exported layers score ${scoreText(cell.total)} in all. ` + SHARES.map((share, i) => `${plural(sets[i], "layer")} hold ${100 * share} %`).join(", ") + "."),
        el("p", null, el("button", {type: "button", onclick: () => change({rows: "cell"})}, "Sort the map's layers by this cell")),
        el("h3", null, "Most sensitive of the layers shown"),
        topLayers(data, rows, row => scoreOf(cell, row), (row, v) => `${scoreText(v)} · ${percent(shareOf(cell, row) ?? 0)}`, 15),
    ];
}

function overviewPanel(data, cells, rows) {
    return [
        el("h2", null, "Most sensitive layers"),
        el("p", null, `Mean share of a cell's total, over the ${plural(cells.filter(c => c.scores).length, "scored cell")} shown. ` +
            "Click a layer, a column or a square; arrow keys move through the map."),
        topLayers(data, rows, row => meanShare(cells, row), (row, v) => percent(v), 20),
    ];
}

function showPanel(data, state, cells, rows) {
    const content = state.layer ? layerPanel(data, state, cells, state.layer) :
                    state.cell  ? cellPanel(data, state, rows, state.cell) :
                                  overviewPanel(data, cells, rows);
    const close = state.layer || state.cell ?
        el("button", {type: "button", className: "close", title: "Back to the overview", "aria-label": "Back to the overview", onclick: () => select({})}, "×") : null;
    byId("panel").classList.toggle("selected", Boolean(state.layer || state.cell));
    byId("panel").scrollTop = 0;
    replaceChildren("panel", close, ...content);
}
