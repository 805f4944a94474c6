// What a forecast and a comparison show alike: each part of one forecast `f`.
const part_names = {useful: "useful", waiting: "waiting for the first nodes", checkpoint: "checkpoints", detection: "detecting and locating failures",
  restart: "restarting", replay: "doing steps again", degraded: "slower than the full layout", no_machine: "too few nodes", evaluation: "evaluation"};
const parts = Object.keys(part_names);
const color_of = (i) => "c" + i % 6;

const lives_tip = (f, what) => `${what}\nFrom ${f.lives} simulated lives, seed ${f.seed}` +
  (f.certain ? "; step times, tokens and failure rates as predicted." : "; step times, tokens and failure rates drawn from their intervals.") +
  `\nStep time by the plan (${f.stack}); failures as the catalogue says (see Sources).`;
const source_tip = (f, name) => {
  const found = f.sources.find((source) => source.name === name);
  return found ? `\n${found.name}: ${found.value ?? unknown} (${found.grade})\n${found.from}` : "";
};
const money_tip = (f) => lives_tip(f, "Rent, or the share of capital, from each node's arrival to the end, and energy.") + source_tip(f, "rent of a GPU") +
  source_tip(f, "capital of a GPU");

const by_time = (f) => f.ends.filter((end) => end.done).map((end) => end.time_s / day).sort((a, b) => a - b);

// Equal bins over all that is done.
const bins_of = (days) => {
  const low = Math.min(...days), high = Math.max(...days);
  const count = Math.max(1, Math.min(24, Math.round(2 * Math.cbrt(days.length))));
  const width = (high - low) / count || 1, first = high > low ? low : low - 0.5;
  const bins = Array.from({length: count}, (_, i) => ({from: first + i * width, to: first + (i + 1) * width, count: 0}));
  for (const d of days) ++bins[Math.min(count - 1, Math.floor((d - first) / width))].count;
  return bins;
};

// Upright lines with a word at their top: [{at, text}].
const marks = (list) => ({id: "marks", afterDatasetsDraw(chart) {
  const {ctx, chartArea, scales} = chart;
  ctx.save();
  ctx.font = `12px ${Chart.defaults.font.family}`;
  let free = -Infinity;
  for (const {at, text} of list) {
    const x = scales.x.getPixelForValue(at);
    ctx.strokeStyle = ctx.fillStyle = css("ink");
    ctx.lineWidth = 1.25;
    ctx.setLineDash([4, 3]);
    ctx.beginPath();
    ctx.moveTo(x, chartArea.top - 4);
    ctx.lineTo(x, chartArea.bottom);
    ctx.stroke();
    const width = ctx.measureText(text).width, left = Math.min(Math.max(x - width / 2, chartArea.left), chartArea.right - width);
    if (left < free) continue;
    ctx.fillText(text, left, chartArea.top - 10);
    free = left + width + 8;
  }
  ctx.restore();
}});

const histogram = (f) => {
  const bins = bins_of(by_time(f));
  const write = (d) => when(f.start_date, d * day);
  return chart({
    title: "When the lives end", note: `${f.done} of ${f.lives} lives; lines at 5, 50 and 95 %`,
    label: `Histogram of completion dates: 5 % end by ${write(f.completion_p5_s / day)}, half by ${write(f.completion_p50_s / day)}, 95 % by ${write(f.completion_p95_s / day)}`,
    columns: [{name: "from"}, {name: "to"}, {name: "lives"}], rows: bins.map((bin) => [write(bin.from), write(bin.to), whole(bin.count)]),
    config: () => {
      const edge = (bins[0].to - bins[0].from) * 0.6;
      return {type: "bar", data: {datasets: [{data: bins.map((bin) => ({x: (bin.from + bin.to) / 2, y: bin.count})), backgroundColor: css("c0"),
        barPercentage: 0.96, categoryPercentage: 1, borderRadius: 2}]},
      plugins: [marks([["p5", "5 %"], ["p50", "half"], ["p95", "95 %"]].map(([key, text]) => ({at: f[`completion_${key}_s`] / day, text})))],
      options: base({layout: {padding: {top: 26}}, scales: {x: {...time_axis(f.start_date, bins[0].from - edge, bins[bins.length - 1].to + edge), offset: false},
        y: axis("lives", {scale: {beginAtZero: true}, ticks: {precision: 0}})},
      plugins: {tooltip: {callbacks: {title: ([at]) => `${write(bins[at.dataIndex].from)} to ${write(bins[at.dataIndex].to)}`,
        label: (at) => `${at.parsed.y} lives`}}}})};
    }});
};

