// The page of a comparison.
const all = data.comparison, main = byId("main");
// Who ends first has the first colour and the unbroken line.
const order = [...all.by_time, ...all.contenders.map((one) => one.name).filter((name) => !all.by_time.includes(name))];
const entries = all.contenders.map((one, i) => ({...one, i, f: one.forecast, plan: data.plans[i], rank: order.indexOf(one.name), color: color_of(order.indexOf(one.name))}));
const able = entries.filter((one) => one.f), ended = all.by_time.map((name) => entries.find((one) => one.name === name));
const start = all.start_date, best = ended[0];
const tip_of = (one, what) => lives_tip(one.f, what);
const first_in = (one) => one === best ? "–" : share(all.before[one.i][best.i]);

byId("answer").classList.add("long");
byId("eyebrow").textContent = `${all.run} · ${entries.length} clusters compared`;
byId("lead").textContent = `The same model and tokens on each, from ${start}, each with its own best layout and batch, deliveries, failures and prices. ` +
  `${whole(all.replicas)} simulated lives each; life by life all are lived in the same world.`;

// From the 5 to the 95 % end, all on one scale.
const scale = (key) => {
  const known_ones = ended.filter((one) => one.f[key("p50")] !== null);
  const low = Math.min(...known_ones.map((one) => one.f[key("p5")])), high = Math.max(...known_ones.map((one) => one.f[key("p95")]));
  return (value) => high > low ? 3 + 94 * (value - low) / (high - low) : 50;
};
const range_bar = (one, key, place) => {
  const [low, middle, high] = ["p5", "p50", "p95"].map((p) => place(one.f[key(p)]));
  return make("span", {class: "reach", "aria-hidden": "true"}, make("i", {style: `left:${low}%;width:${Math.max(0.5, high - low)}%;background:var(--${one.color})`}),
    make("b", {style: `left:${middle}%;background:var(--${one.color})`}));
};
const titled = (one) => named(one.color, one.name);
const summary = () => {
  const place = scale((p) => `completion_${p}_s`);
  return table([{name: "cluster"}, {name: "done by, half of all lives"}, {name: "nine of ten"}, {name: "from 5 to 95 %, one scale for all", bars: true},
    {name: "ahead of the first", wrap: true, tip: "The share of worlds in which it ends before the one in the first row."}, {name: "costs"}, {name: "uses"}, {name: "ETTR"}],
  [...ended.map((one) => [titled(one), make("b", {}, sourced(when(start, one.f.completion_p50_s), tip_of(one, `${one.title}: the median of the lives that were done.`))),
    `${when(start, one.f.completion_p5_s)} – ${when(start, one.f.completion_p95_s)}`, range_bar(one, (p) => `completion_${p}_s`, place),
    first_in(one), sourced(dollars(one.f.dollars_p50), money_tip(one.f)),
    sourced(energy(one.f.energy_p50_mwh), tip_of(one, "Power of all nodes from their arrival to the end.") + source_tip(one.f, "power of a GPU, all included")),
    sourced(share(one.f.ettr_p50), tip_of(one, "Useful time over all time since there were nodes enough to begin: half of all lives."))]),
  ...able.filter((one) => one.f.done === 0).map((one) => [titled(one), "never", "", "", "", "", "", ""])]);
};

const cumulative = () => {
  const lines = ended.map((one) => ({one, days: by_time(one.f)}));
  const low = Math.min(...lines.map((line) => line.days[0])), high = Math.max(...lines.map((line) => line.days[line.days.length - 1]));
  const edge = Math.max(1, (high - low) * 0.04), from = Math.max(0, low - edge), to = high + edge;
  return chart({
    title: "The share of lives that are done by a day", note: "Where a line crosses 50 %, half of its lives have ended", height: compact.matches ? 280 : 360,
    label: "Cumulative distributions of completion dates. " + ended.map((one) => `${one.name}: 5 % by ${when(start, one.f.completion_p5_s)}, half by ` +
      `${when(start, one.f.completion_p50_s)}, 95 % by ${when(start, one.f.completion_p95_s)}`).join("; "),
    signs: ended.map((one) => [one.name, one.color, "line", one.rank]),
    columns: [{name: "cluster"}, {name: "5 %"}, {name: "half"}, {name: "95 %"}, {name: "lives done"}],
    rows: ended.map((one) => [one.name, ...["p5", "p50", "p95"].map((p) => when(start, one.f[`completion_${p}_s`])), `${one.f.done} of ${one.f.lives}`]),
    config: () => ({type: "line", data: {datasets: lines.map(({one, days}) => ({label: one.name, borderColor: css(one.color), backgroundColor: css(one.color),
      borderDash: dashes[one.rank % dashes.length], borderWidth: 2.5, pointRadius: 0, pointHitRadius: 6, stepped: "before", data: [{x: from, y: 0}, {x: days[0], y: 0},
        ...days.map((d, i) => ({x: d, y: 100 * (i + 1) / days.length * one.f.done / one.f.lives})), ...(one.f.done < one.f.lives ? [{x: to, y: 100 * one.f.done / one.f.lives}] : [])]}))},
    options: base({scales: {x: time_axis(start, from, to), y: axis("", {scale: {min: 0, max: 100}, ticks: {stepSize: 25, callback: (value) => value + " %"}})},
      plugins: {tooltip: {callbacks: {title: ([at]) => when(start, at.parsed.x * day), label: (at) => `${at.dataset.label}: ${at.parsed.y.toFixed(0)} % are done`}}}})})});
};

