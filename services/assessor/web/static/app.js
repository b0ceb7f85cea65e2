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
  const progress = document.getElementById("progress");
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

const text = document.getElementById("text");
keepDraft(text);
countCharacters(text);
showProgress(text.form);
localTimes();
