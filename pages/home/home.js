"use strict";

// The page looks at the API every second while somebody sees it, and now and then while nobody does.
const VISIBLE_MS = 1000;
const HIDDEN_MS = 30000;
const TIMEOUT_MS = 10000;
const NEWEST = 10;

const byId = (id) => document.getElementById(id);

// local makes a path of the API relative: the site may be below a path of its own.
const local = (path) => path.replace(/^\//, "");

// ask sends a request to the API. An answer that is an error throws what the API says about it.
async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, { signal: AbortSignal.timeout(TIMEOUT_MS), ...options });
  } catch {
    throw new Error("The API does not answer.");
  }
  const text = await answer.text();
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Error(`The API answers ${answer.status} ${answer.statusText} to ${path}.`);
  }
  if (!answer.ok) {
    throw new Error(`The API answers ${answer.status}: ${body.detail ?? body.title ?? text}`);
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

// age is coarse: nobody needs tenths of a second that change all the time.
const age = (ms) => (ms < 10000 ? `${Math.max(0, Math.round(ms / 1000))} s` : duration(ms));

function when(product, now) {
  const created = Date.parse(product.created_at);
  const text = `submitted ${age(now - created)} ago`;
  if (!product.finished_at) return text;
  const took = duration(Date.parse(product.finished_at) - created);
  return product.state === "completed" ? `${text}, took ${took}` : `${text}, ended after ${took}`;
}

function showProduct(item, product, now) {
  const part = (name) => item.querySelector("." + name);
  const { m, k, n } = product.shape;
  const shape = `${number(m)}×${number(k)} times ${number(k)}×${number(n)}`;
  const { total, completed, running, retrying } = product.tiles;
  item.className = `product ${product.state}`;
  item.dataset.id = product.id;
  part("state").textContent = product.state.replace("_", " ");
  part("shape").textContent = shape;
  part("when").textContent = `${product.dtype}, ${when(product, now)}`;
  const bar = item.querySelector("progress");
  bar.value = product.progress;
  bar.setAttribute("aria-label", `Progress of ${shape}`);
  part("tiles").textContent = `${number(completed)} of ${number(total)} ${total === 1 ? "tile" : "tiles"}` +
    (running ? `, ${number(running)} running` : "") + (retrying ? `, ${number(retrying)} retrying` : "");
  show(part("failure"), product.failure ?? "");
  link(part("self"), `v1/multiplications/${product.id}`);
  link(part("jobs"), product.links?.jobs && local(product.links.jobs));
  link(part("result"), product.result && `v1/multiplications/${product.id}/result`);
  part("result").setAttribute("download", `${product.id}.npy`);
}

// Items stay the same elements for as long as their product is shown, so that nobody loses the focus.
const items = new Map();

function showProducts(products) {
  const now = Date.now();
  const shown = new Set(products.map((product) => product.id));
  for (const [id, item] of items) {
    if (!shown.has(id)) {
      item.remove();
      items.delete(id);
    }
  }
  const list = byId("products");
  products.forEach((product, i) => {
    if (!items.has(product.id)) {
      items.set(product.id, byId("product").content.firstElementChild.cloneNode(true));
    }
    const item = items.get(product.id);
    showProduct(item, product, now);
    if (list.children[i] !== item) list.insertBefore(item, list.children[i] ?? null);
  });
  byId("none").hidden = products.length > 0;
}

let timer;
let looking = false;
let again = false; // somebody has asked for a look while there was one

async function look() {
  clearTimeout(timer);
  if (looking) {
    again = true;
    return;
  }
  looking = true;
  try {
    const [overview, list] = await Promise.all([ask("v1/overview"), ask(`v1/multiplications?limit=${NEWEST}`)]);
    showOverview(overview);
    showProducts(list.items);
    show(byId("trouble"), "");
  } catch (error) {
    show(byId("trouble"), error.message);
  } finally {
    looking = false;
    timer = setTimeout(look, again ? 0 : document.hidden ? HIDDEN_MS : VISIBLE_MS);
    again = false;
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
    const product = await ask("v1/multiplications", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ a: operand(), b: operand() }),
    });
    byId("submitted").textContent = `Submitted as ${product.id}.`;
    look();
  } catch (error) {
    byId("submitted").textContent = "";
    show(byId("refused"), error.message);
  } finally {
    button.disabled = false;
  }
}

byId("submit").addEventListener("submit", submit);
byId("size").addEventListener("input", (event) => { byId("other-side").textContent = event.target.value || "?"; });
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
look();