const matrix = (shares, order, caption) => table([{name: caption}, ...order.map((one) => ({name: one.name, wrap: true}))],
  order.map((one) => [titled(one), ...order.map((other) => {
    const value = shares[one.i][other.i];
    if (one === other) return "–";
    return value === null ? unknown : make("span", {style: `background:color-mix(in srgb, var(--accent) ${Math.round(38 * value)}%, transparent)`}, share(value));
  })]), {class: "matrix"});

// `units`: [factor, name], the largest first; the first that is not too large serves.
const amounts = (title, note, key, write, units) => {
  const list = ended.filter((one) => one.f[key("p50")] !== null), missing = ended.filter((one) => one.f[key("p50")] === null);
  if (!list.length) return make("p", {class: "soft"}, `${title}: unknown for all.`);
  const most = Math.max(...list.map((one) => one.f[key("p95")]));
  const [factor, unit] = units.find(([size]) => most >= 2 * size) || units[units.length - 1];
  return chart({
    title, note: note + (missing.length ? `; unknown for ${missing.map((one) => one.name).join(", ")}` : ""), height: 60 + 38 * list.length,
    label: `${title}: ` + list.map((one) => `${one.name} ${write(one.f[key("p50")])}`).join(", "),
    columns: [{name: "cluster"}, {name: "5 %"}, {name: "half"}, {name: "95 %"}], rows: list.map((one) => [one.name, ...["p5", "p50", "p95"].map((p) => write(one.f[key(p)]))]),
    config: () => ({type: "bar", data: {labels: list.map((one) => short(one.name, compact.matches ? 14 : 30)), datasets: [{data: list.map((one) => [one.f[key("p5")] / factor, one.f[key("p95")] / factor]),
      backgroundColor: list.map((one) => css(one.color) + "66"), barThickness: 12, borderRadius: 4, borderSkipped: false, minBarLength: 3},
    {type: "scatter", data: list.map((one, i) => ({x: one.f[key("p50")] / factor, y: i})), pointStyle: list.map((one) => shapes[one.rank % shapes.length]), pointRadius: 7,
      pointBackgroundColor: list.map((one) => css(one.color)), pointBorderColor: css("paper"), pointBorderWidth: 2}]},
    options: base({indexAxis: "y", scales: {x: axis(unit, {scale: {beginAtZero: true}}), y: axis("", {grid: false, ticks: {autoSkip: false}})},
      plugins: {tooltip: {callbacks: {title: ([at]) => list[at.dataIndex].name, label: (at) => `${write(list[at.dataIndex].f[key("p50")])} (${write(list[at.dataIndex].f[key("p5")])} to ` +
        `${write(list[at.dataIndex].f[key("p95")])})`}}}})})});
};

const arrivals = () => {
  const end = Math.max(...able.map((one) => one.f.told.time_s));
  return chart({
    title: "GPUs delivered", note: "As planned, up to what each layout and its spares need", height: 280, label: "GPUs delivered to each cluster over time",
    signs: able.map((one) => [one.name, one.color, "line", one.rank]), columns: [{name: "cluster"}, {name: "from"}, {name: "GPUs"}],
    rows: able.flatMap((one) => one.f.deliveries.map((tranche) => [one.name, when(start, tranche.at_s), whole(tranche.gpus)])),
    config: () => ({type: "line", data: {datasets: able.map((one) => stepped(one.name, steps_of(one.f.deliveries, end), one.color, one.rank % dashes.length))},
      options: base({scales: {x: time_axis(start, 0, end / day), y: axis("", {scale: {beginAtZero: true}, ticks: {callback: whole}})},
        plugins: {tooltip: {callbacks: {title: ([at]) => when(start, at.parsed.x * day), label: (at) => `${at.dataset.label}: ${whole(at.parsed.y)} GPUs`}}}})})});
};

