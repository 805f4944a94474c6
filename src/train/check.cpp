#include "train/check.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <map>

#include "nn/collectives.hpp"

namespace celere::train {
namespace {

std::uint64_t hash_of(const at::Tensor& tensor) {
  return XXH3_64bits(tensor.const_data_ptr(), tensor.nbytes());
}
std::uint64_t hash_of(const std::string& text) { return XXH3_64bits(text.data(), text.size()); }
std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t both[] = {a, b};
  return XXH3_64bits(both, sizeof both);
}

// What every rank says, by rank: equally many words each.
Result<std::vector<std::int64_t>> gathered(const nn::ProcessGroup& world,
                                           const std::vector<std::int64_t>& own) {
  const auto count = static_cast<std::int64_t>(own.size());
  const at::Tensor part = at::empty({count}, at::kLong);
  std::copy(own.begin(), own.end(), part.mutable_data_ptr<std::int64_t>());
  const at::Tensor whole = at::empty({world.size(), count}, at::kLong);
  RETURN_IF_ERROR(world.all_gather(whole, part).wait());
  const auto* words = whole.const_data_ptr<std::int64_t>();
  return std::vector<std::int64_t>(words, words + whole.numel());
}

// The things that this rank holds: a bucket's weights, its shard, and the state of its optimizer.
std::vector<Claim> claims_of(const nn::Parameters& parameters, const nn::Optimizer& optimizer) {
  std::vector<Claim> claims;
  const auto& buckets = parameters.buckets();
  const std::vector<nn::Optimizer::State> states = optimizer.state();
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    const nn::Bucket& bucket = *buckets[i];
    std::string parts;
    for (const nn::Parameter& p : parameters.all()) {
      if (p.bucket != i) continue;
      parts += fmt::format("{} {};", p.what.name, checkpoint::written(p.held.slice));
    }
    const auto claim = [&](const std::string& what, std::uint64_t hash, bool is_state) {
      claims.push_back({.rank = parameters.mesh().rank(),
                        .thing = hash_of(what + parts),
                        .hash = hash,
                        .unit = bucket.kind().unit,
                        .is_state = is_state});
    };
    const std::string shard = fmt::format("{}+{} ", bucket.shard_begin(), bucket.shard_size());
    if (bucket.is_gathered()) {
      claim("shard " + shard, hash_of(bucket.value_shard()), false);
    } else {
      claim("whole ", hash_of(bucket.values()), false);
    }
    std::uint64_t hash = 0;
    std::string what = "state " + shard;
    for (const nn::Optimizer::State& state : states) {
      if (state.piece.bucket != &bucket) continue;
      what += state.kind + " ";
      hash = mixed(hash, hash_of(state.flat));
    }
    claim(what, hash, true);
  }
  return claims;
}

std::string of_unit(const Claim& claim, int layers) {
  const std::string where = claim.unit < 0         ? "the embedding"
                            : claim.unit >= layers ? "the head"
                                                   : fmt::format("layer {}", claim.unit);
  return (claim.is_state ? "optimizer state of " : "weights of ") + where;
}

}  // namespace

Result<std::vector<Mismatch>> check_repeat(nn::TrainingStep& step,
                                           std::span<const nn::Batch> micro_batches,
                                           const nn::Mesh& mesh) {
  const nn::LossScale scale{.head = 1, .balance = 1};
  ASSIGN_OR_RETURN(const std::string once, step.fingerprint(micro_batches, scale));
  ASSIGN_OR_RETURN(const std::string again, step.fingerprint(micro_batches, scale));
  ASSIGN_OR_RETURN(const std::vector<std::int64_t> differs,
                   gathered(mesh[layout::Axis::world], {once == again ? 0 : 1}));
  std::vector<Mismatch> out;
  for (std::size_t rank = 0; rank < differs.size(); ++rank) {
    if (differs[rank] == 0) continue;
    out.push_back({.rank = static_cast<int>(rank),
                   .kind = "repeat",
                   .sure = false,
                   .detail = "one micro-batch computed twice gave other bits"});
  }
  if (out.size() == 1) out.front().sure = true;
  for (Mismatch& one : out) {
    if (!one.sure) {
      one.detail += fmt::format(
          "; so it did on {} ranks, among which activations or weights pass: any of them may be "
          "the one",
          out.size());
    }
  }
  return out;
}

Result<std::vector<Mismatch>> check_replicas(const nn::Parameters& parameters,
                                             const nn::Optimizer& optimizer, int layers) {
  const nn::Mesh& mesh = parameters.mesh();
  const std::vector<Claim> own = claims_of(parameters, optimizer);
  // Stages may have unequally many: those that are missing claim thing 0.
  constexpr std::size_t words = 4;
  const at::Tensor most = at::full({1}, static_cast<std::int64_t>(own.size()), at::kLong);
  RETURN_IF_ERROR(mesh[layout::Axis::world].all_reduce_max(most).wait());
  std::vector<std::int64_t> said(static_cast<std::size_t>(most.item<std::int64_t>()) * words, 0);
  for (std::size_t i = 0; i < own.size(); ++i) {
    said[words * i] = static_cast<std::int64_t>(own[i].thing);
    said[words * i + 1] = static_cast<std::int64_t>(own[i].hash);
    said[words * i + 2] = own[i].unit;
    said[words * i + 3] = own[i].is_state ? 1 : 0;
  }
  ASSIGN_OR_RETURN(const std::vector<std::int64_t> all, gathered(mesh[layout::Axis::world], said));
  std::vector<Claim> claims;
  for (std::size_t i = 0; i < all.size(); i += words) {
    if (all[i] == 0) continue;
    claims.push_back({.rank = static_cast<int>(i / said.size()),
                      .thing = static_cast<std::uint64_t>(all[i]),
                      .hash = static_cast<std::uint64_t>(all[i + 1]),
                      .unit = static_cast<int>(all[i + 2]),
                      .is_state = all[i + 3] == 1});
  }
  return judge(std::move(claims), layers);
}

std::vector<Mismatch> judge(std::vector<Claim> claims, int layers) {
  std::map<std::uint64_t, std::vector<Claim>> things;
  for (Claim& claim : claims) things[claim.thing].push_back(claim);
  std::map<int, Mismatch> out;
  const auto name = [&](const Claim& claim, bool sure, const std::string& detail) {
    Mismatch& of_rank = out[claim.rank];
    // The first thing is told; whoever is sure about any of them is.
    if (of_rank.detail.empty() || (sure && !of_rank.sure)) {
      of_rank = {.rank = claim.rank,
                 .kind = "replicas",
                 .sure = sure,
                 .detail = of_unit(claim, layers) + ": " + detail};
    }
  };
  for (const auto& [thing, copies] : things) {
    std::map<std::uint64_t, std::size_t> counts;
    for (const Claim& copy : copies) ++counts[copy.hash];
    if (counts.size() == 1) continue;
    const auto most =
        std::max_element(counts.begin(), counts.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    const bool majority = 2 * most->second > copies.size();
    for (const Claim& copy : copies) {
      if (majority && copy.hash == most->first) continue;
      name(copy, majority,
           majority ? fmt::format("differ from those of {} of {} ranks that hold the same",
                                  most->second, copies.size())
           : copies.size() == 2
               ? std::string("differ from the only other copy: two cannot tell who is right")
               : fmt::format("{} copies differ and none has a majority: any may be wrong",
                             copies.size()));
    }
  }
  std::vector<Mismatch> list;
  for (auto& [rank, mismatch] : out) list.push_back(std::move(mismatch));
  return list;
}

}  // namespace celere::train
