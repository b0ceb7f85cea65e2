// Only what makes the page more pleasant; everything works without it.
"use strict";

const DRAFT = "signalbox-draft";

function countCharacters(field) {
  const hint = document.getElementById("text-hint");
  const number = new Intl.NumberFormat(document.documentElement.lang);
  const maximum = Number(field.dataset.maximum);
  const show = () => {
    // Code points without outer white space, as the server counts them.
    const count = [...field.value.trim()].length;
    hint.textContent = field.dataset.count
      .replace("{count}", number.format(count))
      .replace("{maximum}", number.format(maximum));
    hint.classList.toggle("over", count > maximum);
  };
  field.addEventListener("input", show);
  show();
}

// A decoder takes seconds: say so, and do not send the form twice.
function showProgress(form) {
  const button = form.querySelector("button[type=submit]");
  const progress = form.querySelector("[role=status]");
  let working = false;
  const set = (value) => {
    working = value;
    button.setAttribute("aria-disabled", String(value));
    progress.textContent = value ? form.dataset.working : "";
  };
  form.addEventListener("submit", (event) => (working ? event.preventDefault() : set(true)));
  // Back in the history may show this very page again.
  window.addEventListener("pageshow", () => set(false));
}

// Switching the language must not lose a text that is being typed.
function keepDraft(field) {
  const draft = sessionStorage.getItem(DRAFT);
  sessionStorage.removeItem(DRAFT);
  if (draft && !field.value) field.value = draft;
  for (const link of document.querySelectorAll("[data-keeps-draft]")) {
    link.addEventListener("click", () => sessionStorage.setItem(DRAFT, field.value));
  }
}

// The server shows UTC; the browser knows the reader's zone.
function localTimes() {
  const format = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
  for (const time of document.querySelectorAll("time")) time.textContent = format.format(new Date(time.dateTime));
}

// A digit selects an answer, but only while the focus is in the answer or its form: speech input sends single keys, too.
function selectByKey(list) {
  const typed = "input:not([type=radio]), textarea, select";
  const radios = [...list.querySelectorAll("[data-key]")];
  for (const part of list.querySelectorAll("kbd")) part.hidden = false;
  for (const radio of radios) radio.setAttribute("aria-keyshortcuts", radio.dataset.key);
  document.getElementById("keys-hint").hidden = false;
  const select = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches(typed)) return;
    const radio = radios.find((other) => other.dataset.key === event.key && other.offsetParent);
    if (!radio) return;
    event.preventDefault();
    radio.checked = true;
    radio.focus();
  };
  for (const part of document.querySelectorAll("#answer, #feedback")) part.addEventListener("keydown", select);
}

// Upper case, accents and the order of words make no difference.
function filterAnswers(filter, list) {
  const field = document.getElementById("filter-text");
  const count = document.getElementById("filter-count");
  const number = new Intl.NumberFormat(document.documentElement.lang);
  const plain = (string) => string.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase().trim();
  const entries = [...list.querySelectorAll(".choice")].map((element) => {
    const radio = element.querySelector("input");
    return { element, radio, text: plain(`${radio.value} ${element.querySelector("span").textContent}`) };
  });
  const show = () => {
    const words = plain(field.value).split(/\s+/);
    const hits = entries.filter(({ text }) => words.every((word) => text.includes(word)));
    // What is selected stays in sight: it is what would be saved.
    for (const entry of entries) entry.element.hidden = !hits.includes(entry) && !entry.radio.checked;
    count.textContent = hits.length
      ? count.dataset.count
          .replace("{count}", number.format(hits.length))
          .replace("{maximum}", number.format(entries.length))
      : count.dataset.none;
    return hits;
  };
  field.addEventListener("input", show);
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== "ArrowDown") return;
    event.preventDefault(); // Enter must not send the form before an answer is selected.
    const [first] = show();
    if (!first) return;
    if (event.key === "Enter") first.radio.checked = true;
    first.radio.focus();
  });
  filter.hidden = false;
  show();
}

const text = document.getElementById("text");
keepDraft(text);
countCharacters(text);
for (const form of document.querySelectorAll("form[data-working]")) showProgress(form);
localTimes();
const labels = document.getElementById("labels");
if (labels) selectByKey(labels);
const filter = document.getElementById("filter");
if (filter) filterAnswers(filter, labels);
