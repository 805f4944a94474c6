#include "nn/parameters.hpp"

#include <array>
#include <cmath>

#include "base/check.hpp"
#include "base/prng.hpp"

namespace celere::nn {
namespace {

constexpr std::int64_t alignment = 64;  // elements: whole cache lines in every type

std::int64_t aligned(std::int64_t count) { return (count + alignment - 1) / alignment * alignment; }

// FNV-1a: the same on every machine, unlike std::hash.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

// Normal numbers in pairs from uniform ones [Box and Muller 1958]; four elements a block of Philox.
void draw_normal(float* to, std::int64_t count, double deviation, std::uint64_t seed,
                 std::uint64_t stream) {
  const std::array<std::uint32_t, 2> key{static_cast<std::uint32_t>(seed),
                                         static_cast<std::uint32_t>(seed >> 32)};
  at::parallel_for(0, (count + 3) / 4, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block) {
      const auto bits =
          philox({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                  static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)},
                 key);
      for (std::int64_t half = 0; half < 2; ++half) {
        const auto place = static_cast<std::size_t>(2 * half);
        const double u = (static_cast<double>(bits[place]) + 1) / 4294967296.0;  // in (0, 1]
        const double angle = static_cast<double>(bits[place + 1]) * (2 * M_PI / 4294967296.0);
        const double radius = deviation * std::sqrt(-2 * std::log(u));
        const std::int64_t i = 4 * block + 2 * half;
        if (i < count) to[i] = static_cast<float>(radius * std::cos(angle));
        if (i + 1 < count) to[i + 1] = static_cast<float>(radius * std::sin(angle));
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

Parameters::Parameters(const spec::Model& model, Types types, at::Device device) : types_(types) {
  std::int64_t count = 0;
  for (spec::Tensor& tensor : spec::tensors(model)) {
    const std::int64_t offset = count;
    count += aligned(tensor.count());
    parameters_.push_back({std::move(tensor), {}, {}, offset});
  }
  const at::TensorOptions options = at::TensorOptions().dtype(types.master).device(device);
  values_ = at::zeros({count}, options);
  gradients_ = at::zeros({count}, options);
  asked_.resize(parameters_.size());
  const bool copied = types.compute != types.master;
  if (copied) copies_ = at::zeros({count}, options.dtype(types.compute));
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    Parameter& p = parameters_[i];
    const auto part = [&p](const at::Tensor& flat) {
      return flat.narrow(0, p.offset, p.what.count()).view(p.what.shape);
    };
    p.value = part(values_).detach().requires_grad_(true);
    p.compute = copied ? part(copies_) : p.value;
    p.value.mutable_grad() = part(gradients_);
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
    detail::check_failed(__FILE__, __LINE__, "the inventory has the tensor", std::string(name));
  }
  return *found;
}

void Parameters::initialise(const spec::Model& model, std::uint64_t seed) {
  const at::AutoDispatchBelowADInplaceOrView quiet;
  const double to_stream =
      model.zero_output_projections ? 0 : model.initial_std / std::sqrt(2.0 * model.layers);
  for (const Parameter& p : parameters_) {
    const bool is_norm = p.what.type == spec::TensorType::norm;
    if (is_norm) p.value.fill_(1);
    if (is_norm || p.what.type == spec::TensorType::bias || begins_at_zero(p.what.name)) continue;
    const double deviation = returns_to_stream(p.what.name) ? to_stream : model.initial_std;
    if (deviation == 0) continue;
    at::Tensor drawn = at::empty({p.what.count()}, at::kFloat);
    draw_normal(drawn.data_ptr<float>(), p.what.count(), deviation, seed, hash_of(p.what.name));
    p.value.copy_(drawn.view(p.what.shape));
  }
  refresh();
}

void Parameters::refresh() {
  if (copies_.defined()) copies_.copy_(values_);
}

void Parameters::zero_gradients() { gradients_.zero_(); }

}  // namespace celere::nn
