#include "life/replay_log.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace celere::life {
namespace {

Error not_here(const std::string& what) { return {ErrorCode::unsupported, what, {}}; }

// "...; starts on the same nodes from step 40"
std::optional<Step> step_at_end_of(const std::string& why) {
  const std::size_t space = why.rfind(' ');
  Step step = 0;
  const char* const end = why.data() + why.size();
  if (space == why.npos) return std::nullopt;
  const auto [next, problem] = std::from_chars(why.data() + space + 1, end, step);
  return problem == std::errc() && next == end ? std::optional(step) : std::nullopt;
}

std::vector<Node> nodes_on(const wire::Event& decision) {
  const std::vector<std::int64_t> nodes = numbers_of(decision, "on_nodes");
  return {nodes.begin(), nodes.end()};
}

class Reader {
 public:
  Result<RunLog> read(const std::vector<wire::Event>& log) {
    for (const wire::Event& line : log) RETURN_IF_ERROR(read(line));
    if (!began_)
      return not_here("the log has no start of a training, or not what recovery was told");
    for (const LoggedEvent& one : out_.told) {
      const auto* trained = std::get_if<policy::Trained>(&one.event);
      if (trained != nullptr) out_.steps = std::max(out_.steps, trained->step);
    }
    return std::move(out_);
  }

 private:
  Status read(const wire::Event& line) {
    if (line.event == "recovery_begins") return begins(line);
    if (line.event == "supervisor_started") {
      out_.nodes = static_cast<int>(number_of(line, "nodes").value_or(0));
    }
    if (line.event == "told") return told(line);
    if (line.event == "decision") decision(line);
    if (line.event == "fault" && began_) fault(line);
    if (line.event == "resumed" && began_) {
      out_.resumed.push_back({wall_ - *began_, number_of(line, "step").value_or(0)});
    }
    return Done{};
  }

  Status begins(const wire::Event& line) {
    ASSIGN_OR_RETURN(const policy::Begins it, policy::read_begins(line));
    if (began_ && !it.memory) return not_here("the log is of a training that was begun twice");
    out_.settings = it.settings;
    out_.shape = it.shape;
    return Done{};
  }

  Status told(const wire::Event& line) {
    ASSIGN_OR_RETURN(policy::Told it, policy::read_told(line));
    wall_ = it.at.nanoseconds;
    if (!began_ || !it.event) return Done{};
    number_anew(*it.event);
    out_.told.push_back({wall_ - *began_, *std::move(it.event)});
    return Done{};
  }

  void decision(const wire::Event& line) {
    if (!began_) {
      if (text_of(line, "action") != "start") return;
      began_ = wall_;
    }
    std::optional<Deed> deed = deeds_.next(line, wall_ - *began_);
    if (!deed) return;
    for (const Node node : nodes_on(line)) number(node);
    for (Node& node : deed->nodes) node = number(node);
    out_.deeds.push_back(*std::move(deed));
  }

  void fault(const wire::Event& line) {
    LoggedFault it{.kind = text_of(line, "fault"),
                   .at = number_of(line, "wall_ns").value_or(wall_) - *began_,
                   .step = number_of(line, "step").value_or(0)};
    it.nodes = static_cast<int>(number_of(line, "nodes").value_or(1));
    it.factor = amount_of(line, "factor").value_or(1);
    it.lasts_steps = number_of(line, "for_steps");
    it.notice = Seconds::of(amount_of(line, "notice_s").value_or(0));
    if (const auto node = number_of(line, "node")) it.node = number(static_cast<Node>(*node));
    if (const auto lasts = amount_of(line, "for_s")) it.lasts = Seconds::of(*lasts);
    out_.faults.push_back(std::move(it));
  }

  Node number(Node node) {
    return numbers_.try_emplace(node, static_cast<Node>(numbers_.size())).first->second;
  }
  void number_anew(policy::Event& event) {
    if (auto* it = std::get_if<policy::NodeJoined>(&event)) it->node = number(it->node);
    if (auto* it = std::get_if<policy::NodeGone>(&event)) it->node = number(it->node);
    if (auto* it = std::get_if<policy::NodeCleared>(&event)) it->node = number(it->node);
    if (auto* it = std::get_if<policy::WorkerExited>(&event)) it->node = number(it->node);
    if (auto* it = std::get_if<policy::Preemption>(&event)) it->node = number(it->node);
    if (auto* it = std::get_if<policy::Slow>(&event)) it->node = number(it->node);
    if (auto* it = std::get_if<policy::BadNumbers>(&event)) {
      if (it->node) it->node = number(*it->node);
    }
    if (auto* it = std::get_if<policy::Overdue>(&event)) {
      for (Node& node : it->absent) node = number(node);
    }
  }

  RunLog out_;
  std::optional<Nanoseconds> began_;  // wall
  Nanoseconds wall_ = 0;
  std::map<Node, Node> numbers_;
  Deeds deeds_;
};

}  // namespace

std::optional<Deed> Deeds::next(const wire::Event& decision, Nanoseconds at) {
  const std::string why = text_of(decision, "why");
  Deed deed{.action = text_of(decision, "action"), .at = at};
  if (deed.action == "note" || deed.action == "replan" || why == "said again by a new supervisor") {
    return std::nullopt;
  }
  deed.generation = static_cast<int>(number_of(decision, "generation").value_or(0));
  deed.replicas = static_cast<int>(number_of(decision, "replicas").value_or(0));
  if (deed.action == "start") {
    deed.how = text_of(decision, "how");
    deed.from = step_at_end_of(why);
  }
  if (const auto lost = number_of(decision, "lost_replica")) {
    deed.how = fmt::format("lost {}", *lost);
  }
  if (const std::vector<Node> nodes = nodes_on(decision); !nodes.empty()) {
    for (const Node node : nodes) {
      if (std::ranges::find(present_, node) == present_.end()) deed.nodes.push_back(node);
    }
    present_ = nodes;
  }
  if (deed.how == "resized") deed.nodes.clear();
  if (deed.action == "regroup" && !deed.nodes.empty()) deed.how = "joins";
  if (const auto node = number_of(decision, "node")) deed.nodes = {static_cast<Node>(*node)};
  return deed;
}

std::string written(const Deed& deed) {
  std::string out = deed.action;
  if (!deed.how.empty()) out += " " + deed.how;
  if (!deed.nodes.empty()) out += fmt::format(" (node {})", fmt::join(deed.nodes, ", "));
  if (deed.from) out += fmt::format(" from step {}", *deed.from);
  return out;
}

std::optional<Nanoseconds> RunLog::done_at(Step step) const {
  const policy::Trained* last = nullptr;
  Nanoseconds last_at = 0;
  for (const LoggedEvent& one : told) {
    const auto* it = std::get_if<policy::Trained>(&one.event);
    if (it == nullptr) continue;
    const bool goes_on = last != nullptr && last->generation == it->generation;
    if (it->step >= step) {
      if (!goes_on) return one.at;
      const double share = static_cast<double>(step - last->step) /
                           static_cast<double>(std::max<Step>(1, it->step - last->step));
      return last_at + static_cast<Nanoseconds>(share * static_cast<double>(one.at - last_at));
    }
    last = it;
    last_at = one.at;
  }
  return std::nullopt;
}

Result<RunLog> read_run_log(const std::vector<wire::Event>& log) { return Reader().read(log); }

}  // namespace celere::life