const layouts = () => table([{name: "cluster"}, {name: "GPUs that train"}, {name: "batch, sequences"}, {name: "tokens"}, {name: "step"}, {name: "MFU"}, {name: "failures in one life"},
  {name: "layout", text: true}], able.map((one) => [titled(one), whole(one.f.ranks), whole(one.f.global_batch_sequences), tokens(one.f.tokens),
  sourced(seconds(one.f.step_time_s), `Predicted by the plan with ${one.f.stack}.` + source_tip(one.f, "measured over predicted step time, low end")), share(one.f.mfu),
  whole(one.f.told.failures), breakable(one.f.layout)]));

// Everything about one contender, for whoever opens it.
const folded = (one) => {
  const box = make("details", {}, make("summary", {}, make("b", {}, one.name), ` ${one.title}`));
  let filled = false;
  box.addEventListener("toggle", () => {
    if (!box.open || filled) return;
    filled = true;
    const from = drawn.length;
    append(box, one.f.done ? make("div", {class: "two stack"}, make("div", {}, make("h3", {}, "Where the time goes"), account_table(one.f)), causes(one.f)) : null,
      make("div", {class: "two"}, make("div", {}, deliveries(one.f), failures(one.f)), make("div", {}, make("h3", {}, "One life"), told_facts(one.f))), story(one.f),
      one.f.sensitivity.length ? tornado(one.f) : null, one.f.tuning ? curves(one.f) : null,
      make("div", {class: "two"}, one.plan.memory_by_stage.length ? memory(one.plan) : null, one.plan.pareto.length ? pareto(one.plan) : null), layout_facts(one.f),
      make("h3", {}, "Sources"), sources_table(one.f.sources));
    draw(from);
  });
  return box;
};
const on_screen = (element) => { element.classList.add("on-screen"); return element; };
const common = able.length ? able[0].f.assumptions.filter((text) => able.every((one) => one.f.assumptions.includes(text))) : [];
const unable = entries.filter((one) => !one.f);

append(main, make("section", {class: "first", "aria-label": "The answer in numbers"}, ended.length ? summary() : null,
  unable.map((one) => make("p", {class: "notice"}, make("b", {}, one.name), ` cannot do it: ${one.why_not ?? unknown}`)),
  able.filter((one) => one.f.done < one.f.lives).map((one) => make("p", {class: "notice"}, make("b", {}, one.name),
    `: ${one.f.lives - one.f.done} of ${one.f.lives} lives were not done${one.f.told.why_not ? " (" + one.f.told.why_not + ")" : ""}.`)), ended.length ? cumulative() : null),
  ended.length > 1 ? section("sure", "How sure that is", "The share of worlds in which the cluster of the row is ahead of that of the column; ties count half.",
    make("div", {class: "two stack"}, matrix(all.before, ended, "ends before"), matrix(all.cheaper, ended, "is cheaper than"))) : null,
  all.crossings.length ? section("flips", "What would flip the answer", "Where the answer of two clusters changes in half of all worlds.", list_of(all.crossings.map((one) => one.text))) : null,
  ended.length ? section("money", "Dollars and energy", null, make("div", {class: "two"},
    amounts("Dollars", "Half of all lives, and from 5 to 95 %", (p) => `dollars_${p}`, dollars, [[1e9, "billion dollars"], [1e6, "million dollars"], [1e3, "thousand dollars"], [1, "dollars"]]),
    amounts("Energy", "Half of all lives, and from 5 to 95 %", (p) => `energy_${p}_mwh`, energy, [[1e6, "TWh"], [1e3, "GWh"], [1, "MWh"], [1e-3, "kWh"]]))) : null,
  ended.length ? section("time", "Where the time goes", null, account_bar(ended.map((one) => [one.name, one.f]))) : null,
  able.length ? section("there", "Deliveries and failures", null, arrivals(), best ? [make("h3", {}, `One life on ${best.name}`), failures(best.f), story(best.f)] : null) : null,
  best && best.f.sensitivity.length ? section("sensitivity", `What would change the date of ${best.name}`, null, tornado(best.f)) : null,
  able.length ? section("layout", "The layouts", "Each with its own best layout and batch; a batch near the critical one needs more tokens.", layouts()) : null,
  on_screen(section("each", "Each cluster in detail", null, able.map(folded))),
  section("assumptions", "Assumptions", "What nobody published, and what a reader must know about where the numbers stand.", common.length ? [make("h3", {}, "Of all"), list_of(common)] : null,
    able.map((one) => {
      const own = one.f.assumptions.filter((text) => !common.includes(text));
      return own.length ? [make("h3", {}, one.name), list_of(own)] : null;
    })));
byId("foot").textContent = `Celere; seed ${all.seed}, ${whole(all.replicas)} lives of each. The same files and seed give the same page.` +
  (data.thinned ? " Distributions are drawn from some of the lives, evenly spaced; all numbers are of all lives." : "");
begin();
