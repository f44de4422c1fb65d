// Uses a page as a person does: what is checked leaves "ok" and "not ok" lines in place of the page.
"use strict";

const want = JSON.parse(byId("want").textContent);
const lines = [];

function check(what, got, wanted = true) {
    const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
    lines.push(a === b ? `ok - ${what}` : `not ok - ${what}: ${a}, wanted ${b}`);
}

function all(selector) {
    return [...document.querySelectorAll(selector)];
}

function texts(selector) {
    return all(selector).map(e => e.textContent);
}

function runChecks(...tests) {
    for (const test of tests)
        try {
            test();
        } catch (e) {
            check(`${test.name} ends`, String(e.stack));
        }
    document.documentElement.replaceWith(el("pre", null, `\nchecks:\n${lines.join("\n")}\nend\n`));
}
