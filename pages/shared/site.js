// What the pages share: requests to the API, and how numbers and times are written.

const TIMEOUT_MS = 10000;

// The address of the start page. A proxy may serve the site below a path of its own, so every URL is relative to it.
export const root = new URL("..", import.meta.url);

export const byId = (id) => document.getElementById(id);

// local returns the address of a path of the API. If the proxy has told the server the path of the site, it is part of
// the path of the API already.
export const local = (path) => new URL(path.startsWith(root.pathname) ? path : path.replace(/^\//, ""), root).href;

// Unreachable is thrown when there is no response, or only that of a proxy.
export class Unreachable extends Error {}

// Refused is thrown for a response with an error.
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// send sends a request to the API and returns its response. It throws the problem that an error describes.
export async function send(path, options) {
  let response;
  try {
    response = await fetch(new URL(path, root), { signal: AbortSignal.timeout(TIMEOUT_MS), ...options });
  } catch {
    throw new Unreachable("The API cannot be reached.");
  }
  if (response.status === 401) {
    const here = location.href.slice(root.href.length);
    location.assign(new URL(here ? `signin/?next=${encodeURIComponent(here)}` : "signin/", root));
    throw new Refused(401, "Sign in first.");
  }
  if (response.ok) return response;
  const text = await response.text().catch(() => "");
  let problem;
  try {
    problem = JSON.parse(text);
  } catch {
    throw new Unreachable(`The API returned ${response.status} ${response.statusText} for ${path}.`);
  }
  throw new Refused(response.status, `The API returned ${response.status}: ${problem.detail ?? problem.title ?? text}`);
}

// call returns the JSON of a response; null if there is none.
export async function call(path, options) {
  const response = await send(path, options);
  const text = await response.text().catch(() => { throw new Unreachable("The API cannot be reached."); });
  if (!text) return null;
  try {
    return JSON.parse(text);
  } catch {
    throw new Unreachable(`The API returned ${response.status} ${response.statusText} for ${path}.`);
  }
}

export function show(element, text) {
  element.hidden = !text;
  if (element.textContent !== text) element.textContent = text;
}

export function link(element, href) {
  element.hidden = !href;
  if (href && element.getAttribute("href") !== href) element.setAttribute("href", href);
}

export const number = (n) => n.toLocaleString("en");

export const plural = (n, one, many) => `${number(n)} ${n === 1 ? one : many}`;

export function duration(ms) {
  const s = Math.max(0, ms / 1000);
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  return s < 129600 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86400)} days`;
}

// age is coarse: tenths of a second would change with every poll.
export const age = (ms) => (ms < 10000 ? `${Math.max(0, Math.round(ms / 1000))} s` : duration(ms));

export const clock = (time) => new Date(time).toLocaleTimeString("en-GB");

export const dateTime = (time) => new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });

export const stateName = (state) => state.replace("_", " ");

export const shapeText = ({ m, k, n }) => `${number(m)}×${number(k)} times ${number(k)}×${number(n)}`;

export const bytesText = (n) => {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  for (; n >= 1024 && i < units.length - 1; i++) n /= 1024;
  return `${i === 0 || n >= 100 ? number(Math.round(n)) : n.toFixed(1)} ${units[i]}`;
};

export function tilesText({ total, completed, running, retrying }) {
  return `${number(completed)} of ${plural(total, "tile", "tiles")}` +
    (running ? `, ${number(running)} running` : "") + (retrying ? `, ${number(retrying)} retrying` : "");
}

// element returns a new element with a text.
export function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

// session returns for whom the page acts; while the API cannot be reached, for whoever may do all.
export const session = () => call("v1/session").catch(() => ({ scopes: ["admin"], signed_in: false }));

// Poller calls a function again and again: every second while the page is visible, every 30 seconds while it is hidden.
export class Poller {
  #run;
  #timer;
  #busy = false;
  #again = false; // a call was requested during a call

  constructor(run) {
    this.#run = run;
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.now(); });
  }

  async now() {
    clearTimeout(this.#timer);
    if (this.#busy) {
      this.#again = true;
      return;
    }
    this.#busy = true;
    let seconds;
    try {
      seconds = await this.#run();
    } finally {
      this.#busy = false;
      this.#timer = setTimeout(() => this.now(), this.#again ? 0 : (document.hidden ? 30 : seconds ?? 1) * 1000);
      this.#again = false;
    }
  }
}

// Lost keeps what a page says while the server cannot be reached: its figures are greyed out, with the time of the last.
export class Lost {
  #seen;

  say(error) {
    const trouble = byId("trouble");
    document.body.classList.toggle("stale", error instanceof Unreachable);
    if (!error) {
      this.#seen = Date.now();
      show(trouble, "");
      return;
    }
    const since = error instanceof Unreachable && this.#seen
      ? ` What is shown is of ${clock(this.#seen)}. Trying again every second.` : "";
    show(trouble, error.message + since);
  }
}
