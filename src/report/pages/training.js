// The page of a training that ran, or runs.
const t = data, main = byId("main");
const loss = known((value) => Math.abs(value) < 0.01 ? three(value) : value.toFixed(3));
const count = (n, one, many) => `${whole(n)} ${n === 1 ? one : many}`;
const states = {running: "it runs", left: "its supervisor is gone, and it had not ended", ended: "it has ended", unsupervised: "it has not ended, and nobody supervises it",
  fresh: "nothing has happened yet"};
byId("answer").classList.add("long");
byId("eyebrow").textContent = [t.run, t.run_directory].join(" · ");
byId("lead").textContent = t.ended ? `Ended ${t.ended.time}: ${t.ended.how.replace("_", " ")}${t.ended.why ? ", " + t.ended.why : ""}.` : `When this page was made, ${states[t.state]}.`;

const measured = "The median of all steps in metrics.jsonl.";
const first = make("section", {class: "first", "aria-label": "The answer in numbers"}, tiles([
  ["loss, validation", loss(t.loss_validation), `training: ${loss(t.loss)}`, "The last of each in metrics.jsonl, in nats a token."],
  ["a step took", seconds(t.step_time_p50_s), t.step_time_p5_s === null ? null : `${seconds(t.step_time_p5_s)} to ${seconds(t.step_time_p95_s)}`,
    measured + " Under it: from the 5 to the 95 % end."],
  ["predicted", seconds(t.step_time_predicted_s), t.measured_over_predicted === null ? t.predicted_from : `${t.measured_over_predicted.toFixed(2)} times as long measured`, t.predicted_from],
  ["trained", tokens(t.tokens), `step ${whole(t.last_step)}${t.total_steps ? " of " + whole(t.total_steps) : ""}`, "Consumed, in metrics.jsonl."],
  ["failures survived", whole(t.recoveries), t.recoveries ? `${seconds(t.recovery_time_s)}, ${count(t.steps_again, "step again", "steps again")}` : null,
    "Each from the failure to the first step after it, in events.jsonl."]]));

const step_axis = () => axis("step", {grid: false, scale: {type: "linear", min: 0, max: t.last_step}, ticks: {callback: whole}});
const each = t.steps_in_all > t.bins.length ? `each point ${Math.ceil(t.steps_in_all / t.bins.length)} steps` : "every step";
const hits = t.failures.filter((one) => ["worker_ended", "hang", "mismatch", "loss_spike"].includes(one.event) && one.step !== null);
const some_rows = (list) => list.filter((_, i) => i % Math.ceil(list.length / 40) === 0 || i === list.length - 1);
const loss_chart = () => chart({
  title: "Loss", note: `Nats a token, ${each}`, label: `Loss over steps: training ${loss(t.loss)}, validation ${loss(t.loss_validation)} at the end`,
  signs: [["training", "c0", "line", 0], ...(t.validations.length ? [["validation", "c1", "line", 1]] : []), ...(hits.length ? [["a failure struck", "c3"]] : [])],
  columns: [{name: "step"}, {name: "training loss"}], rows: some_rows(t.bins).map(([step, value]) => [whole(step), loss(value)]),
  config: () => ({type: "line", data: {datasets: [{label: "training", data: t.bins.filter((bin) => bin[1] !== null).map(([x, y]) => ({x, y})), borderColor: css("c0"), borderWidth: 1.75,
    pointRadius: 0, pointHitRadius: 5}, {label: "validation", data: t.validations.map(([x, y]) => ({x, y})), borderColor: css("c1"), backgroundColor: css("c1"), borderDash: dashes[1],
    borderWidth: 2, pointRadius: 2.5}]},
  plugins: [{id: "hits", afterDatasetsDraw({ctx, chartArea, scales}) {
    ctx.save();
    ctx.fillStyle = css("c3");
    for (const {step} of hits) {
      const x = scales.x.getPixelForValue(step);
      ctx.beginPath();
      ctx.moveTo(x, chartArea.bottom - 10); ctx.lineTo(x - 5, chartArea.bottom); ctx.lineTo(x + 5, chartArea.bottom);
      ctx.fill();
    }
    ctx.restore();
  }}],
  options: base({scales: {x: step_axis(), y: axis("")}, plugins: {tooltip: {callbacks: {title: ([at]) => `step ${whole(at.parsed.x)}`, label: (at) => `${at.dataset.label}: ${loss(at.parsed.y)}`}}}})})});

