// A page of more models than it shows at once. want: {models, linked: a model that the address leads to}.
"use strict";

const shown = () => texts("#heads .model"), boxes = () => all("[data-filter=model] .box input").map(e => e.value);
const name = i => want.models[i];

function search(text) {
    byId("models").value = text;
    byId("models").dispatchEvent(new Event("input", {bubbles: true}));
}

function testLink() {
    check("a link to a cell shows it", [state.cell?.model, shown().includes(want.linked)], [want.linked, true]);
    const first = want.models.indexOf(want.linked);
    check("among its neighbours", shown()[0], name(first - first % 24));
}

function testParts() {
    search("");
    check("24 models are shown", shown(), want.models.slice(0, 24));
    check("in the table too", new Set(texts("#table tbody td:first-child")).size, 24);
    check("with a box each", boxes(), want.models.slice(0, 24));
    check("of how many", byId("which").textContent, `1 to 24 of ${want.models.length}`);
    check("none before", byId("back").disabled);
    byId("forth").click();
    check("the next", shown(), want.models.slice(24, 48));
    all("[data-filter=model] .box input")[0].click();
    check("a box hides its model", shown(), want.models.slice(25, 48));
    const other = {...state};
    location.hash = hashOf(data, state);
    readHash(data, other);
    check("the address tells both", [other.from, [...other.model]], [24, want.models.slice(25, 48)]);
    byId("forth").click();
    check("the last", shown(), want.models.slice(48));
    check("none after", byId("forth").disabled);
    check("the address of a part is short", hashOf(data, state), "from=48");
}

function testNamed() {
    search(name(37));
    check("by name", shown(), [name(37)]);
    check("one of one", byId("which").textContent, "1 to 1 of 1");
    search("no such");
    check("a name that is none", [byId("which").textContent, byId("empty").hidden], ["none", false]);
    search("");
    check("and all again", shown(), want.models.slice(0, 24));
}

runChecks(testLink, testParts, testNamed);
