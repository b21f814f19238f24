import { age, byId, call, duration, link, local, shapeText, show, stateName, tilesText } from "./site.js";

const LENGTH = 10;

function when(multiplication, now) {
  const created = Date.parse(multiplication.created_at);
  const text = `submitted ${age(now - created)} ago`;
  if (!multiplication.finished_at) return text;
  const took = duration(Date.parse(multiplication.finished_at) - created);
  return multiplication.state === "completed" ? `${text}, took ${took}` : `${text}, finished after ${took}`;
}

// why says what an unfinished multiplication waits for.
function why({ waiting, tiles }, now) {
  if (!waiting) return "";
  const end = waiting.estimated_end ? `, about ${age(Date.parse(waiting.estimated_end) - now)} to go` : "";
  if (waiting.next_attempt && waiting.last_error) return `${waiting.last_error}; tried again in ${age(Date.parse(waiting.next_attempt) - now)}`;
  return tiles.running === 0 && waiting.tiles_ahead > 0 ? `${waiting.tiles_ahead} tiles of others before it${end}` : end.slice(2);
}

function showItem(item, multiplication, now) {
  const part = (name) => item.querySelector("." + name);
  const shape = shapeText(multiplication.shape);
  const name = `${shape}, ${multiplication.id}`;
  item.className = `multiplication ${multiplication.state}`;
  item.dataset.id = multiplication.id;
  part("state").textContent = stateName(multiplication.state);
  part("shape").textContent = shape;
  part("page").setAttribute("href", `multiplications/${multiplication.id}`);
  part("when").textContent = `${multiplication.dtype}, ${when(multiplication, now)}`;
  const bar = item.querySelector("progress");
  bar.value = multiplication.progress;
  bar.setAttribute("aria-label", `Progress of ${name}`);
  const reason = why(multiplication, now);
  part("tiles").textContent = tilesText(multiplication.tiles) + (reason ? `; ${reason}` : "");
  show(part("failure"), multiplication.failure ?? "");
  link(part("jobs"), multiplication.links?.jobs && local(multiplication.links.jobs));
  part("jobs").setAttribute("aria-label", `Jobs of ${name}`);
  link(part("result"), multiplication.result && `v1/multiplications/${multiplication.id}/result`);
  part("result").setAttribute("download", `${multiplication.id}.npy`);
  part("result").setAttribute("aria-label", `Result of ${name}`);
}

// List is the list of multiplications: one page of those in one state.
export class List {
  #items = new Map(); // an element is kept as long as its multiplication is shown, so that the focus is not lost
  #states = new Map(); // those that were shown last
  #cursors = [""]; // of the pages up to the one that is shown
  #next;
  #changed;

  constructor(changed) {
    this.#changed = changed;
    const state = new URLSearchParams(location.search).get("state") ?? "";
    if ([...byId("filter").options].some((option) => option.value === state)) byId("filter").value = state;
    byId("filter").addEventListener("change", () => this.#filter());
    byId("failed").addEventListener("click", (event) => {
      event.preventDefault();
      byId("filter").value = "failed";
      this.#filter();
      byId("filter").focus();
    });
    byId("older").addEventListener("click", () => this.#go([...this.#cursors, this.#next]));
    byId("newest").addEventListener("click", () => this.#go([""]));
  }

  #filter() {
    const state = byId("filter").value;
    history.replaceState(null, "", state ? `?state=${state}` : location.pathname);
    this.#go([""]);
  }

  #go(cursors) {
    this.#cursors = cursors;
    this.#states.clear();
    this.#changed();
  }

  // newest goes to the first page, if what was submitted is to be seen there.
  newest() {
    this.#cursors = [""];
  }

  async load() {
    const cursor = this.#cursors.at(-1);
    const state = byId("filter").value;
    const query = new URLSearchParams({ limit: LENGTH });
    if (state) query.set("state", state);
    if (cursor) query.set("cursor", cursor);
    const page = await call(`v1/multiplications?${query}`);
    if (cursor !== this.#cursors.at(-1) || state !== byId("filter").value) return; // it is out of date
    this.#next = page.next_cursor;
    const n = this.#cursors.length;
    byId("older").hidden = !this.#next;
    byId("newest").hidden = n === 1;
    show(byId("page"), n > 1 ? `Page ${n}` : "");
    show(byId("none"), page.items.length ? "" : state ? `None is ${stateName(state)}.` : "There are none yet.");
    this.#show(page.items);
  }

  #show(multiplications) {
    const now = Date.now();
    const shown = new Set(multiplications.map((multiplication) => multiplication.id));
    for (const [id, item] of this.#items) {
      if (shown.has(id)) continue;
      item.remove();
      this.#items.delete(id);
    }
    const list = byId("multiplications");
    multiplications.forEach((multiplication, i) => {
      if (!this.#items.has(multiplication.id)) {
        this.#items.set(multiplication.id, byId("multiplication").content.firstElementChild.cloneNode(true));
      }
      const item = this.#items.get(multiplication.id);
      showItem(item, multiplication, now);
      if (list.children[i] !== item) list.insertBefore(item, list.children[i] ?? null);
    });
    this.#announce(multiplications);
  }

  // #announce says which states have changed to those who do not see it.
  #announce(multiplications) {
    const texts = [];
    for (const m of multiplications) {
      const before = this.#states.get(m.id);
      if (before && before !== m.state) texts.push(`${shapeText(m.shape)} is ${stateName(m.state)}`);
    }
    this.#states = new Map(multiplications.map((m) => [m.id, m.state]));
    if (texts.length) byId("said").textContent = `${texts.slice(0, 3).join("; ")}.`;
  }
}
