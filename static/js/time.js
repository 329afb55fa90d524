// Keeps relative times true while a page stays open, and shows UTC for a wall time when it is clicked.
// The words are those of opsportal/web/words.py.

const MINUTE = 60, HOUR = 3600, DAY = 86400;

const two = (large, unit, small, smallUnit) => (small ? `${large} ${unit} ${small} ${smallUnit}` : `${large} ${unit}`);

export function duration(seconds) {
  const whole = Math.floor(Math.abs(seconds));
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)} min`;
  if (whole < DAY) return two(Math.floor(whole / HOUR), "h", Math.floor((whole % HOUR) / MINUTE), "min");
  if (whole < 10 * DAY) return two(Math.floor(whole / DAY), "d", Math.floor((whole % DAY) / HOUR), "h");
  return `${Math.floor(whole / DAY)} d`;
}

export function ago(seconds) {
  if (Math.abs(seconds) < 5) return "just now";
  return seconds > 0 ? `in ${duration(seconds)}` : `${duration(seconds)} ago`;
}

export function due(seconds) {
  if (Math.abs(seconds) < 1) return "due now";
  return seconds > 0 ? `due in ${duration(seconds)}` : `${duration(seconds)} late`;
}

export function keepTimes(root) {
  // The page's own clock is the server's: a device with a wrong clock still counts down rightly.
  const served = Date.parse(root.documentElement.dataset.now ?? "");
  const offset = Number.isNaN(served) ? 0 : served - Date.now();
  const tick = () => {
    if (root.hidden) return;
    for (const time of root.querySelectorAll("time[data-ago], time[data-due]")) {
      const seconds = (Date.parse(time.dateTime) - Date.now() - offset) / 1000;
      const words = "due" in time.dataset ? due(seconds) : ago(seconds);
      if (time.textContent !== words) time.textContent = words;
      if ("due" in time.dataset) time.parentElement.classList.toggle("overdue", seconds <= 0);
    }
  };
  setInterval(tick, 1000);

  root.addEventListener("click", (event) => {
    const time = event.target.closest("time[data-wall]");
    if (!time) return;
    [time.textContent, time.title] = [time.title, time.textContent];
  });
}
