import { byId, element, number, root, send } from "./site.js";

const CORNER = 8;
const CELLS = 64;
const WHOLE = 512 * 512; // elements of a result that is drawn as a whole, without being asked
const WIDEST = 1 << 16; // columns of a row that is read as a whole
const AT_ONCE = 4;

// parse returns the elements of a .npy file as the API sends it: row-major and little-endian.
function parse(buffer) {
  const view = new DataView(buffer);
  const two = view.getUint8(6) >= 2;
  const start = (two ? 12 : 10) + (two ? view.getUint32(8, true) : view.getUint16(8, true));
  const head = new TextDecoder("latin1").decode(new Uint8Array(buffer, 0, start));
  const single = /'<f4'/.test(head);
  const Elements = single ? Float32Array : Float64Array;
  return new Elements(buffer.slice(start));
}

// ResultView shows a corner and a heat map of a result, which it reads through windows.
export class ResultView {
  #path;
  #shown; // the id of the matrix

  constructor(path) {
    this.#path = path;
    byId("draw").addEventListener("click", () => this.#draw());
  }

  show(result) {
    if (this.#shown?.matrix_id === result.matrix_id) return;
    this.#shown = result;
    this.#corner().catch((error) => {
      this.#shown = undefined; // the next poll tries again
      byId("corner").insertRow().insertCell().textContent = error.message;
    });
    const small = result.rows * result.cols <= WHOLE;
    byId("draw").hidden = small;
    if (small) this.#draw();
    else byId("heat-text").textContent = "It is large: the map shows some of its rows.";
  }

  async #window(rows, cols) {
    const response = await send(`${this.#path}/result?rows=${rows.join(":")}&cols=${cols.join(":")}`, {
      headers: { Accept: "application/x-npy" },
    });
    return parse(await response.arrayBuffer());
  }

  async #corner() {
    const rows = Math.min(CORNER, this.#shown.rows);
    const cols = Math.min(CORNER, this.#shown.cols);
    if (rows * cols === 0) {
      byId("corner").replaceChildren();
      return;
    }
    const values = await this.#window([0, rows], [0, cols]);
    byId("corner").replaceChildren(...Array.from({ length: rows }, (_, i) => {
      const row = element("tr");
      for (let j = 0; j < cols; j++) row.append(element("td", plain(values[i * cols + j])));
      if (this.#shown.cols > cols) row.append(element("td", "…"));
      return row;
    }));
  }

  async #draw() {
    const { rows, cols } = this.#shown;
    const text = byId("heat-text");
    if (rows * cols === 0) {
      text.textContent = "The result has no elements.";
      return;
    }
    byId("draw").disabled = true;
    text.textContent = "Reading …";
    try {
      const most = cols > WIDEST ? 12 : CELLS;
      const down = Math.min(most, rows);
      const across = Math.min(most, cols);
      const cells = rows * cols <= WHOLE ? await this.#means(down, across) : await this.#some(down, across);
      const { low, high, odd } = paint(byId("heat"), cells, down, across);
      const what = rows * cols <= WHOLE ? (rows * cols > cells.length ? "Each cell is the mean of its elements" : "Each cell is an element")
        : cols > WIDEST ? `${number(cells.length)} of its elements` : `Each line is one row of the result, each cell the mean of a part of it; ${number(down)} of ${number(rows)} rows`;
      text.textContent = low > high ? "No element is finite." :
        `${what}. From ${plain(low)} (dark) to ${plain(high)} (light).${odd ? ` ${number(odd)} cells with NaN or infinity are grey.` : ""}`;
      byId("heat").setAttribute("aria-label", `Heat map of the result. ${text.textContent}`);
    } catch (error) {
      text.textContent = error.message;
      byId("draw").hidden = false;
    } finally {
      byId("draw").disabled = false;
    }
  }

  // #means returns the means of the cells of the whole result.
  async #means(down, across) {
    const { rows, cols } = this.#shown;
    const values = await this.#window([0, rows], [0, cols]);
    const sums = new Float64Array(down * across);
    const counts = new Float64Array(down * across);
    for (let i = 0; i < rows; i++) {
      const line = Math.floor((i * down) / rows) * across;
      for (let j = 0; j < cols; j++) {
        const cell = line + Math.floor((j * across) / cols);
        sums[cell] += values[i * cols + j];
        counts[cell]++;
      }
    }
    return sums.map((sum, i) => sum / counts[i]);
  }

  // #some returns cells of single rows, or of single elements if the rows are long.
  async #some(down, across) {
    const { rows, cols } = this.#shown;
    const cells = new Float64Array(down * across);
    const reads = [];
    for (let i = 0; i < down; i++) {
      const r = Math.floor(((i + 0.5) * rows) / down);
      if (cols <= WIDEST) {
        reads.push(async () => cells.set(means(await this.#window([r, r + 1], [0, cols]), across), i * across));
        continue;
      }
      for (let j = 0; j < across; j++) {
        const c = Math.floor(((j + 0.5) * cols) / across);
        reads.push(async () => { [cells[i * across + j]] = await this.#window([r, r + 1], [c, c + 1]); });
      }
    }
    let next = 0;
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      while (next < reads.length) await reads[next++]();
    }));
    return cells;
  }
}

function means(row, across) {
  const cells = new Float64Array(across);
  for (let j = 0; j < across; j++) {
    const part = row.subarray(Math.floor((j * row.length) / across), Math.floor(((j + 1) * row.length) / across));
    cells[j] = part.reduce((sum, v) => sum + v, 0) / part.length;
  }
  return cells;
}

// plain returns a number in at most six digits.
function plain(v) {
  if (!Number.isFinite(v)) return String(v);
  const text = String(v);
  return text.length <= 8 ? text : String(Number(v.toPrecision(6)));
}

// The colours of the map, from low to high: their lightness rises evenly, so that it can be read without colours.
const COLOURS = [[20, 24, 60], [36, 78, 130], [30, 135, 140], [100, 185, 110], [235, 225, 90]];

function colour(share) {
  const at = share * (COLOURS.length - 1);
  const i = Math.min(COLOURS.length - 2, Math.floor(at));
  return COLOURS[i].map((low, c) => low + (COLOURS[i + 1][c] - low) * (at - i));
}

// paint draws cells, and returns the least and the greatest of those that are finite, and how many are not.
function paint(canvas, cells, down, across) {
  let low = Infinity;
  let high = -Infinity;
  let odd = 0;
  for (const v of cells) {
    if (!Number.isFinite(v)) {
      odd++;
      continue;
    }
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  canvas.hidden = false;
  canvas.width = across;
  canvas.height = down;
  const context = canvas.getContext("2d");
  const image = context.createImageData(across, down);
  cells.forEach((v, i) => {
    const rgb = Number.isFinite(v) ? colour(high > low ? (v - low) / (high - low) : 0.5) : [128, 128, 128];
    image.data.set([...rgb, 255], 4 * i);
  });
  context.putImageData(image, 0, 0);
  return { low, high, odd };
}