const account_bar = (list) => chart({
  title: list.length > 1 ? "Where the days go, on average" : "All of the time", height: 70 + 46 * list.length,
  note: list.length > 1 ? "Each bar is a mean life, and sums to the whole" : null,
  label: "Goodput account as stacked bars; the table below has its numbers",
  signs: parts.filter((part) => list.some(([, f]) => f.account[part + "_s"] > 0)).map((part) => [part_names[part], part]),
  columns: list.length > 1 ? [{name: "days"}, ...list.map(([name]) => ({name}))] : null,
  rows: list.length > 1 ? [...parts.map((part) => [part_names[part], ...list.map(([, f]) => three(f.account[part + "_s"] / day))]),
    {total: true, cells: ["whole", ...list.map(([, f]) => three(f.account_whole_s / day))]}] : null,
  config: () => ({type: "bar", data: {labels: list.map(([name]) => name), datasets: parts.map((part) => ({label: part_names[part],
    data: list.map(([, f]) => f.account[part + "_s"] / day), backgroundColor: css(part), borderColor: css("paper"), borderWidth: {right: 1}, barThickness: 26}))},
  options: base({indexAxis: "y", scales: {x: {...axis("days"), stacked: true}, y: {...axis("", {grid: false}), stacked: true, display: list.length > 1}},
    plugins: {tooltip: {callbacks: {label: (at) => `${at.dataset.label}: ${seconds(at.parsed.x * day)} (${share(at.parsed.x * day / list[at.dataIndex][1].account_whole_s)})`}}}})})});

const account_table = (f) => {
  const lost = parts.filter((part) => part !== "useful"), most = Math.max(...lost.map((part) => f.account[part + "_s"]));
  const row = (part) => {
    const time = f.account[part + "_s"], name = named(part, part_names[part]);
    const bar = part === "useful" || most === 0 ? "" : make("i", {class: "bar", style: `background:var(--${part});width:${100 * time / most}%`});
    return [name, sourced(seconds(time), lives_tip(f, `Mean of ${part_names[part]} a life.`)), share(time / f.account_whole_s), bar];
  };
  return table([{name: "a mean life"}, {name: "time"}, {name: "share"}, {name: "losses beside each other", bars: true}],
    [...parts.map(row), {total: true, cells: ["whole", seconds(f.account_whole_s), share(f.account_whole_s ? 1 : 0), ""]}]);
};

const horizontal = (names) => ({height: 60 + 26 * names.length});
const causes = (f) => {
  const all = f.causes.filter((cause) => cause.lost_s > 0 || cause.hits > 0), list = all.slice(0, 12);
  if (!list.length) return make("p", {}, "Nothing failed.");
  return chart({
    title: "Causes by hours lost", note: "Detection, restart, replay and missing nodes that followed, a mean life" + (all.length > list.length ? "; the first 12" : ""),
    ...horizontal(list), label: `Causes by hours lost; the most: ${list[0].name}, ${seconds(list[0].lost_s)}`,
    columns: [{name: "cause"}, {name: "strikes a life"}, {name: "lost a life"}], rows: all.map((cause) => [cause.name, three(cause.hits), seconds(cause.lost_s)]),
    config: () => ({type: "bar", data: {labels: list.map((cause) => cause.name), datasets: [{data: list.map((cause) => cause.lost_s / 3600), backgroundColor: css("c1"),
      barThickness: 14, borderRadius: 2}]},
    options: base({indexAxis: "y", scales: {x: axis("hours"), y: axis("", {grid: false, ticks: {autoSkip: false, callback(value) { return short(this.getLabelForValue(value)); }}})},
      plugins: {tooltip: {callbacks: {label: (at) => `${seconds(at.parsed.x * 3600)}, ${three(list[at.dataIndex].hits)} strikes`}}}})})});
};
const short = (text, most = compact.matches ? 18 : 34) => text.length > most ? text.slice(0, most - 1) + "…" : text;

