import { draw, legend } from "./tiles.js";
import { ResultView } from "./result.js";
import { samples } from "./samples.js";
import {
  Lost, Poller, age, byId, bytesText, call, dateTime, duration, element, link, local, number, plural, root, send, session,
  shapeText, show, stateName, tilesText,
} from "./site.js";

const id = decodeURIComponent(location.pathname.split("/").pop());
const path = `v1/multiplications/${encodeURIComponent(id)}`;
const lost = new Lost();
const result = new ResultView(path);
let may = () => true; // whether the session has a scope
let shown; // the multiplication

const final = (state) => ["completed", "failed", "cancelled"].includes(state);

function showHead(m) {
  document.title = `${stateName(m.state)} ${shapeText(m.shape)} – Millrace`;
  byId("state").textContent = stateName(m.state);
  byId("state").className = `state ${m.state}`;
  byId("shape").textContent = shapeText(m.shape);
  byId("id").textContent = m.id;
  show(byId("failure"), m.failure ?? "");
  byId("cancel").hidden = !may("submit") || final(m.state);
  byId("retry").hidden = !may("submit") || !["failed", "cancelled"].includes(m.state);
  byId("delete").hidden = !may("submit");
  link(byId("download"), m.result && new URL(`${path}/result`, root).href);
  byId("download").setAttribute("download", `${m.id}.npy`);
  link(byId("jobs"), m.links?.jobs && local(m.links.jobs));
  link(byId("json"), new URL(path, root).href);
  // A change of the state is announced; that of a figure is not.
  if (shown && shown.state !== m.state) byId("said").textContent = `The multiplication is ${stateName(m.state)}.`;
}

// reasons lists what an unfinished multiplication waits for.
function reasons(m, workers, now) {
  const w = m.waiting;
  if (!w || final(m.state)) return [];
  const list = [];
  const at = (time) => `${dateTime(time)}, in ${age(Date.parse(time) - now)}`;
  if (workers === 0) list.push("No worker is running. It waits until one starts.");
  if (w.tiles_ahead > 0) list.push(`${plural(w.tiles_ahead, "tile", "tiles")} of other multiplications before its next one`);
  if (w.estimated_start && m.tiles.running === 0) list.push(`Its next tile should begin ${at(w.estimated_start)}`);
  if (w.next_attempt) list.push(`The next attempt at a failed tile is ${at(w.next_attempt)}`);
  if (w.last_error) list.push(`The last error: ${w.last_error}`);
  if (m.tiles.running > 0) list.push(`${plural(m.tiles.running, "tile is", "tiles are")} running`);
  list.push(w.estimated_end ? `It should end ${at(w.estimated_end)}` : "When it ends cannot be told yet");
  return list;
}

// fill makes the items of a list those of some texts, and leaves alone what has not changed.
function fill(list, texts) {
  while (list.children.length > texts.length) list.lastElementChild.remove();
  texts.forEach((text, i) => {
    const item = list.children[i] ?? list.appendChild(element("li"));
    if (item.textContent !== text) item.textContent = text;
  });
}

function fact(name, text, href) {
  const row = element("tr");
  const head = element("th", name);
  head.scope = "row";
  const cell = element("td");
  if (href) {
    const a = element("a", text);
    a.href = href;
    cell.append(a);
  } else {
    cell.textContent = text;
  }
  row.append(head, cell);
  return row;
}

function matrixFact(name, ref) {
  const row = fact(name, ref.matrix_id, new URL(`v1/matrices/${ref.matrix_id}`, root).href);
  row.cells[1].append(element("div", `${number(ref.rows)}×${number(ref.cols)} ${ref.dtype}` +
    (ref.bytes === undefined ? "" : `, ${bytesText(ref.bytes)}${ref.verified ? ", each tile checked" : ""}`), "hint"));
  return row;
}

function showFacts(m) {
  const took = (from, to) => duration(Date.parse(to) - Date.parse(from));
  const rows = [fact("Submitted", dateTime(m.created_at))];
  if (m.started_at) rows.push(fact("Started", `${dateTime(m.started_at)}, after ${took(m.created_at, m.started_at)}`));
  if (m.finished_at) rows.push(fact("Finished", `${dateTime(m.finished_at)}, after ${took(m.started_at ?? m.created_at, m.finished_at)}`));
  if (m.expires_at) rows.push(fact("Expires", dateTime(m.expires_at)));
  rows.push(fact("Priority", `${m.priority} of 1 to 4; 1 is the most urgent`), matrixFact("A", m.a), matrixFact("B", m.b));
  if (m.result) rows.push(matrixFact("Result", m.result));
  byId("facts").replaceChildren(...rows);
}

