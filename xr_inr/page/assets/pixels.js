// Spectra of pixels: a click into any picture shows the nearest of the pixels whose spectra the page holds.

const MOST_SHOWN = 3;

class Spectra {
  constructor({ rows, columns, spectra, errors, marked }) {
    Object.assign(this, { rows: integers(rows, 4), columns: integers(columns, 4), marked });
    this.first = this.decoded(spectra);
    this.error = errors === null ? null : this.decoded(errors);
    this.bands = this.first.length / this.rows.length;
  }

  decoded({ data, step, offset }) {
    return integers(data, 2).map((level) => (level === MISSING_LEVEL ? null : level * step + offset));
  }

  nearest(row, column) {
    let best = 0;
    const distance = (at) => (this.rows[at] - row) ** 2 + (this.columns[at] - column) ** 2;
    for (let at = 1; at < this.rows.length; at += 1) if (distance(at) < distance(best)) best = at;
    return best;
  }

  of(at) {
    const part = (values) => values.slice(at * this.bands, (at + 1) * this.bands);
    const first = part(this.first);
    if (this.error === null) return { decoded: first };
    const error = part(this.error);
    return { original: first, error, decoded: first.map((value, band) => (value === null ? null : value + error[band])) };
  }
}

function rootMeanSquare(values) {
  const known = values.filter((value) => value !== null);
  return Math.sqrt(known.reduce((sum, value) => sum + value * value, 0) / known.length);
}

function angleBetween(first, second) {
  const product = (a, b) => a.reduce((sum, value, band) => sum + (value ?? 0) * (b[band] ?? 0), 0);
  const cosine = product(first, second) / Math.sqrt(product(first, first) * product(second, second));
  return (Math.acos(Math.min(1, Math.max(-1, cosine))) * 180) / Math.PI;
}

function startPixels(data) {
  if (data.samples === null) return;
  const spectra = new Spectra(data.samples);
  if (spectra.rows.length === 0) return;
  const [height, width] = data.sides;
  const frames = [...document.querySelectorAll(".pickable")];
  const form = document.getElementById("pick");
  const said = document.getElementById("picked");
  const list = document.getElementById("chips");
  const slots = new Array(MOST_SHOWN).fill(null);
  const history = [];

  const shown = () => slots.flatMap((pixel, slot) => (pixel === null ? [] : [{ ...pixel, colour: `var(--series-${slot})` }]));
  const upper = new Chart(document.getElementById("pixel-spectra"), data.axis, data.unit, {
    told: (band) => shown().map(({ colour, original, decoded }) => [
      colour,
      original ? `original ${figure(original[band])}, decoded ${figure(decoded[band])}` : figure(decoded[band]),
    ]),
    hint: "Point at the curves, or use the arrow keys, to read values.",
  });
  const host = document.getElementById("pixel-errors");
  const lower = host && new Chart(host, data.axis, data.unit, {
    zeroLine: true,
    told: (band) => shown().map(({ colour, error }) => [colour, `error ${figure(error[band])}`]),
  });
  if (lower) {
    upper.linked = [lower];
    lower.linked = [upper];
  }

  function show() {
    const pixels = shown();
    upper.show([
      ...pixels.filter(({ original }) => original).map(({ original, colour }) => ({ values: original, colour, width: 6, opacity: 0.32 })),
      ...pixels.map(({ decoded, colour }) => ({ values: decoded, colour })),
    ]);
    if (lower) lower.show(pixels.map(({ error, colour }) => ({ values: error, colour, width: 1.2 })));
    list.replaceChildren(...pixels.map(chip));
    for (const frame of frames) {
      frame.querySelectorAll(".ring").forEach((ring) => ring.remove());
      for (const { row, column, colour } of pixels) {
        const place = `left: ${(100 * (column + 0.5)) / width}%; top: ${(100 * (row + 0.5)) / height}%`;
        frame.append(element("span", { class: "ring", style: `${place}; --colour: ${colour}` }));
      }
    }
  }

  function chip({ at, row, column, colour, original, decoded, error }) {
    const where = `row ${row}, column ${column}`;
    const errors = error
      ? ` · RMSE ${figure(rootMeanSquare(error), 4)} ${data.unit} · angle ${figure(angleBetween(original, decoded), 3)}°`
      : "";
    const button = element("button", { type: "button", "aria-label": `Remove ${where}` }, "×");
    button.addEventListener("click", () => {
      history.splice(history.findIndex((slot) => slots[slot].at === at), 1);
      slots[slots.findIndex((pixel) => pixel !== null && pixel.at === at)] = null;
      show();
    });
    return element("li", { style: `--colour: ${colour}` }, element("span", {}, where + errors), button);
  }

  function take(at) {
    if (slots.some((pixel) => pixel !== null && pixel.at === at)) return;
    const free = slots.indexOf(null);
    const slot = free >= 0 ? free : history.shift();
    history.push(slot);
    slots[slot] = { at, row: spectra.rows[at], column: spectra.columns[at], ...spectra.of(at) };
    show();
  }

  function pick(row, column) {
    const at = spectra.nearest(row, column);
    const [foundRow, foundColumn] = [spectra.rows[at], spectra.columns[at]];
    const exact = foundRow === row && foundColumn === column;
    said.textContent = exact
      ? `Row ${row}, column ${column}, both counted from 0.`
      : `Row ${foundRow}, column ${foundColumn}: the nearest to row ${row}, column ${column} whose spectrum is in this page.`;
    form.elements.row.value = foundRow;
    form.elements.column.value = foundColumn;
    take(at);
  }

  for (const frame of frames) {
    frame.addEventListener("click", (event) => {
      if (frame.dataset.dragged === "yes" || event.target.classList.contains("handle")) return;
      const box = frame.getBoundingClientRect();
      const within = (share, count) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
      pick(within((event.clientY - box.top) / box.height, height), within((event.clientX - box.left) / box.width, width));
    });
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    pick(Number(form.elements.row.value), Number(form.elements.column.value));
  });
  for (const button of form.querySelectorAll("[data-pixel]")) {
    button.addEventListener("click", () => {
      const at = spectra.marked[button.dataset.pixel];
      pick(spectra.rows[at], spectra.columns[at]);
    });
  }
  // Off the middle, where the divider stands.
  take(spectra.nearest(Math.floor(height / 3), Math.floor(width / 4)));
  if ("rmse" in spectra.marked) take(spectra.marked.rmse);
}
