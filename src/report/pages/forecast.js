// The page of one forecast.
const f = data.forecast, main = byId("main");
// "1.00 G$ to 1.52 G$", broken nowhere but in its middle.
const from_to = (low, high, write) => low === null ? null : make("span", {}, make("span", {class: "nowrap"}, write(low) + " to"), " ", make("span", {class: "nowrap"}, write(high)));
const on = (s) => when(f.start_date, s);

byId("eyebrow").textContent = [f.run, f.model, f.cluster_title].join(" · ");
byId("lead").textContent = `${whole(f.ranks)} GPUs train ${tokens(f.tokens)}${f.start_date ? ", from " + f.start_date : ""}. ` +
  `${whole(f.lives)} simulated lives, each with its own failures, repairs and deliveries, and its own world inside the intervals of what is not known for sure.`;
const first = make("section", {class: "first", "aria-label": "The answer in numbers"}, tiles([
  [f.start_date ? "done by" : "done within", f.done ? when(f.start_date, f.completion_p50_s) : "never",
    f.done ? from_to(f.completion_p5_s, f.completion_p95_s, on) : null, lives_tip(f, "Half of all lives that were done end by then.")],
  ["takes", f.done ? seconds(f.completion_p50_s) : "never", f.done ? from_to(f.completion_p5_s, f.completion_p95_s, seconds) : null, lives_tip(f, "The median, from time 0.")],
  ["costs", dollars(f.dollars_p50), from_to(f.dollars_p5, f.dollars_p95, dollars), money_tip(f)],
  ["uses", energy(f.energy_p50_mwh), from_to(f.energy_p5_mwh, f.energy_p95_mwh, energy), lives_tip(f, "Power of all nodes from their arrival to the end.") + source_tip(f, "power of a GPU, all included")],
  ["useful share (ETTR)", share(f.ettr_p50), from_to(f.ettr_p5, f.ettr_p95, share),
    lives_tip(f, "Useful time over all time since there were nodes enough to begin; half of all lives.")]]));
append(first, f.done ? make("p", {class: "soft small", style: "margin-top:8px"}, "Under each number: from the 5 to the 95 % end, nine lives of ten.") : null,
  f.done < f.lives ? make("p", {class: "notice"}, `${f.lives - f.done} of ${f.lives} lives were not done; times and dollars are of those that were.`) : null,
  f.done ? histogram(f) : null);
append(main, first,
  f.done ? section("time", "Where the time goes", "The goodput account of a mean life: each nanosecond is in one place, so the parts sum to the whole.",
    account_bar([[f.cluster, f]]), make("div", {class: "two stack"}, make("div", {}, account_table(f)), causes(f))) : null,
  section("life", "One life", `Life ${f.told.life} of seed ${f.seed}: its deliveries, its failures, its story.`,
    deliveries(f), failures(f), told_facts(f), story(f)),
  f.sensitivity.length ? section("sensitivity", "What would change the answer", null, tornado(f)) : null,
  f.tuning ? section("tuning", "Checkpoints and spares", "The same training, lived again with other values; lives are struck by the same failures as far as they can be.", curves(f)) : null,
  section("layout", "The layout", "What the planner found to be best.", make("div", {class: "two"}, data.plan.memory_by_stage.length ? memory(data.plan) : null,
    data.plan.pareto.length ? pareto(data.plan) : null), layout_facts(f)),
  section("assumptions", "Assumptions", "What nobody published, and what a reader must know about where the numbers stand.", list_of(f.assumptions)),
  section("sources", "Sources", "The numbers of the catalogue that this forecast stands on.", sources_table(f.sources)));
byId("foot").textContent = `Celere; seed ${f.seed}, ${whole(f.lives)} lives. The same files and seed give the same page.` +
  (data.thinned ? ` Charts show ${whole(f.ends.length)} of the lives, evenly spaced; all numbers are of all lives.` : "");
begin();
