// What all pages are made of: text, numbers with their units, tables, charts with a table behind each.
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const append = (element, ...children) => {
  for (const child of children.flat(Infinity)) if (child !== null && child !== undefined) element.append(child);
  return element;
};
// Text is set as text, never as HTML.
const make = (tag, attributes, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) if (value !== null && value !== undefined) element.setAttribute(name, value);
  return append(element, ...children);
};

// Numbers, as base/written_units.hpp writes them.
const three = (value) => {
  if (value === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)) + 1e-9));
  return value.toFixed(Math.min(digits, 12)).replace("-", "−");
};
const prefixed = (value, unit) => {
  for (const [factor, prefix] of [[1e18, "E"], [1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]]) {
    if (Math.abs(value) >= factor * 0.9995 || factor === 1) return three(value / factor) + "\u00a0" + prefix + unit;
  }
};
const unknown = "unknown";
const known = (write) => (value) => value === null || value === undefined ? unknown : write(value);
const day = 86400;
const seconds = known((s) => {
  const size = Math.abs(s);
  for (const [least, unit, name] of [[2 * 365.25 * day, 365.25 * day, "years"], [2 * day, day, "days"], [7200, 3600, "h"], [120, 60, "min"]]) {
    if (size >= least) return three(s / unit) + "\u00a0" + name;
  }
  if (size >= 0.9995 || size === 0) return three(s) + "\u00a0s";
  return size >= 0.9995e-3 ? three(s * 1e3) + "\u00a0ms" : three(s * 1e6) + "\u00a0us";
});
const dollars = known((value) => prefixed(value, "$"));
const energy = known((mwh) => prefixed(mwh * 1e6, "Wh"));
const bytes = known((value) => {
  for (const [factor, unit] of [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]]) {
    if (value >= factor || factor === 1) return three(value / factor) + "\u00a0" + unit;
  }
});
const tokens = known((value) => prefixed(value, value >= 999.5 ? "\u00a0tokens" : "tokens"));
const share = known((value) => (100 * value).toFixed(1) + "\u00a0%");
const whole = known((value) => Math.round(value).toLocaleString("en"));
const signed = (value, write) => (value > 0 ? "+" : "") + write(value);

// A day so many seconds after `start` ("2024-07-22"), the next whole one, as the planner counts.
const date = (start, s) => new Date(Date.parse(start + "T00:00:00Z") + Math.ceil(s / day) * day * 1000).toISOString().slice(0, 10);
const when = (start, s) => s === null ? unknown : start ? date(start, s) : seconds(s);

// A number and where it comes from: on hover, on focus, and for a screen reader.
const sourced = (text, tip, tag = "span") => make(tag, {"data-tip": tip, tabindex: 0}, text);

const tooltip = () => {
  const tip = byId("tip");
  let owner = null;
  const hide = () => { tip.hidden = true; if (owner) owner.removeAttribute("aria-describedby"); owner = null; };
  const show = (event) => {
    const target = event.target.closest ? event.target.closest("[data-tip]") : null;
    if (!target || target === owner) { if (!target) hide(); return; }
    hide();
    owner = target;
    tip.textContent = target.dataset.tip;
    tip.hidden = false;
    target.setAttribute("aria-describedby", "tip");
    const box = target.getBoundingClientRect(), width = document.documentElement.clientWidth;
    tip.style.left = Math.max(8, Math.min(box.left, width - tip.offsetWidth - 8)) + scrollX + "px";
    const below = box.bottom + 6 + tip.offsetHeight < innerHeight;
    tip.style.top = (below ? box.bottom + 6 : Math.max(4, box.top - tip.offsetHeight - 6)) + scrollY + "px";
  };
  document.addEventListener("pointerover", show);
  document.addEventListener("focusin", show);
  document.addEventListener("focusout", hide);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
};

// columns: [{name, left?, text?, tip?}]; a cell is text or an element. The first column heads its row.
const named = (color, name) => make("span", {class: "nowrap"}, make("i", {class: "swatch", style: `background:var(--${color})`}), name);
const table = (columns, rows, options = {}) => {
  const head = make("tr", {}, columns.map((c) => make("th", {scope: "col", class: c.left || c.text ? "left" : null},
    c.tip ? sourced(c.name, c.tip) : c.name)));
  const body = rows.map((row) => make("tr", {class: row.total ? "total" : null}, (row.cells || row).map((cell, i) =>
    make(i === 0 ? "th" : "td", {scope: i === 0 ? "row" : null, class: columns[i].text ? "text" : columns[i].bars ? "bars" : columns[i].left ?
      "left" : columns[i].wrap || i === 0 ? null : "nowrap"}, cell))));
  const out = make("table", {class: options.class}, make("thead", {}, head), make("tbody", {}, body));
  return make("div", {class: options.tall ? "scroll tall" : "scroll", tabindex: options.tall ? 0 : null, role: options.tall ? "region" : null,
    "aria-label": options.tall ? options.label : null}, out);
};

const contents = [];
const section = (id, title, intro, ...children) => {
  contents.push([id, title]);
  return make("section", {id, "aria-labelledby": id + "-title"}, make("h2", {id: id + "-title"}, title),
    intro ? make("p", {class: "soft"}, intro) : null, ...children);
};
const show_contents = () => byId("contents").append(make("ul", {}, contents.map(([id, title]) => make("li", {}, make("a", {href: "#" + id}, title)))));