const time_chart = () => {
  const timed = t.bins.filter((bin) => bin[3] !== null), line = (i) => timed.map((bin) => ({x: bin[0], y: bin[i] * 1e3}));
  const flat = (value) => value === null ? [] : [{x: 0, y: value * 1e3}, {x: t.last_step, y: value * 1e3}];
  const band = (data, color, fill) => ({label: "", data, borderWidth: 0, pointRadius: 0, pointHitRadius: 0, fill, backgroundColor: css(color) + "2b"});
  return chart({
    title: "Time of a step, measured and predicted", note: `Median of neighbours (${each}) with the band from their 10 to 90 %` + (t.step_time_predicted_s === null ? "" :
      `; the prediction with its interval of 80 %: ${seconds(t.step_time_predicted_low_s)} to ${seconds(t.step_time_predicted_high_s)}`),
    label: `A step took ${seconds(t.step_time_p50_s)}; predicted ${seconds(t.step_time_predicted_s)}`,
    signs: [["measured", "c0", "line", 0], ...(t.step_time_predicted_s === null ? [] : [["predicted", "c1", "line", 1]])],
    columns: [{name: "step"}, {name: "10 %"}, {name: "median"}, {name: "90 %"}], rows: some_rows(timed).map((bin) => [whole(bin[0]), ...[2, 3, 4].map((i) => seconds(bin[i]))]),
    config: () => ({type: "line", data: {datasets: [{label: "measured", data: line(3), borderColor: css("c0"), borderWidth: 1.75, pointRadius: 0, pointHitRadius: 5},
      {label: "predicted", data: flat(t.step_time_predicted_s), borderColor: css("c1"), borderDash: dashes[1], borderWidth: 2, pointRadius: 0},
      band(line(4), "c0", "+1"), band(line(2), "c0", false), band(flat(t.step_time_predicted_high_s), "c1", "+1"), band(flat(t.step_time_predicted_low_s), "c1", false)]},
    options: base({scales: {x: step_axis(), y: axis("milliseconds", {scale: {beginAtZero: true}})}, plugins: {tooltip: {filter: (at) => at.dataset.label !== "",
      callbacks: {title: ([at]) => `step ${whole(at.parsed.x)}`, label: (at) => `${at.dataset.label}: ${seconds(at.parsed.y / 1e3)}`}}}})})});
};

append(main, first, t.bins.length ? [section("loss", "What it learned", null, loss_chart()), section("time", "Predicted against measured", t.layout ? `Layout: ${t.layout}` : null,
  time_chart(), t.step_time_predicted_s === null ? make("p", {class: "soft"}, `No prediction: ${t.predicted_from || "nobody asked for one"}.`) : null)] : null,
section("failures", "What failed, and what was done", t.failures.length ? null : "Nothing failed.", t.failures.length ? table([{name: "UTC"}, {name: "step"}, {name: "what", text: true}],
  t.failures.map((one) => [make("span", {class: "nowrap"}, one.time.slice(0, 19).replace("T", " ")), one.step === null ? "" : whole(one.step), one.text]),
  {tall: t.failures.length > 12, label: "What failed, and what was done"}) : null,
t.failures_in_all > t.failures.length ? make("p", {class: "soft small"}, `The first ${whole(t.failures.length)} of ${whole(t.failures_in_all)}: events.jsonl has all.`) : null),
section("facts", "In numbers", null, make("div", {class: "facts"}, table([{name: "metrics.jsonl and events.jsonl"}, {name: "value"}], [["time of all starts", seconds(t.time_s)],
  ["tokens a second, the last", t.tokens_per_s === null ? unknown : prefixed(t.tokens_per_s, " tokens/s")], ["share of the machine's GEMM peak", share(t.gemm_share)],
  ["memory, the most", bytes(t.memory_max_bytes)], ["time lost to failures until training again", seconds(t.recovery_time_s)], ["steps done again", whole(t.steps_again)]]))));
byId("foot").textContent = `Celere; from ${t.run_directory}.`;
begin();
