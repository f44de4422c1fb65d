// Cuts of a cell's ranking, before what keep-list prints. want: {int8, fp8: {TARGET: {N: {text, words, layers}}}, verify}.
"use strict";

const cutHead = pair => all("#heads button").find(e => e.title.includes(` ${pair} `));
const fact = name =>
    texts("#cut dt").includes(name) ? texts("#cut dd")[texts("#cut dt").indexOf(name)] : null;

function slide(n) {
    byId("keep").value = n;
    byId("keep").dispatchEvent(new Event("input"));
}

function aim(target) {
    byId("target").value = target;
    byId("target").dispatchEvent(new Event("change"));
}

const shown = () => byId("cut").querySelector("pre")?.textContent ?? null;

function testLists() {
    for (const pair of ["int8-int8", "fp8-fp8"]) {
        cutHead(pair).click();
        for (const [target, lists] of Object.entries(want[pair])) {
            const option = [...byId("target").options].find(o => o.value === target);
            if (lists.refused) {
                check(
                    `${pair}: ${target} cannot be chosen, and why`, [option.disabled, option.title],
                    [true, lists.refused]);
                continue;
            }
            aim(target);
            for (const [n, {text, words}] of Object.entries(lists)) {
                slide(n);
                const got = shown();
                if (["json", "recipe"].includes(target))
                    check(
                        `${pair}: ${target} is left to make, which is said`,
                        [
                            got,
                            texts("#cut code")[0].endsWith(`KEEP=${byId("keep").value} TARGET=${target}`),
                            byId("cut").textContent.includes("so make writes it")
                        ],
                        [null, true, true]);
                else
                    check(`${pair}: ${target}, ${n} layers: keep-list's text`, got, text);
                // "5 of 83 convolutions stay in 16 bits: 61.0 % of the rank detection, 0.5 % of the weights, ..."
                const numbers = words.match(/[\d.]+/g).map(Number).filter((v, i) => i !== 2);
                const mine =
                    `${fact("keeps")} ${fact("holds").split(";")[0]} ${fact("costs")}`.match(/[\d.]+/g).map(
                        Number);
                check(
                    `${pair}: ${target}, ${n} layers: what it holds and costs, as keep-list says it`,
                    mine.length === numbers.length &&
                        mine.every((v, i) => Math.abs(v - numbers[i]) <= 0.1001),
                    true);
            }
        }
    }
}

function testSlider() {
    cutHead("int8-int8").click();
    aim("plain");
    slide(0);
    check("nothing kept holds nothing", fact("holds").startsWith("0.0"));
    slide(5);
    const slider = byId("keep");
    check("the slider says what it does", slider.getAttribute("aria-valuetext").startsWith("5 layers, "));
    check("and is labelled", slider.labels[0].textContent, "Keep layers in 16 bits");
    slide(10);
    check("it stays while it is moved", slider === byId("keep") && document.contains(slider));
    cutHead("fp8-fp8").click();
    check("another cell keeps as many", byId("keep").value, "10");
    cutHead("int8-int8").click();
}

function testMap() {
    const kept = () => all("#names .kept").map(e => e.textContent);
    slide(6);
    check(
        "kept rows are marked in any order", [...kept()].sort(),
        [...want["int8-int8"].plain[6].layers].sort());
    check("no line where they are scattered", all("#names .last-kept").length, 0);
    all("#panel button").find(e => e.textContent.startsWith("Sort")).click();
    check("the map's rows in keep-list's order", kept(), texts("#names button").slice(0, kept().length));
    check("a line after the last one kept", texts("#names .last-kept"), kept().slice(-1));
    const canvas = byId("heat"), dots = devicePixelRatio;
    const red = row => {
        const [r, g, b] = canvas.getContext("2d").getImageData(3 * dots, (row * 15 - 1) * dots, 1, 1).data;
        return r > 180 && g < 130 && b < 130;
    };
    check(
        "across the squares, there alone", [red(kept().length), red(kept().length + 1), red(2)],
        [true, false, false]);
    slide(2);
    check("the line moves with the slider", texts("#names .last-kept"), kept().slice(-1));
    check("the bars have it too", byId("cut").querySelector(".cut-line").textContent, "2 kept above");
    change({rows: "model"});
}

