// Progressive touches: every page works without this file. It changes text of <time>, counts selections, moves focus.
import { keepTimes } from "./time.js";
import { keepBulk } from "./bulk.js";
import { keepFresh } from "./refresh.js";

keepTimes(document);
keepBulk(document);
keepFresh(document);

for (const alert of document.querySelectorAll("[data-focus]")) alert.focus();

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  const field = document.querySelector(`[data-hotkey="${CSS.escape(event.key)}"]`);
  if (!field || field.offsetParent === null) return;
  event.preventDefault();
  field.focus();
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button || !navigator.clipboard) return;
  event.preventDefault();
  await navigator.clipboard.writeText(new URL(button.dataset.copy, location.href).href);
  const words = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = words; }, 1500);
});
