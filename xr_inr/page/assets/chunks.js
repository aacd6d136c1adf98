// The figures of chunks as a map.

function edges(sides) {
  return sides.reduce((found, side) => [...found, found[found.length - 1] + side], [0]);
}

function mixed(colours, share) {
  const place = share * (colours.length - 1);
  const low = Math.min(colours.length - 2, Math.floor(place));
  const parts = [0, 2, 4].map((at) => {
    const [first, second] = [colours[low], colours[low + 1]].map((colour) => parseInt(colour.slice(at, at + 2), 16));
    return Math.round(first + (second - first) * (place - low));
  });
  return `rgb(${parts.join(" ")})`;
}

function startChunks({ chunks }) {
  if (chunks === null) return;
  const canvas = document.getElementById("chunk-map");
  const [low, bar, high] = document.getElementById("chunk-scale").children;
  const said = document.getElementById("chunk-said");
  const choice = document.getElementById("chunk-choice");
  const [tops, lefts] = [edges(chunks.heights), edges(chunks.widths)];
  const [height, width] = [tops[tops.length - 1], lefts[lefts.length - 1]];
  const columns = chunks.widths.length;
  let chosen = "psnr";
  let place = null;

  bar.style.background = `linear-gradient(90deg, ${chunks.colours.map((colour) => `#${colour}`).join(", ")})`;
  for (const input of choice.querySelectorAll("input")) {
    if (!(input.value in chunks.figures)) input.parentElement.remove();
  }
  if (!(chosen in chunks.figures)) chosen = Object.keys(chunks.figures)[0];
  choice.querySelector(`[value="${chosen}"]`).checked = true;

  function draw() {
    const { values, unit } = chunks.figures[chosen];
    const known = values.filter((value) => value !== null);
    const [least, most] = [known.reduce((a, b) => Math.min(a, b)), known.reduce((a, b) => Math.max(a, b))];
    canvas.width = Math.round(canvas.clientWidth * (window.devicePixelRatio || 1));
    canvas.height = Math.round((canvas.width * height) / width) || 1;
    const context = canvas.getContext("2d");
    const [down, across] = [tops.map((top) => Math.round((top / height) * canvas.height)), lefts.map((left) => Math.round((left / width) * canvas.width))];
    const line = Math.min(...chunks.widths) / width * canvas.width > 8 ? 1 : 0;
    const cell = (at) => {
      const [row, column] = [Math.floor(at / columns), at % columns];
      return [across[column], down[row], across[column + 1] - across[column], down[row + 1] - down[row]];
    };
    values.forEach((value, at) => {
      if (value === null) return;
      const [x, y, wide, tall] = cell(at);
      context.fillStyle = mixed(chunks.colours, most > least ? (value - least) / (most - least) : 0.5);
      context.fillRect(x, y, wide - line, tall - line);
    });
    if (place !== null) {
      const [x, y, wide, tall] = cell(place);
      for (const [colour, thick] of [["#000000", 5], ["#ffffff", 2.5]]) {
        Object.assign(context, { strokeStyle: colour, lineWidth: thick });
        context.strokeRect(x + 2, y + 2, Math.max(1, wide - 4 - line), Math.max(1, tall - 4 - line));
      }
    }
    low.textContent = figure(least, 4);
    high.textContent = `${figure(most, 4)} ${unit}`;
  }

  function tell() {
    if (place === null) {
      said.textContent = "Point at a chunk to read its figures.";
      return;
    }
    const [row, column] = [Math.floor(place / columns), place % columns];
    const all = Object.values(chunks.figures).map(({ name, unit, values }) => `${name} ${figure(values[place], 4)} ${unit}`);
    said.textContent = `Rows ${tops[row]} to ${tops[row + 1] - 1}, columns ${lefts[column]} to ${lefts[column + 1] - 1}: ${all.join(", ")}.`;
  }

  function choose(at) {
    if (at === place) return;
    place = at;
    draw();
    tell();
  }

  const within = (stops, value) => Math.max(0, stops.findLastIndex((stop) => stop <= value));
  function point(event) {
    const box = canvas.getBoundingClientRect();
    const row = Math.min(chunks.heights.length - 1, within(tops, ((event.clientY - box.top) / box.height) * height));
    const column = Math.min(columns - 1, within(lefts, ((event.clientX - box.left) / box.width) * width));
    choose(row * columns + column);
  }
  canvas.addEventListener("pointermove", point);
  canvas.addEventListener("pointerdown", point);
  canvas.addEventListener("keydown", (event) => {
    const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const next = place === null ? 0 : place + moves[event.key];
    if (next >= 0 && next < columns * chunks.heights.length) choose(next);
  });
  choice.addEventListener("change", (event) => {
    chosen = event.target.value;
    draw();
  });
  new ResizeObserver(draw).observe(canvas);
  draw();
  tell();
}
