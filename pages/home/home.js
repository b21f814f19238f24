import { List } from "./list.js";
import { Lost, Poller, byId, call, link, local, number, root, session, show } from "./site.js";

const DAY_MS = 86400000;
const MOST = 200; // of a page of the API
const FAILED_EVERY_MS = 15000;

const lost = new Lost();
const poller = new Poller(poll);
const list = new List(() => poller.now());

// jobState returns the state of jobs whose list in River UI is not empty, as far as can be told.
function jobState(queues) {
  const some = (name) => queues.some((queue) => queue[name] > 0);
  if (some("running")) return "running";
  if (some("retrying")) return "retryable";
  return some("waiting") ? "available" : "completed";
}

function showOverview(overview) {
  byId("version").textContent = overview.version;
  byId("workers").textContent = number(overview.workers);
  byId("in-progress").textContent = number(overview.multiplications.in_progress);
  byId("pending").textContent = number(overview.multiplications.pending);
  byId("no-workers").hidden = overview.workers > 0;
  link(byId("river-ui"), overview.links.river_ui && `${local(overview.links.river_ui)}jobs?state=${jobState(overview.queues)}`);
  link(byId("metrics"), overview.ops_port && `http://${location.hostname}:${overview.ops_port}/metrics`);
  byId("queues").replaceChildren(...overview.queues.map((queue) => {
    const row = document.createElement("tr");
    const name = document.createElement("th");
    name.scope = "row";
    name.textContent = queue.paused ? `${queue.name} (paused)` : queue.name;
    row.append(name);
    for (const n of [queue.waiting, queue.running, queue.retrying]) row.insertCell().textContent = number(n);
    return row;
  }));
}

let counted = 0; // when the failed ones were counted

async function countFailed() {
  if (Date.now() - counted < FAILED_EVERY_MS) return;
  const { items } = await call(`v1/multiplications?state=failed&limit=${MOST}`);
  counted = Date.now();
  const failed = items.filter((m) => counted - Date.parse(m.finished_at) < DAY_MS).length;
  byId("failed").textContent = number(failed) + (failed === MOST ? "+" : "");
  byId("failed").classList.toggle("failed", failed > 0);
}

async function poll() {
  try {
    await Promise.all([call("v1/overview").then(showOverview), list.load(), countFailed()]);
    lost.say();
  } catch (error) {
    lost.say(error);
  }
}

// showSession shows for whom the page acts, where that matters.
async function showSession() {
  const now = await session();
  byId("session").hidden = !now.signed_in;
  byId("who").textContent = `${now.name}, ${now.tenant}`;
}

async function signOut() {
  try {
    await fetch(new URL("v1/session", root), { method: "DELETE" });
    location.assign(new URL("signin/", root));
  } catch {
    show(byId("trouble"), "The API cannot be reached.");
  }
}

const randomSeed = () => crypto.getRandomValues(new Uint32Array(1))[0];

// accept waits for the response to a submission, and shows it.
async function accept(form, request) {
  const button = form.querySelector("button");
  button.disabled = true;
  byId("submitted").textContent = "";
  show(byId("refused"), "");
  try {
    const { id } = await request();
    const page = document.createElement("a");
    page.href = `multiplications/${id}`;
    page.textContent = id;
    byId("submitted").replaceChildren("Submitted as ", page, ".");
    list.newest();
    poller.now();
  } catch (error) {
    show(byId("refused"), error.message);
  } finally {
    button.disabled = false;
  }
}

function submit(event) {
  event.preventDefault();
  const n = byId("size").valueAsNumber;
  const operand = () => ({ random: { rows: n, cols: n, seed: randomSeed() } });
  accept(event.target, () => call("v1/multiplications", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ a: operand(), b: operand() }),
  }));
}

// send sends a form and shows how far it is, which fetch cannot tell.
function send(form) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const bar = byId("uploaded");
    request.upload.onprogress = (e) => {
      bar.hidden = false;
      bar.value = e.loaded / e.total;
    };
    request.onloadend = () => {
      bar.hidden = true;
      let body = {};
      try {
        body = JSON.parse(request.responseText);
      } catch {
        // The status says it.
      }
      if (request.status >= 200 && request.status < 300) resolve(body);
      else if (request.status === 0) reject(new Error("The API cannot be reached, or it has refused the upload on the way."));
      else reject(new Error(`The API returned ${request.status}: ${body.detail ?? request.statusText}`));
    };
    request.open("POST", new URL("v1/multiplications", root));
    request.setRequestHeader("Accept", "application/json");
    request.send(new FormData(form));
  });
}

function upload(event) {
  event.preventDefault();
  accept(event.target, () => send(event.target));
}

byId("submit").addEventListener("submit", submit);
byId("upload").addEventListener("submit", upload);
byId("size").addEventListener("input", (event) => { byId("other-side").textContent = event.target.value || "?"; });
byId("sign-out").addEventListener("click", signOut);
showSession();
poller.now();
