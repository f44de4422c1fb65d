// Color of a value. The ramp is viridis: its lightness rises evenly, so it reads without color vision and in
// print. On a light page it is turned round: what stands out from the page is what is sensitive.
"use strict";

const VIRIDIS = ["440154", "472d7b", "3b528b", "2c728e", "21918c", "28ae80", "5ec962", "addc30", "fde725"];
const DECADES = {
    value: 8,
    share: 3
};
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

// A scale: position(v) from 0 to 1, and ticks, {at: 0 to 1, text}.

// A logarithmic scale over whole decades up to the largest value, so many of them at most: what is below has
// the lowest color.
function logScale(values, decades = DECADES.value, tell = power => `1e${power}`) {
    const positive = values.filter(v => v > 0);
    if (!positive.length)
        return {low: 0, high: 1, position: () => 0, ticks: []};
    const high = Math.ceil(Math.log10(positive.reduce((a, b) => Math.max(a, b))));
    const least = Math.floor(Math.log10(positive.reduce((a, b) => Math.min(a, b))));
    const low = Math.max(Math.min(least, high - 1), high - decades), cut = least < low;
    return {
        low,
        high,
        cut,
        ticks: Array.from(
            {length: high - low + 1},
            (_, i) => ({
                at: i / (high - low),
                text: high - low > 5 && i % 2 ? "" : `${i === 0 && cut ? "≤ " : ""}${tell(low + i)}`,
            })),
        position: v => v > 0 ? Math.min(Math.max((Math.log10(v) - low) / (high - low), 0), 1) : 0,
    };
}

// Even steps from one value to another, which may be less; text of the value at each of the ticks.
function linearScale(from, to, tell) {
    return {
        position: v => to === from ? 0 : Math.min(Math.max((v - from) / (to - from), 0), 1),
        ticks: [0, 0.25, 0.5, 0.75, 1].map(at => ({at, text: at % 0.5 ? "" : tell(from + at * (to - from))})),
    };
}

function colorOf(scale, v) {
    return rampColor(scale.position(v));
}
