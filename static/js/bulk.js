// Selecting rows: a box that selects all on the page, and a count in words. The form works without either.

export function keepBulk(root) {
  const form = root.querySelector("form[data-bulk]");
  if (!form) return;
  const boxes = [...root.querySelectorAll('input[name="selected"][form="bulk"]')];
  const count = form.querySelector("[data-bulk-count]");
  const buttons = [...form.querySelectorAll("button")];
  const hint = count.textContent;
  const all = addSelectAll(root, boxes);

  const update = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    count.textContent = chosen ? `${chosen} selected` : hint;
    form.classList.toggle("active", chosen > 0);
    for (const button of buttons) button.disabled = chosen === 0;
    if (all) { all.checked = chosen === boxes.length; all.indeterminate = chosen > 0 && chosen < boxes.length; }
  };
  root.addEventListener("change", (event) => { if (boxes.includes(event.target)) update(); });
  update();

  function addSelectAll(root, boxes) {
    const head = root.querySelector("th.select");
    if (!head || !boxes.length) return null;
    const box = Object.assign(document.createElement("input"), { type: "checkbox", ariaLabel: "Select all rows on this page" });
    box.addEventListener("change", () => { for (const each of boxes) each.checked = box.checked; update(); });
    head.replaceChildren(box);
    return box;
  }
}
