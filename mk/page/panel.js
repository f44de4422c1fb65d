// What stands beside the map: the selected layer, the selected cell, or the layers that are sensitive
// everywhere.
"use strict";

// items: {label, title, text, fraction (of the track, 0 to 1), color, current, choose}.
function bars(items, axis = null) {
    const buttons = items.map(item => {
        const bar = el("span", {className: "bar"}), track = el("span", {className: "track"}, bar);
        bar.style.width = `${100 * item.fraction}%`;
        bar.style.background = item.color;
        const whole =
            button("", item.choose, {title: item.title || item.label, ariaPressed: Boolean(item.current)});
        whole.append(
            el("span", {className: "label"}, item.label), track, el("span", {className: "value"}, item.text));
        return whole;
    });
    return el("div", {className: "bars"}, ...buttons, axis);
}

function links(cell, before = "") {
    return el("p", {className: "links"}, before, link(cell.report, "report"), link(cell.log, "log"));
}

function modelTabs(models, model, row) {
    const tabs = models.map(m => {
        const show = () => select({layer: row, model_shown: m});
        return button(m, show, {ariaPressed: m === model});
    });
    return models.length > 1 ? el("p", {className: "tabs"}, ...tabs) : null;
}

function factList(about) {
    const list = el("dl");
    const add = (term, value) => list.append(el("dt", null, term), el("dd", null, value));
    add("weight", shapeText(about.weight));
    add("input", shapeText(about.input));
    add("output", shapeText(about.output));
    add("MACs", count(about.macs));
    add("parameters (weight)", count(about.parameters));
    add("exported", about.exported === false ? "no" : "yes");
    return list;
}

// A layer's scores in cells of one model on a logarithmic track.
function formatChart(data, state, cells, row) {
    const scale = logScale(cells.map(cell => scoreOf(cell, row)));
    const items = cells.map(cell => ({
                                label: formatText(cell) + (isArtefact(data, cell, row) ? " *" : ""),
                                title: cell.name,
                                text: scoreAndShare(cell, row),
                                fraction: scale.position(scoreOf(cell, row)),
                                color: colorOf(state.scale, measureOf(state, cell, row)),
                                current: cell === state.cell,
                                choose: () => select({cell, layer: row}),
                            }));
    const ends = [scale.low, scale.high].map(v => el("span", null, `1e${v}`));
    const chart = bars(items, el("div", {className: "axis"}, ...ends));
    chart.classList.add("chart");
    chart.style.setProperty("--decades", scale.high - scale.low);
    return chart;
}

function layerPanel(data, state, cells) {
    const row = state.layer, models = [...new Set(cells.map(c => c.model))].filter(m => row.at.has(m));
    const model = models.includes(state.model_shown) ? state.model_shown : models[0];
    const about = facts(data, row, model);
    const scored = cells.filter(c => c.model === model && scoreOf(c, row) !== null);
    scored.sort((a, b) => scoreOf(b, row) - scoreOf(a, row));
    const content = [el("h2", null, row.name), modelTabs(models, model, row), factList(about)];
    if (about.exported === false)
        content.push(note("Part of one2many, which only training uses: an export drops it."));
    if (state.cell?.model === model)
        content.push(...layerDamage(state.cell, row));
    content.push(el("h3", null, `Score and share of the cell's total, ${model}`));
    content.push(
        scored.length ? formatChart(data, state, scored, row) : note("No scored cell passes the filters."));
    if (scored.some(cell => isArtefact(data, cell, row)))
        content.push(note(
            "* A 1×1 convolution: along the kernel's width each weight has a block of its own, so this score " +
            "tells nothing of its weight's format. BLOCK_DIM=reduction ranks such layers."));
    if (scored.includes(state.cell))
        content.push(links(state.cell, `${state.cell.name}: `));
    return content;
}

function scoreAndShare(cell, row) {
    return `${scoreText(scoreOf(cell, row))} · ${percent(shareOf(cell, row) ?? 0)}`;
}

function topLayers(rows, valueOf, textOf, n) {
    const ranked = rows.map(row => ({row, value: valueOf(row)})).filter(x => x.value > 0);
    ranked.sort((a, b) => b.value - a.value);
    return bars(ranked.slice(0, n).map(({row, value}) => ({
                                           label: row.name,
                                           text: textOf(row, value),
                                           fraction: value / ranked[0].value,
                                           color: "var(--accent)",
                                           choose: () => select({layer: row}),
                                       })));
}

function cellPanel(data, state, rows) {
    const cell = state.cell, status = cell.status === "skipped" ? "unsupported" : cell.status;
    const content = [
        el("h2", null, cell.name),
        el("p", null, [cell.base, status].filter(Boolean).join(", ")),
        links(cell),
    ];
    if (!cell.values)
        return [...content, note(cell.reason || `It was not scored for ${rankText(state.rank)}.`)];
    const sets = smallestSets(data, cell).map((n, i) => `${plural(n, "layer")} hold ${100 * SHARES[i]} %`);
    return [
        ...content,
        el("p", null, `Exported layers score ${scoreText(cell.total)} in all: ${sets.join(", ")}.`),
        el("p", null, button("Sort the map's layers by this cell", () => change({rows: "cell"}))),
        ...cutPart(data, state, () => render(false)),
        ...comparePart(data, state),
        el("section", {id: "measured"}, ...detectionPart(data, cell).filter(e => e !== null)),
        ...cell.keep ? [] :
                       [
                           el("h3", null, "Most sensitive of the layers shown"),
                           topLayers(rows, row => scoreOf(cell, row), row => scoreAndShare(cell, row), 15),
                       ],
    ];
}

function overviewPanel(data, state, cells, rows) {
    const models = [...new Set(cells.filter(c => c.values).map(c => c.model))],
          model = modelShown(state, cells);
    const scored = cells.filter(c => c.values && c.model === model);
    return [
        el("h2", null, "Most sensitive layers"),
        modelTabs(models, model, null),
        el("p", null,
           `Mean share of a cell's total, over the ${plural(scored.length, "scored cell")} of ${
               model} shown. ` +
               "Click a layer, a column or a square; arrow keys move through the map."),
        topLayers(rows, row => meanShare(scored, row), (row, value) => percent(value), 20),
        ...model ? paretoPart(data, model) : [],
    ];
}

function showPanel(data, state, cells, rows) {
    const selected = Boolean(state.layer || state.cell), panel = byId("panel");
    const content = state.layer ? layerPanel(data, state, cells) :
        state.cell              ? cellPanel(data, state, rows) :
                                  overviewPanel(data, state, cells, rows);
    if (selected)
        content.unshift(button("×", () => select({}), {className: "close", title: "Back to the overview"}));
    panel.classList.toggle("selected", selected);
    panel.scrollTop = 0;
    hideTip();
    replaceChildren("panel", ...content);
}
