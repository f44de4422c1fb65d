// State, controls, and the one function that draws everything from them.
"use strict";

const data = readRun(byId("data").textContent);
const state = {
    named: "",
    models: "",  // of many, those with this in their names
    from: 0,     // and of them, the first that is shown
    runtimes: data.run_pairs.size > 0,
    exported: true,
    unscored: false,
    measure: "decades",
    rows: "model",
    columns: "grid",
    layer: null,        // selected row
    cell: null,         // selected column
    model_shown: null,  // whose facts and formats the layer's panel shows
    rank: firstRank(data),
    keep: null,        // layers kept in 16 bits; null: as many as keep-list keeps by default
    target: "",        // of keep-list
    other: "",         // the cell that is compared with
    text_open: false,  // whether its text is shown
    table: {column: null, down: false},
};
rankBy(data, state.rank);
for (const key of FILTERS)
    state[key] = new Set(data.cells.map(c => c[key]));
turnTo(data, state, {});

const CHECKS = ["runtimes", "exported", "unscored"];
const SELECTS = ["rank", "measure", "rows", "columns"];

// Where the names of a run's settings say too little.
const SETTINGS = {
    image_list: "images",
    images_sha256: "their digest",
    calib_images: "calibrated on, images",
    score_size: "scored on, images",
    imgsz: "size, pixels",
    created: "begun",
};

// with_panel: not where only the window's size has changed, which moves nothing in it.
function render(with_panel = true) {
    const cells = visibleCells(data, state), rows = visibleRows(data, state, cells);
    if (state.layer && !rows.includes(state.layer))
        state.layer = null;
    if (state.cell && !cells.includes(state.cell))
        state.cell = null;
    drawMap(data, state, cells, rows);
    if (with_panel)
        showPanel(data, state, cells, rows);
    writeHash(data, state);
}

// Filters, orders and measure: everything may change.
function change(changes) {
    Object.assign(state, changes);
    if (changes.rank)
        rankAll();
    show();
}

function rankAll() {
    rankBy(data, state.rank);
    if (other_run)
        rankBy(other_run.data, state.rank);
}

function show() {
    for (const id of SELECTS)
        byId(id).value = state[id];
    for (const id of CHECKS)
        byId(id).checked = state[id];
    if (manyModels(data)) {
        showTurner(data, state);
        showBoxes(document.querySelector("[data-filter=model]"));
    }
    for (const key of FILTERS)
        document.querySelectorAll(`[data-filter="${key}"] input`)
            .forEach(box => box.checked = state[key].has(box.value));
    if (byId("named").value !== state.named)
        byId("named").value = state.named;
    render();
    showTable(data, state);
}

// What the address says.
function goTo() {
    readHash(data, state);
    turnToCell(data, state);
    rankAll();
    show();
}

// The run: its name, when it was begun, its settings, and which checkpoints it is of.
function buildRun() {
    const {run} = data, {name, ...settings} = run, list = byId("settings");
    const begun = run.created ?
        new Date(1000 * run.created).toISOString().slice(0, 16).replace("T", " ") + " UTC" :
        null;
    document.title = `${name}: layer sensitivity`;
    byId("name").textContent = [name, begun, run.device].filter(Boolean).join(", ");
    const add = (term, value) => list.append(el("dt", null, term), el("dd", null, value));
    for (const [model, {path, digest}] of Object.entries(data.checkpoints))
        add(model, [path, digest && `SHA-256 ${digest}`].filter(Boolean).join(", ") || "unknown");
    for (const [key, value] of Object.entries({...settings, created: begun}))
        if (value !== null && value !== undefined)
            add(SETTINGS[key] || key.replaceAll("_", " "), String(value));
}

// What is selected; what is not named is nothing.
function select({layer = null, cell = null, model_shown = null}) {
    Object.assign(state, {layer, cell});
    state.model_shown = model_shown || (cell ? cell.model : state.model_shown);
    render();
}

function sortTable(column) {
    state.table = {column, down: state.table.column === column && !state.table.down};
    showTable(data, state);
}

// A box for each value that a filter offers.
function showBoxes(fieldset) {
    const key = fieldset.dataset.filter;
    const values = key === "model" ? modelsOffered(data, state) : new Set(data.cells.map(c => c[key]));
    fieldset.querySelectorAll(".box").forEach(box => box.remove());
    for (const value of values) {
        const box = el("input", {type: "checkbox", value, checked: state[key].has(value)});
        box.addEventListener("change", () => {
            state[key][box.checked ? "add" : "delete"](value);
            change({});
        });
        fieldset.append(el("label", {className: "box"}, box, " " + value));
    }
}

function buildFilter(fieldset) {
    if (fieldset.dataset.filter === "model" && manyModels(data))
        buildTurner(data, state, fieldset);
    else
        showBoxes(fieldset);
}

function buildPage() {
    const of = status => data.cells.filter(c => c.status === status).length;
    const {run} = data;
    byId("summary").textContent =
        `${plural(of("ok"), "cell")} ok, ${of("skipped")} unsupported, ${
            of("failed")} failed. Calibrated on ${run.calib_images} images of ` +
        `${run.image_list}, scored on ${run.score_size}, ${run.imgsz} × ${run.imgsz}; blocks: ${
            run.block_dim}. ` +
        `Scores are of the ${
            run.fold ? "folded network, as it is exported" :
                       "unfused network"}; a layer's is g²·(error of its output)², summed.`;
    document.querySelectorAll("[data-filter]").forEach(buildFilter);
    byId("controls").addEventListener("submit", event => event.preventDefault());
    byId("runtimes").parentElement.hidden = !data.run_pairs.size;
    for (const id of CHECKS)
        byId(id).addEventListener("change", event => change({[id]: event.target.checked}));
    for (const rank of Object.keys(RANKS).filter(rank => data.cells.some(c => hasRank(c, rank))))
        byId("rank").append(el("option", {value: rank}, rank));
    for (const [measure, {text}] of Object.entries(MEASURES))
        byId("measure").append(el("option", {value: measure}, text));
    for (const id of SELECTS)
        byId(id).addEventListener("change", event => change({[id]: event.target.value}));
    byId("named").addEventListener("input", event => change({named: event.target.value}));
    buildRun();
    byId("options").open = innerWidth > 600;
    listenToMap();
    addEventListener("resize", () => render(false));
    for (const [event, value] of [["beforeprint", true], ["afterprint", false]])
        addEventListener(event, () => {
            printing = value;
            render(false);
        });
    darkPage.addEventListener("change", () => render());
    addEventListener("hashchange", goTo);
    goTo();
}

buildPage();
