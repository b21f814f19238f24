"use strict";

// The page polls the API every second while it is visible, and every 30 seconds while it is hidden.
const VISIBLE_MS = 1000;
const HIDDEN_MS = 30000;
const TIMEOUT_MS = 10000;
const NEWEST = 10;

const byId = (id) => document.getElementById(id);

// local makes a path of the API relative, because a proxy may serve the site below a path of its own. If the proxy has
// told the server that path, it is part of the path of the API already.
const site = new URL(".", location.href).pathname;
const local = (path) => (path.startsWith(site) ? path : path.replace(/^\//, ""));

// call sends a request to the API and returns the JSON of the response. It throws the problem that an error describes.
async function call(path, options) {
  let response;
  try {
    response = await fetch(path, { signal: AbortSignal.timeout(TIMEOUT_MS), ...options });
  } catch {
    throw new Error("The API cannot be reached.");
  }
  if (response.status === 401) {
    location.assign("signin/");
    throw new Error("Sign in first.");
  }
  const text = await response.text();
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Error(`The API returned ${response.status} ${response.statusText} for ${path}.`);
  }
  if (!response.ok) {
    throw new Error(`The API returned ${response.status}: ${body.detail ?? body.title ?? text}`);
  }
  return body;
}

function show(element, text) {
  element.hidden = !text;
  element.textContent = text;
}

function link(element, href) {
  element.hidden = !href;
  if (href) element.setAttribute("href", href);
}

const number = (n) => n.toLocaleString("en");

function showOverview(overview) {
  byId("version").textContent = overview.version;
  byId("workers").textContent = number(overview.workers);
  byId("in-progress").textContent = number(overview.multiplications.in_progress);
  byId("pending").textContent = number(overview.multiplications.pending);
  byId("no-workers").hidden = overview.workers > 0;
  link(byId("river-ui"), overview.links.river_ui && local(overview.links.river_ui));
  link(byId("metrics"), overview.ops_port && `http://${location.hostname}:${overview.ops_port}/metrics`);
  byId("queues").replaceChildren(...overview.queues.map((queue) => {
    const row = document.createElement("tr");
    const name = document.createElement("th");
    name.scope = "row";
    name.textContent = queue.name;
    row.append(name);
    for (const n of [queue.waiting, queue.running, queue.retrying]) row.insertCell().textContent = number(n);
    return row;
  }));
}

function duration(ms) {
  const s = Math.max(0, ms / 1000);
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  return s < 129600 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86400)} days`;
}

// age is coarse: tenths of a second would change with every poll.
const age = (ms) => (ms < 10000 ? `${Math.max(0, Math.round(ms / 1000))} s` : duration(ms));

function when(multiplication, now) {
  const created = Date.parse(multiplication.created_at);
  const text = `submitted ${age(now - created)} ago`;
  if (!multiplication.finished_at) return text;
  const took = duration(Date.parse(multiplication.finished_at) - created);
  return multiplication.state === "completed" ? `${text}, took ${took}` : `${text}, finished after ${took}`;
}

function showMultiplication(item, multiplication, now) {
  const part = (name) => item.querySelector("." + name);
  const { m, k, n } = multiplication.shape;
  const shape = `${number(m)}×${number(k)} times ${number(k)}×${number(n)}`;
  const { total, completed, running, retrying } = multiplication.tiles;
  item.className = `multiplication ${multiplication.state}`;
  item.dataset.id = multiplication.id;
  part("state").textContent = multiplication.state.replace("_", " ");
  part("shape").textContent = shape;
  part("when").textContent = `${multiplication.dtype}, ${when(multiplication, now)}`;
  const bar = item.querySelector("progress");
  bar.value = multiplication.progress;
  bar.setAttribute("aria-label", `Progress of ${shape}`);
  part("tiles").textContent = `${number(completed)} of ${number(total)} ${total === 1 ? "tile" : "tiles"}` +
    (running ? `, ${number(running)} running` : "") + (retrying ? `, ${number(retrying)} retrying` : "");
  show(part("failure"), multiplication.failure ?? "");
  link(part("self"), `v1/multiplications/${multiplication.id}`);
  link(part("jobs"), multiplication.links?.jobs && local(multiplication.links.jobs));
  link(part("result"), multiplication.result && `v1/multiplications/${multiplication.id}/result`);
  part("result").setAttribute("download", `${multiplication.id}.npy`);
}

// An element is kept as long as its multiplication is shown, so that the focus is not lost.
const items = new Map();

function showMultiplications(multiplications) {
  const now = Date.now();
  const shown = new Set(multiplications.map((multiplication) => multiplication.id));
  for (const [id, item] of items) {
    if (!shown.has(id)) {
      item.remove();
      items.delete(id);
    }
  }
  const list = byId("multiplications");
  multiplications.forEach((multiplication, i) => {
    if (!items.has(multiplication.id)) {
      items.set(multiplication.id, byId("multiplication").content.firstElementChild.cloneNode(true));
    }
    const item = items.get(multiplication.id);
    showMultiplication(item, multiplication, now);
    if (list.children[i] !== item) list.insertBefore(item, list.children[i] ?? null);
  });
  byId("none").hidden = multiplications.length > 0;
}

let timer;
let polling = false;
let pollAgain = false; // a poll was requested during a poll

async function poll() {
  clearTimeout(timer);
  if (polling) {
    pollAgain = true;
    return;
  }
  polling = true;
  try {
    const [overview, list] = await Promise.all([call("v1/overview"), call(`v1/multiplications?limit=${NEWEST}`)]);
    showOverview(overview);
    showMultiplications(list.items);
    show(byId("trouble"), "");
  } catch (error) {
    show(byId("trouble"), error.message);
  } finally {
    polling = false;
    timer = setTimeout(poll, pollAgain ? 0 : document.hidden ? HIDDEN_MS : VISIBLE_MS);
    pollAgain = false;
  }
}

// showSession shows for whom the page acts, where that matters.
async function showSession() {
  try {
    const session = await call("v1/session");
    byId("session").hidden = !session.signed_in;
    byId("who").textContent = `${session.name}, ${session.tenant}`;
  } catch {
    // The poll says what is wrong.
  }
}

async function signOut() {
  try {
    await fetch("v1/session", { method: "DELETE", signal: AbortSignal.timeout(TIMEOUT_MS) });
    location.assign("signin/");
  } catch {
    show(byId("trouble"), "The API cannot be reached.");
  }
}

const randomSeed = () => crypto.getRandomValues(new Uint32Array(1))[0];

async function submit(event) {
  event.preventDefault();
  const n = byId("size").valueAsNumber;
  const button = event.target.querySelector("button");
  const operand = () => ({ random: { rows: n, cols: n, seed: randomSeed() } });
  button.disabled = true;
  show(byId("refused"), "");
  try {
    const multiplication = await call("v1/multiplications", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ a: operand(), b: operand() }),
    });
    byId("submitted").textContent = `Submitted as ${multiplication.id}.`;
    poll();
  } catch (error) {
    byId("submitted").textContent = "";
    show(byId("refused"), error.message);
  } finally {
    button.disabled = false;
  }
}

byId("submit").addEventListener("submit", submit);
byId("size").addEventListener("input", (event) => { byId("other-side").textContent = event.target.value || "?"; });
byId("sign-out").addEventListener("click", signOut);
document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
showSession();
poll();
