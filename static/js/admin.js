// Names what Django's admin leaves unnamed for screen readers: its search-as-you-type selects, empty table headers.

function nameThings() {
  for (const box of document.querySelectorAll(".select2-selection, .select2-selection__rendered")) {
    const select = box.closest(".select2-container")?.previousElementSibling;
    const label = select?.labels?.[0]?.textContent.trim().replace(/:$/, "");
    if (!label) continue;
    box.removeAttribute("aria-labelledby");
    box.setAttribute("aria-label", label);
  }
  for (const head of document.querySelectorAll("th")) if (!head.textContent.trim()) head.setAttribute("role", "presentation");
}

window.addEventListener("load", () => setTimeout(nameThings));
