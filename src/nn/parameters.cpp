#include "nn/parameters.hpp"

#include <array>
#include <cmath>
#include <map>

#include "base/check.hpp"
#include "base/prng.hpp"

namespace celere::nn {
namespace {

constexpr std::int64_t alignment = 64;  // elements: whole cache lines in every type

std::int64_t aligned(std::int64_t count) { return (count + alignment - 1) / alignment * alignment; }

const Mesh one_rank;

// FNV-1a: the same on every machine, unlike std::hash.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

// Where the elements of a slice lie: runs of neighbours, in order.
struct Run {
  std::int64_t from, to, count;  // first element in the whole tensor, in the slice
};
std::vector<Run> runs_of(const checkpoint::Shape& shape, const checkpoint::Slice& slice) {
  // Dimensions behind `cut` are whole, so neighbours along it are neighbours in memory.
  std::size_t cut = shape.size() - 1;
  while (cut > 0 && slice.extent[cut] == shape[cut]) --cut;
  std::int64_t inner = 1;
  for (std::size_t d = cut + 1; d < shape.size(); ++d) inner *= shape[d];
  std::vector<Run> runs;
  const std::int64_t length = slice.extent[cut] * inner;
  const std::int64_t count = length == 0 ? 0 : checkpoint::count(slice.extent) / length;
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t rest = i, from = slice.offset[cut] * inner, stride = shape[cut] * inner;
    for (std::size_t d = cut; d-- > 0;) {
      from += (slice.offset[d] + rest % slice.extent[d]) * stride;
      rest /= slice.extent[d];
      stride *= shape[d];
    }
    runs.push_back({from, i * length, length});
  }
  return runs;
}

struct Draw {
  double deviation;
  std::uint64_t seed, stream;
};

// Normal numbers in pairs from uniform ones [Box and Muller 1958]; four elements a block of Philox.
void draw_normal(float* to, const Run& run, const Draw& draw) {
  const std::array<std::uint32_t, 2> key{static_cast<std::uint32_t>(draw.seed),
                                         static_cast<std::uint32_t>(draw.seed >> 32)};
  const std::int64_t end = run.from + run.count;
  at::parallel_for(
      run.from / 4, (end + 3) / 4, 1 << 14, [&](std::int64_t first, std::int64_t behind) {
        for (std::int64_t block = first; block < behind; ++block) {
          const auto bits =
              philox({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                      static_cast<std::uint32_t>(draw.stream),
                      static_cast<std::uint32_t>(draw.stream >> 32)},
                     key);
          const auto put = [&](std::int64_t i, double value) {
            if (i >= run.from && i < end) to[run.to + i - run.from] = static_cast<float>(value);
          };
          for (std::int64_t half = 0; half < 2; ++half) {
            const auto place = static_cast<std::size_t>(2 * half);
            const double u = (static_cast<double>(bits[place]) + 1) / 4294967296.0;  // in (0, 1]
            const double angle = static_cast<double>(bits[place + 1]) * (2 * M_PI / 4294967296.0);
            const double radius = draw.deviation * std::sqrt(-2 * std::log(u));
            put(4 * block + 2 * half, radius * std::cos(angle));
            put(4 * block + 2 * half + 1, radius * std::sin(angle));
          }
        }
      });
}

bool returns_to_stream(std::string_view name) {
  return name.ends_with(".wo") || name.ends_with(".w2");
}

// Tables that are added to what is there already begin at nothing.
bool begins_at_zero(std::string_view name) {
  return name.ends_with("bigrams") || name.ends_with("value_embedding");
}

}  // namespace

Parameters::Parameters(const spec::Model& model, Types types, at::Device device)
    : Parameters(model, types, device, one_rank) {}

