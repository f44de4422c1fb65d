// Color of a value. The ramp is viridis: its lightness rises evenly, so it reads without color vision and in
// print. On a light page it is turned round: what stands out from the page is what is sensitive.
"use strict";

const VIRIDIS = ["440154", "472d7b", "3b528b", "2c728e", "21918c", "28ae80", "5ec962", "addc30", "fde725"];
const DECADES = 8;
const darkPage = matchMedia("(prefers-color-scheme: dark)");

function channels(hex) {
    return [0, 2, 4].map(i => parseInt(hex.slice(i, i + 2), 16));
}

function mixed(x) {
    const i = Math.min(Math.floor(x), VIRIDIS.length - 2);
    const [a, b] = [channels(VIRIDIS[i]), channels(VIRIDIS[i + 1])];
    return `rgb(${a.map((v, c) => Math.round(v + (b[c] - v) * (x - i))).join(", ")})`;
}

const STEPS = 255;
const ramp = Array.from({length: STEPS + 1}, (_, i) => mixed(i / STEPS * (VIRIDIS.length - 1)));

// t from 0 to 1.
function rampColor(t) {
    return ramp[Math.round((darkPage.matches ? t : 1 - t) * STEPS)];
}

// A logarithmic scale over whole decades up to the largest value, DECADES of them at most: what is below has
// the lowest color.
function logScale(values) {
    const positive = values.filter(v => v > 0);
    if (!positive.length)
        return {low: 0, high: 1, position: () => 0};
    const high = Math.ceil(Math.log10(positive.reduce((a, b) => Math.max(a, b))));
    const least = Math.floor(Math.log10(positive.reduce((a, b) => Math.min(a, b))));
    const low = Math.max(Math.min(least, high - 1), high - DECADES);
    return {
        low,
        high,
        cut: least < low,
        position: v => v > 0 ? Math.min(Math.max((Math.log10(v) - low) / (high - low), 0), 1) : 0,
    };
}

function colorOf(scale, v) {
    return rampColor(scale.position(v));
}