const tiles = (list) => make("dl", {class: "tiles"}, list.map(([name, value, range, tip]) => make("div", {}, make("dt", {}, name),
  make("dd", {class: "value"}, tip ? sourced(value, tip) : value), range ? make("dd", {class: "range"}, range) : null)));

// Charts. Each is made from the colours of now, and made anew when these change.
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const shapes = ["circle", "rectRot", "triangle", "rect", "star", "crossRot"];
const dashes = [[], [7, 4], [2, 3], [10, 3, 2, 3], [4, 4], [1, 2]];
const drawn = [];
const compact = matchMedia("(max-width: 640px)");

const sign = (color, kind, i = 0) => {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  const node = (tag, attributes) => {
    const element = document.createElementNS(ns, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    svg.append(element);
  };
  for (const [name, value] of Object.entries({width: kind === "line" ? 26 : 12, height: 12, "aria-hidden": "true"})) svg.setAttribute(name, value);
  if (kind === "line") {
    node("line", {x1: 0, x2: 26, y1: 6, y2: 6, stroke: `var(--${color})`, "stroke-width": 2.5, "stroke-dasharray": dashes[i % dashes.length].join(" ")});
  } else {
    node("rect", {x: 0, y: 0, width: 12, height: 12, rx: 3, fill: `var(--${color})`});
  }
  return svg;
};
const legend = (list) => make("ul", {class: "legend"}, list.map(([name, color, kind, i]) => make("li", {}, sign(color, kind, i), name)));

const axis = (title, options = {}) => ({
  title: {display: Boolean(title), text: title, color: css("soft"), font: {size: 12}},
  grid: {color: options.grid === false ? "transparent" : css("line"), borderColor: css("line"), drawTicks: false},
  ticks: {color: css("soft"), padding: 6, font: {size: 12}, maxRotation: 0, autoSkipPadding: 14, ...options.ticks},
  ...options.scale,
});

// Days since `start` as dates, at whole days or months; without a start as days.
const time_axis = (start, from, to) => {
  if (!start) return axis("days from the start", {grid: false, ticks: {includeBounds: false}, scale: {type: "linear", min: from, max: to}});
  const first = Date.parse(start + "T00:00:00Z"), places = [];
  const most = compact.matches ? 4 : 8, days = to - from;
  const steps = [1, 2, 7, 14].filter((step) => days / step <= most);
  if (steps.length) {
    for (let d = Math.ceil(from); d <= to; d += steps[0]) places.push(d);
  } else {
    const months = [1, 2, 3, 6, 12, 24, 60].find((step) => days / (30.4 * step) <= most) || 120;
    const at = new Date(first + from * day * 1000);
    for (let month = 0; month < 2400; ++month) {
      const place = (Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + month, 1) - first) / (day * 1000);
      if (place > to) break;
      if (place >= from && new Date(first + place * day * 1000).getUTCMonth() % Math.min(months, 12) === 0) places.push(place);
    }
  }
  return axis("", {grid: false, ticks: {autoSkip: true, callback: (value) => new Date(first + value * day * 1000).toISOString().slice(0, steps.length ? 10 : 7)},
    scale: {type: "linear", min: from, max: to, afterBuildTicks: (scale) => { scale.ticks = places.map((value) => ({value})); }}});
};

// config() gives what Chart.js takes; it is asked again when the colours change.
const chart = ({title, note, label, height = 300, config, signs, rows, columns}) => {
  const canvas = make("canvas", {role: "img", "aria-label": label || title});
  const box = make("div", {class: "box", style: `height:${height}px`}, canvas);
  const figure = make("figure", {}, make("figcaption", {}, title, note ? make("span", {}, note) : null), signs ? legend(signs) : null, box,
    rows ? make("details", {class: "more"}, make("summary", {}, "The numbers as a table"), table(columns, rows, {tall: rows.length > 16, label: title})) : null);
  drawn.push({canvas, config, chart: null});
  return figure;
};
const base = (options) => ({animation: false, responsive: true, maintainAspectRatio: false, interaction: {mode: "nearest", intersect: false},
  ...options, plugins: {legend: {display: false}, ...options.plugins, tooltip: {backgroundColor: css("ink"), titleColor: css("paper"), bodyColor: css("paper"),
    padding: 9, boxPadding: 4, cornerRadius: 6, ...(options.plugins || {}).tooltip}}});

const draw = (from) => {
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  for (const one of drawn.slice(from)) {
    if (one.chart) one.chart.destroy();
    one.chart = new Chart(one.canvas, one.config());
  }
};
const draw_all = () => draw(0);
// Dates and names that have a hyphen stay in one piece.
const unbroken = (element) => {
  const pieces = element.textContent.replace(/(\d) (%|[kMGT]?\$|days|years|h|ms|s)(?=[\s,.;]|$)/g, "$1\u00a0$2").split(/(\S*\d-\S+|\S+-\d\S*)/);
  element.replaceChildren(...pieces.map((piece, i) => i % 2 ? make("span", {class: "nowrap"}, piece) : piece));
};
const begin = () => {
  unbroken(byId("answer"));
  show_contents();
  tooltip();
  Chart.defaults.devicePixelRatio = Math.max(2, window.devicePixelRatio || 1);
  draw_all();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw_all);
  compact.addEventListener("change", draw_all);
  addEventListener("beforeprint", () => { document.documentElement.dataset.print = ""; draw_all(); });
  addEventListener("afterprint", () => { delete document.documentElement.dataset.print; draw_all(); });
};
