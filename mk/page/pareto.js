// The best mixes of a model's formats at every size (make pareto), as a picture: predicted loss over effective bits.
"use strict";

function paretoCommand(model) {
    return `make pareto MODEL=${makeWord(model)}`;
}

function paretoPlot({curve, formats, knee, unit}) {
    const points = [...curve.map(([, loss]) => loss), ...formats.map(([, , loss]) => loss)];
    const y = logScale(points), bits = [...curve.map(([b]) => b), ...formats.map(([, b]) => b)];
    const low = Math.floor(Math.min(...bits)), x = v => across((v - low) / Math.max(16 - low, 1));
    const at = loss => up(y.position(loss)), marks = [];
    const add = (b, loss, shape, style, words) => marks.push(mark({
        x: x(b),
        y: at(loss),
        shape,
        style,
        words: [...words, `${Number(b.toFixed(2))} effective bits`, `predicted ${short(loss)}`]
    }));
    curve.forEach(([b, loss], i) => i === knee || add(b, loss, "dot", "series-detection", ["a mix"]));
    formats.forEach(([name, b, loss]) => add(b, loss, "square", "series-modelopt", [`all layers ${name}`]));
    if (knee !== null)
        add(...curve[knee], "circle", "now", ["the knee"]);
    const step = 16 - low > 6 ? 2 : 1;
    return plot(
        "Predicted loss over effective bits", marks,
        axes(
            {ticks: levels(low, 16, step, String), label: "effective bits of the weights"},
            {ticks: y.ticks, label: `predicted: ${unit}`}),
        svg("polyline", {
            class: "line series-detection",
            points: curve.map(([b, loss]) => `${x(b).toFixed(1)},${at(loss).toFixed(1)}`).join(" "),
        }));
}

// The mixes that were measured: as they were predicted, and what was found.
function mixesTable({mixes, images}) {
    const heads = ["Bits", "Predicted", "Class damage", "Box damage", "AP agreement"];
    const cell = (v, i) => v === null ? "–" : i === 4 ? v.toFixed(3) : String(Number(v.toPrecision(3)));
    const row = numbers => el("tr", null, ...numbers.map((v, i) => el("td", null, cell(v, i))));
    return [
        el("table", {className: "mixes"},
           el("thead", null, el("tr", null, ...heads.map(text => el("th", {scope: "col"}, text)))),
           el("tbody", null, ...mixes.map(row))),
        note(`Measured on ${images} images. Class damage: nats an image; box damage: 1 - IoU.`),
    ];
}

function paretoPart(data, model) {
    const found = data.pareto.get(model), title = el("h3", null, "Mixes of formats");
    if (!found)
        return [
            title,
            el("p", null, "Layers may have formats of their own. ", el("code", null, paretoCommand(model)),
               " finds the best mix of all that were scored, at every size, and shows it here."),
        ];
    const {curve, knee, mix, rank} = found, of = ([format, n]) => `${n} in ${format}`;
    return [
        title,
        paretoPlot(found),
        el("p", {className: "keys"},
           el("span", {className: "series"}, lineKey("series-detection", "dot"), "best mixes"),
           el("span", {className: "series"}, lineKey("series-modelopt", "square", false),
              "one format for all"),
           knee === null ? null :
                           el("span", {className: "series"}, lineKey("now", "circle", false), "the knee")),
        ...(found.mixes ? mixesTable(found) : []),
        note(
            (knee === null ?
                 "" :
                 `The knee, ${Number(curve[knee][0].toFixed(2))} bits: layers ${mix.map(of).join(", ")}. `) +
            `By ${rankText(rank)}, exported layers; a prediction. ${
                paretoCommand(model)} makes it anew, with a recipe.`),
    ];
}
