// Keeps a part of the page fresh while somebody looks at it. An unattended page stops asking, so that it does not
// keep a session alive by itself.

const ATTENDED = 15 * 60 * 1000;

export function keepFresh(root) {
  const region = root.querySelector("[data-refresh]");
  if (!region) return;
  let touchedAt = Date.now();
  for (const kind of ["pointerdown", "keydown", "visibilitychange"]) root.addEventListener(kind, () => { touchedAt = Date.now(); });

  const isBusy = () => root.hidden || Date.now() - touchedAt > ATTENDED
    || region.contains(root.activeElement) || region.querySelector("details[open]") || String(getSelection());

  const refresh = async () => {
    if (isBusy()) return;
    const answer = await fetch(location.href, { redirect: "error" }).catch(() => null);
    if (!answer?.ok || isBusy()) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-refresh]");
    if (fresh) region.replaceChildren(...fresh.childNodes);
  };
  setInterval(refresh, 1000 * Number(region.dataset.refresh));
}
