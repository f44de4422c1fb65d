// What is shown, in the part of the address behind #: only what is not as at first, so that a link or a bookmark shows the same.
"use strict";

// How each part of the state is written, and read; a word that means nothing here is left out.
function hashParts(data, state) {
    const word = (key, known = () => true) => ({
        write: () => state[key],
        read: text => known(text) && (state[key] = text),
    });
    const parts = {
        named: word("named"),
        target: word("target"),
        other: word("other"),
        models: {write: () => state.models, read: text => turnTo(data, state, {models: text})},
        from: {
            write: () => state.from,
            read: text => turnTo(data, state, {from: /^\d+$/.test(text) ? Number(text) : 0})
        },
    };
    for (const key of FILTERS)
        parts[key] = {
            write: () => [...state[key]].join(" "),
            read: text => state[key] =
                new Set(data.cells.map(c => c[key]).filter(v => text.split(" ").includes(v))),
        };
    // A part of many is told by its place.
    const {write, read} = parts.model, every = () => modelsOffered(data, state);
    parts.model = {
        write: () => every().every(name => state.model.has(name)) ? "*" : write(),
        read: text => text === "*" ? state.model = new Set(every()) : read(text),
    };
    for (const key of CHECKS)
        parts[key] = {write: () => Number(state[key]), read: text => state[key] = text === "1"};
    for (const key of SELECTS)
        parts[key] = word(key, text => [...byId(key).options].some(o => o.value === text));
    parts.keep = {
        write: () => state.keep ?? "",
        read: text => state.keep = /^\d+$/.test(text) ? Number(text) : null
    };
    parts.cell = {
        write: () => state.cell?.name ?? "",
        read: text => state.cell = data.cells.find(c => c.name === text) ?? null
    };
    parts.layer = {
        write: () => state.layer?.name ?? "",
        read: text => state.layer = data.rows.find(r => r.name === text) ?? null
    };
    parts.shown = {
        write: () => state.model_shown ?? "",
        read: text => state.model_shown = data.models.has(text) ? text : null
    };
    return parts;
}

let first_hash = null;

function hashWords(data, state) {
    return Object.fromEntries(
        Object.entries(hashParts(data, state)).map(([key, {write}]) => [key, String(write())]));
}

function hashOf(data, state) {
    const words = Object.entries(hashWords(data, state)).filter(([key, text]) => text !== first_hash[key]);
    return new URLSearchParams(words).toString();
}

// Reads the address; what it does not name is as at first.
function readHash(data, state) {
    first_hash ??= hashWords(data, state);
    const parts = hashParts(data, state);
    for (const words of [Object.entries(first_hash), [...new URLSearchParams(location.hash.slice(1))]])
        for (const [key, text] of words)
            if (Object.hasOwn(parts, key))
                parts[key].read(text);
}

let hash_timer = null;

// Soon, since a browser refuses many changes in a short time. The address is that of this state: it adds nothing to go back to.
function writeHash(data, state) {
    clearTimeout(hash_timer);
    hash_timer = setTimeout(() => {
        const hash = hashOf(data, state);
        if (hash !== location.hash.slice(1))
            history.replaceState(null, "", hash ? `#${hash}` : location.href.split("#")[0]);
    }, 150);
}