function testAgreement() {
    const ap = keep =>
        want.verify.sets.find(s => s.by === "detection" && s.keep === keep).agreement_ap.toFixed(3);
    slide(5);
    check("AP agreement of a measured set", fact("AP agreement"), `${ap(5)}, measured`);
    slide(0);
    check(
        "of all quantized", fact("AP agreement"),
        `${want.verify.all_quantized.agreement_ap.toFixed(3)}, measured`);
    slide(3);
    check(
        "between measured ones it is a prediction, and says so",
        fact("AP agreement").includes("a prediction between 0 kept") &&
            fact("AP agreement").includes(`5 kept (${ap(5)})`));
    slide(60);
    check("beyond them nothing is made up", fact("AP agreement"), `not measured; 20 layers kept: ${ap(20)}`);
    cutHead("fp8-fp8").click();
    check("where nothing was measured that is said", fact("AP agreement").startsWith("not measured: "));
    cutHead("int8-int8").click();
}

function testRanks() {
    check(
        "ranks there are", [...byId("rank").options].map(o => o.value),
        ["detection", "modelopt", "class", "box", "measured"]);
    slide(5);
    const before = shown();
    change({rank: "class"});
    check("another rank keeps others", [shown() === before, shown()], [false, want.by_class]);
    check("and its command says which", texts("#cut code")[0].endsWith(" RANK_BY=class"));
    change({rank: "measured"});
    cutHead("fp8-fp8").click();
    check(
        "a cell without a rank says so",
        byId("panel").textContent.includes("not scored for measured damage"));
    change({rank: "detection"});
    cutHead("int8-int8").click();
}

function testPicture() {
    slide(7);
    const marks = all("#cut .mark.now"), words = marks.map(e => e.getAttribute("aria-label"));
    check(
        "score against cost: the cut on both lines", words.map(w => w.split(", ")[0]),
        ["7 layers", "7 layers"]);
    check(
        "with what holds and costs",
        words[0].includes("of the rank's total") && words[0].endsWith("of the weights") &&
            words[1].endsWith("of the MACs"));
    const lines = all("#cut .plot polyline")
                      .map(e => e.getAttribute("points").split(" ").map(p => p.split(",").map(Number)));
    check(
        "further along a line is never lower, nor cheaper",
        lines.map(
            line => line.length > 80 &&
                line.every(([x, y], i) => !i || (x >= line[i - 1][0] && y <= line[i - 1][1]))),
        [true, true]);
    check("no word leaves the picture", all("#cut .plot text").every(t => {
        const [a, b] = [t.getBoundingClientRect(), byId("panel").getBoundingClientRect()];
        return a.left >= b.left - 1 && a.right <= b.right + 1;
    }));
    const third = all("#cut .mark").find(e => e.getAttribute("aria-label").startsWith("3 layers"));
    third.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true}));
    check("Enter on a point keeps as many", [byId("keep").value, fact("keeps").split(" ")[0]], ["3", "3"]);
}

function testCopies() {
    slide(2);
    aim("csv");
    const lines = shown().trimEnd().split("\n");
    check(
        "a CSV", [lines[0], lines.length, lines[1].split(",")[1]],
        ["rank,layer,value,held,weights,macs", 3, want["int8-int8"].plain[1].layers[0]]);
    check("no command where make has none", texts("#cut code"), []);
    aim("trtexec10");
    const copied = [];
    Object.defineProperty(
        navigator, "clipboard", {value: {writeText: async text => copied.push(text)}, configurable: true});
    for (const b of all("#cut .copy button"))
        b.click();
    check("Copy takes the text, and the command", copied, [shown(), texts("#cut code")[0]]);
    aim("plain");
}

function testMixes() {
    select({});
    const found = data.pareto.get("yolov10n"), marks = all("#panel .plot .mark");
    check(
        "a measured mix has the AP agreement with three decimals",
        mixesTable({images: 2, mixes: [[9, 0.5, null, 0.25, 0.94]]})[0].querySelector("tbody").textContent, "90.5–0.250.940");
    check(
        "the best mixes have a picture: a point each, and one for each format", marks.length,
        want.pareto.curve.length + 2);
    const knee = all("#panel .plot .mark.now")[0], bits = want.pareto.curve[want.pareto.knee].effective_bits;
    const digits = Number(bits.toFixed(2));
    check(
        "with the knee",
        knee.getAttribute("aria-label").startsWith(`the knee, ${digits} effective bits, predicted `));
    check("all layers have their formats there", sum(found.mix.map(([, n]) => n)), want.pareto.layers.length);
    check(
        "in words",
        byId("panel").textContent.includes(`The knee, ${digits} bits: layers ${found.mix[0][1]} in `));
}

runChecks(testMixes, testLists, testSlider, testMap, testAgreement, testRanks, testPicture, testCopies);
