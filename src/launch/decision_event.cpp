#include "launch/decision_event.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

namespace celere::launch {
namespace {

// In the order of policy::Action.
constexpr std::array names = {"start",  "regroup", "stop", "stop_saved", "save_now",
                              "replan", "drain",   "note", "give_up",    "finish"};
static_assert(names.size() == std::variant_size_v<decltype(policy::Action::what)>);

const char* name_of_how(policy::How how) {
  switch (how) {
    case policy::How::first:
      return "first";
    case policy::How::in_place:
      return "in place";
    case policy::How::elsewhere:
      return "elsewhere";
    case policy::How::spare:
      return "spare";
    case policy::How::resized:
      return "resized";
  }
  CHECK(false);
}

std::string joined(const std::vector<policy::Node>& nodes) {
  return fmt::format("{}", fmt::join(nodes, ","));
}

}  // namespace

const char* name_of(const policy::Action& action) { return names[action.what.index()]; }

std::vector<wire::EventField> written(const policy::Action& action,
                                      const policy::Recovery& policy) {
  std::vector<wire::EventField> out = {{"action", std::string(name_of(action))},
                                       {"generation", std::int64_t{policy.generation()}},
                                       {"why", action.why}};
  if (const auto* start = std::get_if<policy::Start>(&action.what)) {
    out.emplace_back("how", std::string(name_of_how(start->how)));
    out.emplace_back("on_nodes", joined(start->nodes));
    out.emplace_back("replicas", std::int64_t{policy.shape().replicas});
    if (start->from_step) out.emplace_back("from_step", *start->from_step);
    if (!start->skipped.empty()) {
      out.emplace_back("skipped_steps", fmt::format("{}", fmt::join(start->skipped, ",")));
    }
  }
  if (const auto* regroup = std::get_if<policy::Regroup>(&action.what)) {
    out.emplace_back("on_nodes", joined(regroup->nodes));
    out.emplace_back("replicas", std::int64_t{regroup->replicas});
    if (regroup->lost) out.emplace_back("lost_replica", std::int64_t{*regroup->lost});
    if (!regroup->joining.empty()) out.emplace_back("joining", joined(regroup->joining));
  }
  if (const auto* drain = std::get_if<policy::Drain>(&action.what)) {
    out.emplace_back("node", std::int64_t{drain->node});
  }
  if (const auto* replan = std::get_if<policy::Replan>(&action.what)) {
    out.emplace_back("for_nodes", std::int64_t{replan->nodes});
  }
  return out;
}

}  // namespace celere::launch