// showErrors groups equal errors: a missing block is one line, not ten.
function showErrors(m) {
  byId("attempts").textContent = `${plural(m.attempts, "attempt", "attempts")}, ` +
    (m.errors.length ? `${m.errors.length === 50 ? "the last " : ""}${plural(m.errors.length, "error", "errors")}` : "no errors");
  const groups = new Map();
  for (const e of m.errors) { // newest first
    const group = groups.get(e.message) ?? { last: e.at, times: 0, tiles: new Set() };
    groups.set(e.message, group);
    group.times++;
    group.tiles.add(e.tile);
  }
  byId("errors-table").hidden = groups.size === 0;
  byId("errors").replaceChildren(...[...groups].map(([message, g]) => {
    const row = element("tr");
    const tiles = [...g.tiles].sort((a, b) => a - b);
    const some = tiles.slice(0, 12).join(", ") + (tiles.length > 12 ? " …" : "");
    for (const text of [message, `×${g.times}`, some, dateTime(g.last)]) row.append(element("td", text));
    return row;
  }));
}

let language = "cURL";

function showSamples(m) {
  const texts = samples(m, root.href.replace(/\/$/, ""));
  const buttons = byId("languages");
  if (buttons.children.length === 0) {
    for (const name of Object.keys(texts)) {
      const button = element("button", name, "plain");
      button.type = "button";
      button.addEventListener("click", () => { language = name; showSamples(shown); });
      buttons.append(button);
    }
  }
  for (const button of buttons.children) button.setAttribute("aria-pressed", button.textContent === language);
  if (byId("sample").textContent !== texts[language]) byId("sample").textContent = texts[language];
}

let unchanged; // the text of what is shown

function showAll(m, workers) {
  fill(byId("reasons"), reasons(m, workers, Date.now()));
  byId("waiting").hidden = byId("reasons").children.length === 0;
  const text = JSON.stringify({ ...m, waiting: null });
  if (text === unchanged) return;
  unchanged = text;
  showHead(m);
  byId("tiles").textContent = tilesText(m.tiles);
  legend(byId("legend"), m);
  showFacts(m);
  showErrors(m);
  shown = m;
  showSamples(m);
  byId("result").hidden = !m.result;
  if (m.result) result.show(m.result);
  byId("all").hidden = false;
}

let grid; // of the tiles, as it was read last

// showGrid reads the states of the tiles, unless the multiplication has finished and they are those of its end.
async function showGrid(m) {
  if (grid?.state === m.state && final(m.state)) return;
  try {
    grid = await call(`${path}/tiles`);
    byId("places").textContent = draw(byId("grid"), grid);
  } catch (error) {
    if (error.status !== 404) throw error; // an API of the version before has none, and what was deleted is noticed by poll
  }
}

let gone = false;

// poll returns after how many seconds it is to be called again.
async function poll() {
  if (gone) return 3600;
  try {
    const m = await call(path);
    const workers = final(m.state) ? undefined : (await call("v1/overview")).workers;
    showAll(m, workers);
    await showGrid(m);
    lost.say();
    return final(m.state) ? 10 : 1;
  } catch (error) {
    lost.say(error);
    if (error.status === 404) {
      gone = true;
      byId("all").hidden = true;
      show(byId("trouble"), "There is no such multiplication: it was deleted or has expired, or the address is wrong.");
    }
    return 1;
  }
}

const poller = new Poller(poll);

// act asks the API for a change, and shows what has become of it.
async function act(button, method, below, done) {
  button.disabled = true;
  show(byId("refused"), "");
  try {
    await send(path + below, { method });
    done();
  } catch (error) {
    show(byId("refused"), error.message);
  } finally {
    button.disabled = false;
  }
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    byId("said").textContent = `${what} is copied.`;
  } catch {
    show(byId("refused"), "The browser does not let the page copy: select the text.");
  }
}

byId("cancel").addEventListener("click", (e) => act(e.target, "POST", "/cancel", () => poller.now()));
byId("retry").addEventListener("click", (e) => act(e.target, "POST", "/retry", () => poller.now()));
byId("delete").addEventListener("click", () => byId("confirm").showModal());
byId("confirm").addEventListener("close", () => {
  const { returnValue } = byId("confirm");
  byId("confirm").returnValue = "";
  if (returnValue === "delete") act(byId("delete"), "DELETE", "", () => location.assign(root));
});
byId("copy-id").addEventListener("click", () => copy(id, "The id"));
byId("copy").addEventListener("click", () => copy(byId("sample").textContent, "The sample"));

session().then(({ scopes }) => {
  may = (scope) => scopes.includes("admin") || scopes.includes(scope);
  unchanged = undefined;
  poller.now();
});
