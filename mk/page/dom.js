// Elements, numbers and links. Outside words become text nodes, properties or encoded path segments, never
// markup.
"use strict";

function byId(id) {
    return document.getElementById(id);
}

// el("a", {href: "x"}, "text", child): properties are set as properties; "data-x" and "aria-x" as attributes.
function el(tag, properties, ...children) {
    const e = document.createElement(tag);
    for (const [key, value] of Object.entries(properties || {}))
        if (key.includes("-"))
            e.setAttribute(key, value);
        else
            e[key] = value;
    e.append(...children.filter(c => c !== null));
    return e;
}

function button(text, choose, properties = {}) {
    return el("button", {type: "button", onclick: choose, ...properties}, text);
}

function note(text) {
    return el("p", {className: "note"}, text);
}

function replaceChildren(id, ...children) {
    byId(id).replaceChildren(...children.filter(c => c !== null));
}

// "W int8 A fp8 layer": where the model is known.
function formatText(cell) {
    return `W ${cell.weight} A ${cell.activation} ${cell.granularity.replace("per_", "")}`;
}

// How far down a tip may reach: not over the panel where that lies over the page, unless the place is in it.
function tipRoom(y) {
    const panel = byId("panel"), top = panel.getBoundingClientRect().top;
    return getComputedStyle(panel).position === "fixed" && y - 28 < top ? top : innerHeight;
}

// Words beside a place in the window, one a line, the first one strong.
function placeTip(x, y, [first, ...more]) {
    const tip = byId("tip");
    tip.hidden = false;
    tip.replaceChildren(el("strong", null, first), ...more.map(text => el("span", null, text)));
    tip.style.left = `${Math.min(x, innerWidth - tip.offsetWidth - 8)}px`;
    const room = tipRoom(y);
    tip.style.top = `${Math.max(y + tip.offsetHeight > room ? y - tip.offsetHeight - 28 : y, 0)}px`;
}

function hideTip() {
    byId("tip").hidden = true;
}

// A link to a file of the run; null without a path.
function link(path, text) {
    return path ? el("a", {href: path.split("/").map(encodeURIComponent).join("/")}, text) : null;
}

// Four significant digits, as the reports print a score.
function scoreText(v) {
    return v.toExponential(3).replace(/e([+-])(\d)$/, "e$10$2");
}

function percent(v) {
    return (100 * v).toFixed(v < 0.001 ? 2 : 1) + " %";
}

function count(v) {
    if (v === null)
        return "unknown";
    for (const [size, unit] of [[1e9, " G"], [1e6, " M"], [1e3, " k"]])
        if (v >= size)
            return Number((v / size).toPrecision(3)) + unit;
    return String(v);
}

function plural(n, word) {
    return n + " " + word + (n === 1 ? "" : "s");
}

function shapeText(sizes) {
    return sizes ? sizes.join(" × ") : "unknown";
}