// One life: GPUs that are there, and what failed.
const steps_of = (list, end) => {
  const points = list.filter((one) => one.at_s <= end).map((one) => ({x: one.at_s / day, y: one.gpus}));
  if (!points.length) return [];
  return [...(points[0].x > 0 ? [{x: 0, y: 0}] : []), ...points, {x: end / day, y: points[points.length - 1].y}];
};
const stepped = (name, points, color, i) => ({label: name, data: points, stepped: "before", borderColor: css(color), backgroundColor: css(color), borderDash: dashes[i],
  borderWidth: 2.5, pointRadius: 0, pointHitRadius: 8});
const deliveries = (f) => {
  const end = f.told.time_s, need = f.needed_nodes * f.gpus_per_node;
  const lines = [["delivered", steps_of(f.deliveries, end), "c0"], ["powered", steps_of(f.powered, end), "c2"],
    ["the full layout needs", [{x: 0, y: need}, {x: end / day, y: need}], "c1"]].filter(([, points]) => points.length);
  return chart({
    title: "GPUs that are there", note: "As planned; what trains is the smaller of delivered and powered", height: 240, label: "GPUs delivered and powered over time",
    signs: lines.map(([name, , color], i) => [name, color, "line", i]),
    columns: [{name: "from"}, {name: "what", left: true}, {name: "GPUs"}],
    rows: lines.slice(0, -1).flatMap(([name], i) => (i === 0 ? f.deliveries : f.powered).map((one) => [when(f.start_date, one.at_s), name, whole(one.gpus)])),
    config: () => ({type: "line", data: {datasets: lines.map(([name, points, color], i) => stepped(name, points, color, i))},
      options: base({scales: {x: time_axis(f.start_date, 0, end / day), y: axis("", {scale: {beginAtZero: true}, ticks: {callback: whole}})},
        plugins: {tooltip: {callbacks: {title: ([at]) => when(f.start_date, at.parsed.x * day), label: (at) => `${whole(at.parsed.y)} GPUs ${at.dataset.label}`}}}})})});
};
const failures = (f) => {
  const list = f.told.failures_by_day, end = f.told.time_s / day;
  const width = Math.max(1, Math.ceil(list.length / (compact.matches ? 60 : 160))), bars = [];
  for (let i = 0; i < list.length; i += width) bars.push({x: i + width / 2, y: list.slice(i, i + width).reduce((a, b) => a + b, 0)});
  return chart({
    title: width === 1 ? "Failures a day" : `Failures in ${width} days`, height: 170, label: `Failures over one life: ${f.told.failures} struck what trains`,
    columns: [{name: "from"}, {name: "failures"}], rows: bars.map((bar) => [when(f.start_date, (bar.x - width / 2) * day), whole(bar.y)]),
    config: () => ({type: "bar", data: {datasets: [{data: bars, backgroundColor: css("soft"), barPercentage: 0.9, categoryPercentage: 1}]},
      options: base({scales: {x: {...time_axis(f.start_date, 0, end), offset: false}, y: axis("", {scale: {beginAtZero: true}, ticks: {precision: 0}})},
        plugins: {tooltip: {callbacks: {title: ([at]) => when(f.start_date, (at.parsed.x - width / 2) * day), label: (at) => `${at.parsed.y} failures`}}}})})});
};
const story = (f) => {
  const told = f.told;
  if (!told.story.length) return null;
  const left = told.story_events - told.story.length;
  return make("details", {class: "long-list"}, make("summary", {}, `The story of this life, event by event (${whole(told.story_events)} events)`),
    table([{name: "when"}, {name: "what", text: true}], told.story.map((event) => [f.start_date ? `${date_begun(f.start_date, event.at_s)} ${clock(event.at_s)}` :
      seconds(event.at_s), event.text]), {tall: true, label: "The story of one life"}),
    left > 0 ? make("p", {class: "soft small"}, `The first ${whole(told.story.length)}; ${whole(left)} more are not on this page: celere simulate --timeline ${told.life} tells all.`) : null);
};
const date_begun = (start, s) => new Date(Date.parse(start + "T00:00:00Z") + Math.floor(s / day) * day * 1000).toISOString().slice(0, 10);
const clock = (s) => new Date(Math.floor(s % day) * 1000).toISOString().slice(11, 19);
const facts = (...of) => make("div", {class: "facts"}, table(...of));
const told_facts = (f) => {
  const t = f.told;
  const rows = [["ends", t.done ? when(f.start_date, t.time_s) : `not done: ${t.why_not ?? unknown}`], ["failures that struck what trains", whole(t.failures)],
    ["starts", whole(t.starts)], ["went on without a replica, or took one back", whole(t.regroups)], ["checkpoints", whole(t.checkpoints)],
    ["steps done again", whole(t.steps_again)], ["nodes drained", whole(t.drained)]];
  for (const [key, name] of [["misdiagnosed", "a healthy node was named"], ["undetected", "silent corruption that no check found"], ["unhealed", "spikes that were lived with"]]) {
    if (t[key] > 0) rows.push([name, whole(t[key])]);
  }
  if (!f.certain) rows.push(["its world: step time, tokens, failures", `× ${three(t.step_factor)}, × ${three(t.tokens_factor)}, × ${three(t.failures_factor)}`]);
  return facts([{name: `life ${t.life} of seed ${f.seed}`}, {name: "value"}], rows);
};

