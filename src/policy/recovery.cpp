#include "policy/recovery.hpp"

#include <algorithm>

#include "policy/decision.hpp"

namespace celere::policy {

Recovery::Recovery(Settings settings, Shape shape) : settings_(settings) {
  CHECK(is_valid(shape));
  memory_.full = {shape, shape.slots};
  memory_.next = memory_.origin = memory_.full;
  memory_.shape = std::move(shape);
  index_.rebuild(memory_, settings_.node_failures);
}

std::vector<Action> Recovery::on(const Event& event, Instant now) {
  memory_.latest = std::max(memory_.latest, now);
  if (memory_.phase == Phase::over) return {};
  Decision decision(settings_, memory_, index_);
  std::visit([&](const auto& what) { decision.on(what); }, event);
  index_.settle(memory_);
  return decision.take();
}

std::optional<Instant> Recovery::wakes() const {
  if (memory_.phase != Phase::waiting) return std::nullopt;
  std::optional<Instant> out;
  const auto at = [&](Instant time) {
    if (time > memory_.latest && (!out || time < *out)) out = time;
  };
  at(memory_.start_at);
  if (memory_.short_since && settings_.resizes) at(*memory_.short_since + settings_.node_patience);
  for (const Node node : index_.leaving()) {
    at(*memory_.nodes.at(node).leaves + settings_.node_patience);
  }
  return out;
}

std::vector<Action> Recovery::begin(Instant now) {
  memory_.latest = std::max(memory_.latest, now);
  if (memory_.phase != Phase::idle) {
    const std::vector<Action> actions = again();
    // Answers to whoever was here before do not come here.
    std::vector<int>& asked = memory_.plans_asked;
    const bool repeated = memory_.phase == Phase::training || memory_.phase == Phase::planning;
    if (!asked.empty()) asked.erase(asked.begin(), repeated ? asked.end() - 1 : asked.end());
    return actions;
  }
  // What a training begins with is right as far as anybody can tell.
  if (!memory_.started && !memory_.commits.empty()) memory_.clean = memory_.commits.back();
  Decision decision(settings_, memory_, index_);
  decision.start_or_wait(memory_.started ? "the training goes on" : "the training begins");
  index_.settle(memory_);
  return decision.take();
}

std::vector<Action> Recovery::again() const {
  const std::string why = "said again by a new supervisor";
  const Memory& m = memory_;
  std::vector<Action> out;
  switch (m.phase) {
    case Phase::training:
      if (!m.present.stepped && !m.present.regrouped) {
        const GenerationMemory& it = m.present;
        out.push_back({Start{m.generation, it.how, m.slots, it.from_step, m.skipped}, why});
      }
      if (!m.plans_asked.empty()) out.push_back({Replan{m.plans_asked.back()}, why});
      if (m.present.save_asked) out.push_back({SaveNow{m.generation}, why});
      break;
    case Phase::regrouping:
      out.push_back({*m.present.regroup, why});
      break;
    case Phase::stopping:
      if (m.present.killed) {
        out.push_back({Stop{m.generation}, why});
      } else {
        out.push_back({StopSaved{m.generation}, why});
      }
      break;
    case Phase::planning:
      out.push_back({Replan{m.plans_asked.back()}, why});
      break;
    case Phase::over:
      if (m.end == End::gave_up) {
        out.push_back({GiveUp{}, why});
      } else {
        out.push_back({Finish{m.end == End::done}, why});
      }
      break;
    case Phase::idle:
    case Phase::waiting:
      break;
  }
  return out;
}

void Recovery::adopt(const Adopted& running) {
  CHECK(memory_.phase == Phase::idle);
  CHECK(is_valid(running.shape));
  CHECK_EQ(std::ssize(running.nodes), running.shape.slots);
  memory_.phase = Phase::training;
  memory_.started = true;
  memory_.generation = running.generation;
  memory_.shape = running.shape;
  if (running.shape.slots != memory_.full.shape.slots) {
    memory_.next = memory_.origin = {running.shape, running.shape.slots};
  }
  memory_.slots = running.nodes;
  for (const Node node : running.nodes) {
    memory_.nodes[node].present = memory_.nodes[node].used = true;
  }
  memory_.best = running.step;
  memory_.skipped = running.skipped;
  std::ranges::sort(memory_.skipped);
  memory_.clean = memory_.commits.empty() ? 0 : memory_.commits.back();
  memory_.present = {.stepped = true};
  index_.rebuild(memory_, settings_.node_failures);
}

std::optional<Step> Recovery::committed() const {
  if (memory_.commits.empty()) return std::nullopt;
  return memory_.commits.back();
}

std::vector<Step> Recovery::must_keep() const { return needed_commits(memory_); }

std::string Recovery::state() const { return written(memory_); }

Result<Recovery> Recovery::from_state(Settings settings, Shape shape, std::string_view text) {
  ASSIGN_OR_RETURN(Memory memory, read_memory(text));
  Recovery out(settings, shape);
  const bool begins =
      memory.phase == Phase::idle || (memory.phase == Phase::over && memory.end != End::done);
  if (!begins && memory.full.shape != shape) {
    return bad_input(fmt::format(
        "the layout has changed ({} nodes, it was {}) while the training runs: stop it first",
        shape.slots, memory.full.shape.slots));
  }
  if (begins) {
    memory.phase = Phase::idle;
    memory.end = End::none;
    memory.full = memory.next = memory.origin = out.memory_.full;
    memory.shape = shape;
    memory.present = {};
    memory.plans_asked.clear();
    memory.start_at = {};
    memory.short_since.reset();
    memory.unfit = memory.stops_asked = memory.fruitless = memory.restarts = 0;
    memory.give_up.clear();
    memory.bad_step.reset();
    memory.nodes.each([](Node, NodeMemory& node) { node.present = false; });
  }
  out.memory_ = std::move(memory);
  out.index_.rebuild(out.memory_, out.settings_.node_failures);
  return out;
}

int Recovery::slot_of(Node node) const { return index_.slot_of(node); }

bool Recovery::is_drained(Node node) const {
  const NodeMemory* found = memory_.nodes.find(node);
  return found != nullptr && found->drained;
}

int Recovery::failures_of(Node node) const {
  const NodeMemory* found = memory_.nodes.find(node);
  return found == nullptr ? 0 : static_cast<int>(found->failures.size());
}

}  // namespace celere::policy
