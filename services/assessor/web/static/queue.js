// One key answers. Everything works without this script.
"use strict";

// Keys count while the focus is in the text or its answers only: speech input sends single keys, too.
const item = document.getElementById("item");
const buttons = [...document.querySelectorAll("button[data-key]")];
for (const button of buttons) {
  button.setAttribute("aria-keyshortcuts", button.dataset.key);
  button.querySelector("kbd").hidden = false;
}
const hint = document.getElementById("keys-hint");
if (hint) hint.hidden = false;

// A key that is held down, or pressed while the next text loads, must not answer a text that nobody has read.
let isSent = false;
for (const form of document.forms) {
  form.addEventListener("submit", (event) => (isSent ? event.preventDefault() : (isSent = true)));
}
window.addEventListener("pageshow", () => (isSent = false));

if (item) {
  item.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || isSent) return;
    const button = buttons.find((other) => other.dataset.key === event.key.toLowerCase());
    if (!button) return;
    event.preventDefault();
    button.click();
  });
  item.focus({ preventScroll: true });
}