// What moves the end.
const shifts_table = (list, days) => table([{name: "assumption"}, {name: "low"}, {name: "as it is"}, {name: "high"}, {name: "low moves it by"}, {name: "high moves it by"}],
  list.map((one) => [one.name, one.low, sourced(one.is, `${one.name} (${one.grade})\n${one.from}`), one.high, days(one.low_moves_s), days(one.high_moves_s)]));
const tornado = (f) => {
  const list = f.sensitivity.slice(0, 12);
  const days = (s) => `${signed(s / day, three)} days`;
  return [chart({
    title: "What moves the median end", note: "Each assumption at the low and at the high end of its interval, all others as they are", ...horizontal(list),
    label: `Sensitivity: ${list[0].name} moves the end most, by ${days(list[0].low_moves_s)} to ${days(list[0].high_moves_s)}`,
    signs: [["at its low end", "c0"], ["at its high end", "c1"]],
    config: () => ({type: "bar", data: {labels: list.map((one) => one.name), datasets: [["low", "c0"], ["high", "c1"]].map(([end, color]) => ({label: end,
      data: list.map((one) => one[end + "_moves_s"] / day), backgroundColor: css(color), barThickness: 14, grouped: false, borderRadius: 2}))},
    options: base({indexAxis: "y", scales: {x: axis("days that the median end moves"), y: axis("", {grid: false, ticks: {autoSkip: false,
      callback(value) { return short(this.getLabelForValue(value)); }}})},
    plugins: {tooltip: {callbacks: {label: (at) => `${list[at.dataIndex][at.dataset.label]}: ${days(at.parsed.x * day)}`}}}})})}),
  shifts_table(list, days), f.sensitivity.length > list.length ? make("details", {class: "more"},
    make("summary", {}, `${f.sensitivity.length - list.length} more, which move it less`), shifts_table(f.sensitivity.slice(list.length), days)) : null];
};