// Buckets lie in the order of the forward pass, and so does each one's content.
void Parameters::place(const spec::Model& model) {
  const layout::Layout& l = mesh_->layout();
  std::map<BucketKind, std::size_t> known;
  std::vector<std::int64_t> counts;
  std::vector<BucketKind> kinds;
  for (spec::Tensor& tensor : spec::tensors(model)) {
    if (!is_held(tensor, model, l, mesh_->place().pp)) continue;
    BucketKind kind;
    Held held = held_part(tensor, model, l, mesh_->place());
    kind.sharing = held.sharing;
    const bool of_embedding = tensor.name.starts_with("embedding.");
    // The last stage of a pipeline has tied embeddings for its head alone.
    const bool looks_up = of_embedding && mesh_->is_first_stage();
    kind.unit =
        tensor.layer >= 0 ? std::min(tensor.layer, model.layers) : (looks_up ? -1 : model.layers);
    kind.at_both_ends = l.pp > 1 && model.tied_embeddings && tensor.name == "embedding.tokens";
    const auto [place, is_new] = known.emplace(kind, kinds.size());
    if (is_new) {
      kinds.push_back(kind);
      counts.push_back(0);
    }
    const std::size_t bucket = place->second;
    Parameter p{.what = std::move(tensor),
                .held = std::move(held),
                .value = {},
                .compute = {},
                .bucket = bucket,
                .offset = counts[bucket]};
    counts[bucket] += aligned(p.count());
    parameters_.push_back(std::move(p));
  }
  units_.resize(static_cast<std::size_t>(model.layers) + 2);
  const BucketTypes types{types_.master, types_.compute, device_};
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    buckets_.push_back(std::make_unique<Bucket>(kinds[i], counts[i], types, *mesh_));
    units_[static_cast<std::size_t>(kinds[i].unit + 1)].push_back(buckets_.back().get());
  }
}

Parameters::Parameters(const spec::Model& model, Types types, at::Device device, const Mesh& mesh)
    : types_(types), device_(device), mesh_(&mesh) {
  place(model);
  asked_.resize(parameters_.size());
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    Parameter& p = parameters_[i];
    const Bucket& bucket = *buckets_[p.bucket];
    const auto part = [&p](const at::Tensor& flat) {
      return flat.narrow(0, p.offset, p.count()).view(p.shape());
    };
    p.value = part(bucket.values()).detach().requires_grad_(true);
    p.compute = bucket.copies().defined() ? part(bucket.copies()) : p.value;
    p.value.mutable_grad() = part(bucket.gradients());
    places_.emplace(p.what.name, i);
  }
}

const Parameter* Parameters::find(std::string_view name) const {
  const auto found = places_.find(name);
  if (found == places_.end()) return nullptr;
  asked_[found->second] = true;
  return &parameters_[found->second];
}

std::vector<std::string> Parameters::never_asked() const {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (!asked_[i]) out.push_back(parameters_[i].what.name);
  }
  return out;
}

const Parameter& Parameters::operator[](std::string_view name) const {
  const Parameter* found = find(name);
  if (found == nullptr) {
    detail::check_failed(__FILE__, __LINE__, "the rank holds the tensor", std::string(name));
  }
  return *found;
}

void Parameters::initialise(const spec::Model& model, std::uint64_t seed) {
  const at::AutoDispatchBelowADInplaceOrView quiet;
  for (const auto& bucket : buckets_) bucket->need_values();
  const double to_stream =
      model.zero_output_projections ? 0 : model.initial_std / std::sqrt(2.0 * model.layers);
  for (const Parameter& p : parameters_) {
    const bool is_norm = p.what.type == spec::TensorType::norm;
    if (is_norm) p.value.fill_(1);
    if (is_norm || p.what.type == spec::TensorType::bias || begins_at_zero(p.what.name)) continue;
    const double deviation = returns_to_stream(p.what.name) ? to_stream : model.initial_std;
    if (deviation == 0) continue;
    at::Tensor drawn = at::empty({p.count()}, at::kFloat);
    for (const Run& run : runs_of(p.what.shape, p.held.slice)) {
      draw_normal(drawn.data_ptr<float>(), run, {deviation, seed, hash_of(p.what.name)});
    }
    p.value.copy_(drawn.view(p.shape()));
  }
  values_changed();
}

void Parameters::values_changed() {
  for (const auto& bucket : buckets_) bucket->adopt_values();
}

void Parameters::shards_changed() {
  for (const auto& bucket : buckets_) bucket->adopt_shard();
}

at::Tensor Parameters::copied_values() const {
  std::vector<at::Tensor> shards;
  for (const auto& bucket : buckets_) shards.push_back(bucket->value_shard());
  return at::cat(shards);
}

void Parameters::zero_gradients() {
  for (const auto& bucket : buckets_) bucket->zero_gradients();
}

}  // namespace celere::nn
