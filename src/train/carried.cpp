#include "train/carried.hpp"

#include <fmt/format.h>

#include <charconv>
#include <map>

#include "nn/collectives.hpp"

namespace celere::train {
namespace {

// "+12 12 cursor" of a rank that stands there, "." of one that joins, "-why" of one that cannot.
std::string said_by(const std::optional<Carried>& carried, const std::vector<HeldTensor>& into) {
  if (!carried) return ".";
  if (!carried->intact) return "-its update of the weights was left half-way";
  bool same = carried->tensors.size() == into.size();
  for (std::size_t i = 0; same && i < into.size(); ++i) {
    same = carried->tensors[i].what == into[i].what;
  }
  if (!same) return "-its shards are others under the new layout";
  const Standing& at = carried->standing;
  return fmt::format("+{} {} {}", at.step, at.optimizer_steps, at.cursor.json());
}

Error cannot(const std::string& why) { return {ErrorCode::unsupported, why, {}}; }

// What all those that stand somewhere say, which must be one thing.
Result<std::string> agreed(const std::vector<std::string>& all) {
  std::string first;
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    const std::string& said = all[rank];
    if (said.starts_with('-')) return cannot(fmt::format("rank {}: {}", rank, said.substr(1)));
    if (!said.starts_with('+')) continue;
    if (first.empty()) first = said;
    if (said == first) continue;
    return cannot(fmt::format("rank {} stands at step {}, others at step {}", rank,
                              said.substr(1, said.find(' ') - 1),
                              first.substr(1, first.find(' ') - 1)));
  }
  if (first.empty()) return cannot("no rank of the generation before is left");
  return first;
}

Result<Standing> parsed(const std::string& said) {
  Standing out;
  const char* const end = said.data() + said.size();
  const auto steps = std::from_chars(said.data() + 1, end, out.step);
  if (steps.ec != std::errc() || steps.ptr == end) return cannot("a rank speaks in riddles");
  const auto updates = std::from_chars(steps.ptr + 1, end, out.optimizer_steps);
  if (updates.ec != std::errc() || updates.ptr == end) return cannot("a rank speaks in riddles");
  ASSIGN_OR_RETURN(out.cursor, tokens::Cursor::parse({updates.ptr + 1, end}));
  return out;
}

// Of a group that holds the same, those who do.
struct Holders {
  int first = 0;
  int joining = 0;  // that do not
};

Result<Holders> holders_in(const nn::ProcessGroup& group, bool joins) {
  const at::Tensor own = at::full({1}, joins ? 0 : 1, at::kLong);
  const at::Tensor all = at::zeros({group.size(), 1}, at::kLong);
  RETURN_IF_ERROR(group.all_gather(all, own).wait());
  const auto* lived = all.const_data_ptr<std::int64_t>();
  Holders out;
  for (int i = group.size() - 1; i >= 0; --i) {
    if (lived[i] != 0) out.first = i;
    if (lived[i] == 0) ++out.joining;
  }
  return out;
}

// From the first that has it. Errors: where none has.
Status share(const HeldTensor& held, const Holders& holders) {
  const nn::ProcessGroup& group = *held.copies;
  if (holders.joining == group.size()) return cannot("nobody is left who holds " + held.what);
  if (holders.joining == 0) return Done{};
  return group.broadcast(held.tensor.detach(), holders.first).wait();
}

}  // namespace

std::vector<HeldTensor> held_tensors(const nn::Parameters& parameters,
                                     const nn::Optimizer& optimizer) {
  std::vector<HeldTensor> out;
  const auto& buckets = parameters.buckets();
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    const nn::Bucket& bucket = *buckets[i];
    std::string what =
        fmt::format("{}+{} of {}:", bucket.shard_begin(), bucket.shard_size(), bucket.size());
    for (const nn::Parameter& p : parameters.all()) {
      if (p.bucket != i) continue;
      what += fmt::format(" {} {}", p.what.name, checkpoint::written(p.held.slice));
    }
    out.push_back({what, bucket.is_gathered() ? bucket.value_shard() : bucket.values(),
                   &bucket.shard_replicas()});
  }
  for (const nn::Optimizer::State& state : optimizer.state()) {
    const nn::Parameter& p = *state.piece.parameter;
    out.push_back(
        {fmt::format("{} {} {} {}+{}", state.kind, p.what.name, checkpoint::written(p.held.slice),
                     state.piece.begin, state.piece.count),
         state.flat, &state.piece.bucket->shard_replicas()});
  }
  return out;
}

Result<Standing> adopt(const std::optional<Carried>& carried, const std::vector<HeldTensor>& into,
                       checkpoint::Peers& peers) {
  ASSIGN_OR_RETURN(const std::vector<std::string> all, peers.exchange(said_by(carried, into)));
  ASSIGN_OR_RETURN(const std::string one, agreed(all));
  ASSIGN_OR_RETURN(Standing standing, parsed(one));
  const at::NoGradGuard quiet;
  for (std::size_t i = 0; carried && i < into.size(); ++i) {
    into[i].tensor.detach().copy_(carried->tensors[i].tensor.detach());
  }
  Status status = Done{};
  std::map<const nn::ProcessGroup*, Holders> holders;
  for (const HeldTensor& held : into) {
    const auto [known, fresh] = holders.try_emplace(held.copies);
    if (fresh) {
      ASSIGN_OR_RETURN(known->second, holders_in(*held.copies, !carried.has_value()));
    }
    Status shared = share(held, known->second);
    if (!shared.ok() && shared.error().code != ErrorCode::unsupported) return shared.error();
    if (status.ok()) status = std::move(shared);
  }
  // What one lacks all lack; and the time is that of the first that stands somewhere.
  const std::string time =
      carried ? fmt::format("{}", carried->standing.time.in_base()) : std::string(".");
  ASSIGN_OR_RETURN(const std::vector<std::string> last,
                   peers.exchange(status.ok() ? time : "-" + status.error().message));
  bool timed = false;
  for (std::size_t rank = 0; rank < last.size(); ++rank) {
    if (last[rank].starts_with('-')) {
      return cannot(fmt::format("rank {}: {}", rank, last[rank].substr(1)));
    }
    double seconds = 0;
    const char* const end = last[rank].data() + last[rank].size();
    if (timed || std::from_chars(last[rank].data(), end, seconds).ec != std::errc()) continue;
    standing.time = Seconds::of(seconds);
    timed = true;
  }
  return standing;
}

}  // namespace celere::train
