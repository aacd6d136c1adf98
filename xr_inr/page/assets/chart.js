// Curves over bands: axes with units, a cursor by pointer or arrow keys, redrawn at every width.

const MISSING_LEVEL = -32768;

function ticks(low, high, wanted) {
  const rough = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const decimals = Math.max(0, Math.min(12, -Math.floor(Math.log10(step) + 1e-9)));
  const written = new Intl.NumberFormat("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  const found = [];
  for (let place = Math.ceil(low / step - 1e-9); place * step <= high + step * 1e-9; place += 1) {
    found.push([place * step, written.format(place * step || 0).replace("-", "−")]);
  }
  return found;
}


class Chart {
  constructor(host, axis, label, { fromZero = false, zeroLine = false, told = null, hint = "" } = {}) {
    Object.assign(this, { host, axis, label, fromZero, zeroLine, told, series: [], cursor: null, linked: [] });
    this.svg = shape("svg", { tabindex: 0, role: "img", "aria-label": `${label} over ${axis.label}; arrow keys read values` });
    this.readout = element("p", { class: "readout", "aria-live": "polite" }, hint);
    host.append(this.svg, this.readout);
    this.svg.addEventListener("pointermove", (event) => this.moveTo(this.nearest(event)));
    this.svg.addEventListener("pointerdown", (event) => this.moveTo(this.nearest(event)));
    this.svg.addEventListener("keydown", (event) => this.step(event));
    new ResizeObserver(() => this.draw()).observe(host);
  }

  show(series) {
    this.series = series;
    this.draw();
    this.tell();
  }

  draw() {
    const width = Math.max(220, this.host.clientWidth);
    const height = Math.round(Math.min(240, Math.max(170, width * 0.38)));
    const { values } = this.axis;
    const [low, high] = this.range();
    const marks = ticks(low, high, height / 50);
    const margin = { left: Math.max(52, 12 + 7 * Math.max(...marks.map(([, text]) => text.length))), right: 14, top: 24, bottom: 38 };
    const first = Math.min(...values);
    const span = Math.max(...values) - first || 1;
    const single = values.length === 1;
    this.x = (value) => margin.left + (width - margin.left - margin.right) * (single ? 0.5 : (value - first) / span);
    this.y = (value) => height - margin.bottom - (height - margin.top - margin.bottom) * ((value - low) / (high - low));
    this.box = { top: margin.top, bottom: height - margin.bottom };
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.setAttribute("height", height);
    this.svg.replaceChildren();
    const add = (name, attributes, text) => this.svg.append(shape(name, attributes, text));
    for (const [value, text] of marks) {
      add("line", { class: "grid", x1: margin.left, x2: width - margin.right, y1: this.y(value), y2: this.y(value) });
      add("text", { x: margin.left - 6, y: this.y(value) + 4, "text-anchor": "end" }, text);
    }
    if (this.zeroLine) add("line", { class: "base", x1: margin.left, x2: width - margin.right, y1: this.y(0), y2: this.y(0) });
    for (const [value, text] of single ? [[first, figure(first)]] : ticks(first, first + span, width / 80)) {
      add("line", { class: "base", x1: this.x(value), x2: this.x(value), y1: this.box.bottom, y2: this.box.bottom + 4 });
      add("text", { x: this.x(value), y: this.box.bottom + 17, "text-anchor": "middle" }, text);
    }
    add("text", { x: 0, y: 12 }, this.label);
    add("text", { x: width - margin.right, y: height - 4, "text-anchor": "end" }, this.axis.label);
    for (const one of this.series) this.drawSeries(one);
    this.marks = shape("g", {});
    this.svg.append(this.marks);
    this.drawCursor();
  }

  range() {
    const all = this.series.flatMap((one) => one.values).filter((value) => value !== null);
    let low = all.length ? all.reduce((a, b) => Math.min(a, b)) : 0;
    let high = all.length ? all.reduce((a, b) => Math.max(a, b)) : 1;
    if (this.fromZero || this.zeroLine) [low, high] = [Math.min(low, 0), Math.max(high, 0)];
    const room = (high - low || Math.abs(high) || 1) * 0.06;
    return [this.fromZero && low === 0 ? 0 : low - room, high + room];
  }

  drawSeries({ values, colour, width = 1.5, opacity = 1, area = false }) {
    const style = `--colour: ${colour}; opacity: ${opacity}`;
    for (const run of this.runs(values)) {
      const points = run.map((place) => `${this.x(this.axis.values[place]).toFixed(1)},${this.y(values[place]).toFixed(1)}`);
      if (points.length === 1) {
        const [cx, cy] = points[0].split(",");
        this.svg.append(shape("circle", { class: "dot", cx, cy, r: Math.max(2, width), style }));
        continue;
      }
      if (area) {
        const [start, end] = [run[0], run[run.length - 1]].map((place) => this.x(this.axis.values[place]).toFixed(1));
        const bottom = this.box.bottom;
        this.svg.append(shape("path", { class: "area", d: `M${start},${bottom}L${points.join("L")}L${end},${bottom}Z`, style: `--colour: ${colour}` }));
      }
      this.svg.append(shape("path", { class: "curve", d: `M${points.join("L")}`, "stroke-width": width, style }));
    }
  }

  runs(values) {
    const found = [];
    let run = [];
    values.forEach((value, place) => {
      if ((value === null || this.axis.starts.includes(place)) && run.length) {
        found.push(run);
        run = [];
      }
      if (value !== null) run.push(place);
    });
    return run.length ? [...found, run] : found;
  }

  nearest(event) {
    const box = this.svg.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * this.svg.viewBox.baseVal.width;
    let best = 0;
    this.axis.values.forEach((value, place) => {
      if (Math.abs(this.x(value) - at) < Math.abs(this.x(this.axis.values[best]) - at)) best = place;
    });
    return best;
  }

  step(event) {
    const last = this.axis.values.length - 1;
    const here = this.cursor ?? -1;
    const moves = { ArrowRight: here + 1, ArrowLeft: here - 1, PageUp: here + 10, PageDown: here - 10, Home: 0, End: last };
    if (!(event.key in moves)) return;
    event.preventDefault();
    this.moveTo(Math.min(last, Math.max(0, moves[event.key])));
  }

  moveTo(place) {
    for (const chart of [this, ...this.linked]) {
      chart.cursor = place;
      chart.drawCursor();
      chart.tell();
    }
  }

  drawCursor() {
    if (!this.marks) return;
    this.marks.replaceChildren();
    if (this.cursor === null) return;
    const x = this.x(this.axis.values[this.cursor]);
    this.marks.append(shape("line", { class: "cursor", x1: x, x2: x, y1: this.box.top, y2: this.box.bottom }));
    for (const { values, colour } of this.series) {
      if (values[this.cursor] === null) continue;
      this.marks.append(shape("circle", { class: "dot", cx: x, cy: this.y(values[this.cursor]), r: 3.5, style: `--colour: ${colour}` }));
    }
  }

  tell() {
    if (this.cursor === null) return;
    const { name, unit, values } = this.axis;
    const band = `band ${this.cursor + 1}`;
    const where = name === "band" ? band : `${figure(values[this.cursor])} ${unit} (${band})`;
    const parts = this.told ? this.told(this.cursor) : this.series.map((one) => [one.colour, figure(one.values[this.cursor])]);
    this.readout.replaceChildren(element("b", {}, where));
    for (const [colour, text] of parts) {
      this.readout.append(" ", element("span", { class: "swatch", style: `--colour: ${colour}` }), text);
    }
  }
}
