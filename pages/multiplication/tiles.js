import { element, number } from "./site.js";

const MAX_SQUARES = 2000;
const STATES = ["completed", "running", "retrying", "waiting"];

// grid draws a square for each tile, or for as many as fit, sorted by their states. It returns how many tiles a square is.
export function grid(canvas, legend, m) {
  const { total, completed, running, retrying } = m.tiles;
  const counts = { completed, running, retrying, waiting: Math.max(0, total - completed - running - retrying) };
  const per = Math.ceil(total / MAX_SQUARES) || 1;
  const squares = [];
  let before = 0;
  for (const state of STATES) {
    before += counts[state];
    const end = Math.round(before / per);
    while (squares.length < end) squares.push(state);
  }
  draw(canvas, squares);
  const rest = { failed: "not computed", cancelled: "not computed" }[m.state] ?? "waiting";
  legend.replaceChildren(...STATES.filter((state) => counts[state] > 0).map((state) =>
    element("li", `${number(counts[state])} ${state === "waiting" ? rest : state}`, `key ${state}`)));
  return per;
}

function draw(canvas, squares) {
  const across = Math.max(1, Math.min(50, Math.ceil(Math.sqrt(squares.length * 2))));
  const side = squares.length > 200 ? 10 : 20;
  const scale = window.devicePixelRatio || 1;
  const down = Math.max(1, Math.ceil(squares.length / across));
  canvas.width = across * side * scale;
  canvas.height = down * side * scale;
  const context = canvas.getContext("2d");
  const tone = getComputedStyle(canvas);
  squares.forEach((state, i) => {
    context.fillStyle = tone.getPropertyValue(`--tile-${state}`);
    const x = (i % across) * side;
    const y = Math.floor(i / across) * side;
    context.fillRect((x + 1) * scale, (y + 1) * scale, (side - 2) * scale, (side - 2) * scale);
  });
}
