// Many models: the map and the table show a part of them at a time, of those that have a word in their names.
"use strict";

const MODELS_MOST = 24;

function manyModels(data) {
    return data.names.length > MODELS_MOST;
}

function modelsFound(data, state) {
    const word = state.models.toLowerCase();
    return data.names.filter(name => name.toLowerCase().includes(word));
}

// Of these, which have boxes.
function modelsOffered(data, state) {
    return manyModels(data) ? modelsFound(data, state).slice(state.from, state.from + MODELS_MOST) :
                              data.names;
}

// Another part of the models, or another word; all of it is shown.
function turnTo(data, state, {models = state.models, from = 0}) {
    Object.assign(state, {models, from});
    state.model = new Set(modelsOffered(data, state));
}

// A link may lead to a cell of any model.
function turnToCell(data, state) {
    const {cell} = state;
    if (!cell || state.model.has(cell.model))
        return;
    const at = data.names.indexOf(cell.model);
    turnTo(data, state, {models: "", from: manyModels(data) ? at - at % MODELS_MOST : 0});
}

function buildTurner(data, state, fieldset) {
    const turn = changes => {
        turnTo(data, state, changes);
        change({});
    };
    const word =
        el("input", {id: "models", type: "search", placeholder: "name", size: 10, autocomplete: "off"});
    word.addEventListener("input", () => turn({models: word.value}));
    fieldset.append(
        el("label", null, "named ", word),
        button("‹", () => turn({from: state.from - MODELS_MOST}), {id: "back", title: "the models before"}),
        el("span", {id: "which"}),
        button("›", () => turn({from: state.from + MODELS_MOST}), {id: "forth", title: "the models after"}));
}

function showTurner(data, state) {
    const found = modelsFound(data, state).length, to = Math.min(state.from + MODELS_MOST, found);
    byId("which").textContent = found ? `${state.from + 1} to ${to} of ${found}` : "none";
    byId("back").disabled = state.from === 0;
    byId("forth").disabled = to >= found;
    if (byId("models").value !== state.models)
        byId("models").value = state.models;
}
