"use strict";
const page = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const number = (value, digits) => value.toLocaleString(page.lang, { maximumFractionDigits: digits, minimumFractionDigits: 0 });
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => values[key]);
const range = (low, high, unit, digits) => low === null ? page.texts.unknown
  : (low === high ? number(low, digits) : number(low, digits) + "–" + number(high, digits)) + " " + unit;
const colors = ["weights", "activation", "graphs", "non_torch", "cache", "reserve"];

function show() {
  const machine = page.machines[at("machine").value], row = +at("context").value, column = +at("requests").value;
  const cell = machine.cells[row][column], context = number(machine.contexts[row], 0), fits = cell[0] === 1;
  at("contextValue").textContent = context;
  at("requestsValue").textContent = number(machine.requests[column], 0);
  at("context").setAttribute("aria-valuetext", context);
  at("requests").setAttribute("aria-valuetext", at("requestsValue").textContent);
  at("verdict").className = fits ? "verdict" : "verdict bad";
  const word = fits ? "✓ " + page.texts.fits : "✕ " + (machine.unsupported ? page.texts.unsupported : page.texts.fits_not);
  at("word").textContent = word + ".";
  const enough = fits ? page.texts.fits_detail : page.texts.few_detail;
  const texts = cell[5] < 0 ? page.texts.short_detail : machine.kvCache ? enough : page.texts.step_detail;
  at("detail").textContent = machine.unsupported || fill(texts, { count: number(Math.floor(cell[7]), 0), context: context, gib: number(-cell[5], 2) });
  at("total").textContent = number(machine.total, 2) + " GiB" + (machine.gpus > 1 ? " × " + machine.gpus : "");
  const parts = cell.slice(1, 7).map((gib) => Math.max(0, gib)), sum = Math.max(machine.total, parts.reduce((a, b) => a + b, 0));
  at("bar").replaceChildren(...parts.map((gib, i) => {
    const part = document.createElement("span");
    part.style.cssText = "width:" + (100 * gib / sum) + "%;background:var(--" + colors[i] + ")";
    return part;
  }));
  at("frame").className = sum > machine.total ? "limit" : "";
  at("frame").style.setProperty("--end", (100 * machine.total / sum) + "%");
  at("legend").replaceChildren(...parts.map((gib, i) => {
    const entry = document.createElement("li"), mark = document.createElement("i");
    mark.style.background = "var(--" + colors[i] + ")";
    entry.append(mark, page.texts[colors[i]] + " " + number(gib, 2) + " GiB");
    return entry;
  }).filter((_, i) => parts[i] > 0));
  at("speed").textContent = fits ? range(cell[8], cell[9], page.texts.per_second, 0) : "–";
  at("energy").textContent = fits ? range(cell[10], cell[11], page.texts.per_thousand, 2) : "–";
}

function choose() {
  const machine = page.machines[at("machine").value];
  at("context").max = machine.contexts.length - 1;
  at("requests").max = machine.requests.length - 1;
  at("context").value = machine.start[0];
  at("requests").value = machine.start[1];
  show();
}

page.machines.forEach((machine, i) => at("machine").add(new Option(machine.name + " · " + machine.quantization, i)));
at("machine").addEventListener("change", choose);
at("context").addEventListener("input", show);
at("requests").addEventListener("input", show);
choose();