// At most so many, evenly.
const some = (list, most) => list.filter((_, i) => i % Math.ceil(list.length / most) === 0);
const curve = (f, kind, {title, note, name, write}) => {
  const {points, present, best} = f.tuning[kind];
  const done = points.filter((p) => p.done > 0), at = (value) => done.find((p) => p[kind] === value);
  const spot = (value, label, color, shape) => ({label, data: at(value) ? [{x: value, y: at(value).time_mean_s / day}] : [], showLine: false, pointStyle: shape,
    pointRadius: 7, pointBorderWidth: 2, pointBorderColor: css(color), pointBackgroundColor: css(color)});
  const edge = (way) => ({label: "", data: done.map((p) => ({x: p[kind], y: (p.time_mean_s + way * p.time_mean_error_s) / day})), borderWidth: 0, pointRadius: 0,
    pointHitRadius: 0, fill: way > 0 ? "+1" : false, backgroundColor: css("c0") + "2e"});
  return chart({
    title, note: `${note} Present: ${write(present)}; best: ${write(best)}.`, height: 250, label: `${title}: the best is ${write(best)}, the present ${write(present)}`,
    signs: [["mean time, ± one standard error", "c0", "line", 0], ["present", "c1"], ["best", "c2"]],
    columns: [{name}, {name: "mean time"}, {name: "± error"}, {name: "ETTR"}, {name: "dollars"}, {name: "lives done"}],
    rows: points.map((p) => [write(p[kind]) + (p[kind] === best ? " (best)" : p[kind] === present ? " (present)" : ""), seconds(p.time_mean_s), seconds(p.time_mean_error_s),
      share(p.ettr_mean), dollars(p.dollars_mean), whole(p.done)]),
    config: () => ({type: "line", data: {datasets: [spot(best, "best", "c2", "triangle"), spot(present, "present", "c1", "rectRot"),
      {label: "mean", data: done.map((p) => ({x: p[kind], y: p.time_mean_s / day})), borderColor: css("c0"), backgroundColor: css("c0"), borderWidth: 2, pointRadius: 3},
      edge(1), edge(-1)]},
    options: base({scales: {x: axis(name, {grid: false, ticks: {callback: write, autoSkip: false},
      scale: kind === "interval_s" ? {type: "logarithmic", afterBuildTicks: (scale) => { scale.ticks = some(done.map((p) => ({value: p[kind]})), Math.max(2, Math.floor(scale.chart.width / 110))); }} 
        : {type: "linear"}}),
      y: axis("days", {scale: {grace: "10%"}})},
    plugins: {tooltip: {filter: (at) => at.dataset.label !== "", callbacks: {title: ([p]) => write(p.parsed.x), label: (p) => `${p.dataset.label}: ${three(p.parsed.y)} days`}}}})})});
};
const curves = (f) => make("div", {class: "two"},
  curve(f, "interval_s", {title: "Interval between checkpoints", note: "At the full layout's pace.", name: "between checkpoints", write: seconds}),
  curve(f, "spares_nodes", {title: "Spare nodes", note: "Beside the full layout.", name: "spare nodes", write: known((value) => Number.isInteger(value) ? whole(value) : "")}));

// The layout.
const memory_groups = [["weights", ["parameters", "fp8_weights"], "c0"], ["gradients", ["gradients"], "c2"],
  ["optimizer and master weights", ["master_weights", "optimizer_state", "checkpoint_copy"], "c3"], ["activations", ["activations", "expert_imbalance"], "c1"]];
