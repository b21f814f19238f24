import { element, number } from "./site.js";

const STATES = ["completed", "running", "retrying", "waiting"];
const LETTERS = { c: "completed", r: "running", e: "retrying", f: "failed" }; // others wait, or are completed in part
const WIDEST = 640; // pixels of the longer side

// legend counts the tiles by their states.
export function legend(list, m) {
  const { total, completed, running, retrying } = m.tiles;
  const counts = { completed, running, retrying, waiting: Math.max(0, total - completed - running - retrying) };
  const rest = { failed: "not computed", cancelled: "not computed" }[m.state] ?? "waiting";
  list.replaceChildren(...STATES.filter((state) => counts[state] > 0).map((state) =>
    element("li", `${number(counts[state])} ${state === "waiting" ? rest : state}`, `key ${state}`)));
}

// draw draws each cell of a grid at its place, and returns what a cell is.
export function draw(canvas, grid) {
  const down = grid.cells.length;
  const across = down && grid.cells[0].length;
  const side = Math.max(4, Math.min(20, Math.floor(WIDEST / Math.max(1, down, across))));
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, across) * side * scale;
  canvas.height = Math.max(1, down) * side * scale;
  const context = canvas.getContext("2d");
  const tone = getComputedStyle(canvas);
  const gap = side > 8 ? 2 : 1;
  grid.cells.forEach((line, i) => [...line].forEach((letter, j) => {
    const fill = (state, alpha) => {
      context.globalAlpha = alpha;
      context.fillStyle = tone.getPropertyValue(`--tile-${state}`);
      context.fillRect(j * side * scale, i * side * scale, (side - gap) * scale, (side - gap) * scale);
    };
    fill(LETTERS[letter] ?? "waiting", 1);
    if (letter === "p") fill("completed", 0.45);
  }));
  if (down === 0) return "The result has no tiles.";
  const what = `${number(grid.rows)}×${number(grid.cols)} tiles, each at its place in the result.`;
  if (grid.rows === down && grid.cols === across) return what;
  return `${what} A square is several neighbours: it shows the one that needs attention most.`;
}