const memory = (plan) => {
  const stages = plan.memory_by_stage, named = new Set(memory_groups.flatMap(([, keys]) => keys));
  const groups = [...memory_groups, ["working space, buffers, reserved", Object.keys(stages[0]).filter((key) => !named.has(key)), "c5"]];
  const sum = (stage, keys) => keys.reduce((total, key) => total + (stage[key] || 0), 0), all = (stage) => sum(stage, Object.keys(stage));
  const most = Math.max(...stages.map(all));
  return chart({
    title: "Memory of a GPU by pipeline stage", note: `The most is ${bytes(most)} of ${bytes(plan.memory_limit_bytes)}`, height: 260,
    label: `Memory by pipeline stage, the most ${bytes(most)} of ${bytes(plan.memory_limit_bytes)}`, signs: [...groups.map(([name, , color]) => [name, color]), ["what there is", "ink", "line", 1]],
    columns: [{name: "stage"}, ...groups.map(([name]) => ({name, wrap: true})), {name: "all"}],
    rows: stages.map((stage, i) => [String(i), ...groups.map(([, keys]) => bytes(sum(stage, keys))), bytes(all(stage))]),
    config: () => ({type: "bar", data: {labels: stages.map((_, i) => i), datasets: [...groups.map(([name, keys, color]) => ({label: name, stack: "all",
      data: stages.map((stage) => sum(stage, keys) / 2 ** 30), backgroundColor: css(color), maxBarThickness: 44})),
    {type: "line", label: "there is", data: stages.map(() => plan.memory_limit_bytes / 2 ** 30), borderColor: css("ink"), borderDash: [5, 4], borderWidth: 1.25, pointRadius: 0}]},
    options: base({scales: {x: {...axis("pipeline stage", {grid: false}), stacked: true}, y: {...axis("GiB"), stacked: true}},
      plugins: {tooltip: {callbacks: {label: (at) => `${at.dataset.label}: ${three(at.parsed.y)} GiB`}}}})})});
};
const pareto = (plan) => {
  const list = plan.pareto;
  return chart({
    title: "Time against memory", note: "Layouts of which none is better in both; the first is taken. Days with all GPUs there, deliveries apart.", height: 260,
    label: `Pareto front of ${list.length} layouts: days against memory`, signs: [["the one that is taken", "c1"], ["others", "c0"]],
    columns: [{name: "layout", text: true}, {name: "days"}, {name: "memory"}], rows: list.map((one) => [breakable(one.layout), three(one.days), bytes(one.memory_bytes)]),
    config: () => ({type: "scatter", data: {datasets: [{data: list.slice(1).map((one) => ({x: one.memory_bytes / 2 ** 30, y: one.days, one})), backgroundColor: css("c0"), pointRadius: 5},
      {data: list.slice(0, 1).map((one) => ({x: one.memory_bytes / 2 ** 30, y: one.days, one})), backgroundColor: css("c1"), pointStyle: "rectRot", pointRadius: 8}]},
    options: base({scales: {x: axis("GiB of a GPU", {grid: false, scale: {grace: "8%"}}), y: axis("days", {scale: {grace: "12%"}})},
      plugins: {tooltip: {callbacks: {label: (at) => [...wrapped(at.raw.one.layout, 48), `${three(at.raw.one.days)} days, ${bytes(at.raw.one.memory_bytes)}`]}}}})})});
};
// May be broken behind each comma.
const breakable = (text) => make("span", {}, text.split(",").flatMap((word, i) => i ? [",", make("wbr"), word] : [word]));
const wrapped = (text, most) => text.split(",").reduce((lines, word) => {
  if (lines.length && lines[lines.length - 1].length + word.length < most) lines[lines.length - 1] += "," + word; else lines.push(word);
  return lines;
}, []);
const layout_facts = (f) => facts([{name: "the plan"}, {name: "value", text: true}], [["model", f.model], ["cluster", f.cluster_title], ["software", f.stack], ["layout", breakable(f.layout)],
  ["GPUs that train", sourced(whole(f.ranks), "Of the layout that the planner found best.")], ["spare GPUs", whole(f.spares)],
  ["global batch", `${whole(f.global_batch_sequences)} sequences`], ["tokens", sourced(tokens(f.tokens), "With what a batch near the critical one costs." + source_tip(f, "critical batch"))],
  ["steps", whole(f.steps)], ["step time", sourced(seconds(f.step_time_s), `Predicted by the plan with ${f.stack}.` +
    source_tip(f, "measured over predicted step time, low end") + source_tip(f, "measured over predicted step time, high end"))],
  ["MFU", sourced(share(f.mfu), "Useful FLOPs over the peak of the ranks, while nothing fails.")]]);

const list_of = (items) => make("ul", {class: "plain"}, items.map((item) => make("li", {}, item)));
const sources_table = (sources) => table([{name: "number"}, {name: "value"}, {name: "low to high"}, {name: "grade", left: true}, {name: "from", text: true}],
  sources.map((source) => [source.name, source.value ?? unknown, source.low === null ? "" : `${source.low} to ${source.high}`, make("span", {class: "tag"}, source.grade), source.from]));
