#include "nn/stored.hpp"

#include <fmt/format.h>
#include <xxhash.h>

namespace celere::nn {
namespace {

checkpoint::DataType type_of(const at::Tensor& tensor) {
  CHECK(tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kDouble);
  return tensor.scalar_type() == at::kFloat ? checkpoint::DataType::f32 : checkpoint::DataType::f64;
}

checkpoint::TensorView view_of(const std::string& name, const at::Tensor& tensor) {
  const checkpoint::Shape shape = tensor.sizes().vec();
  return {name,
          type_of(tensor),
          shape,
          checkpoint::whole(shape),
          {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}};
}

bool of_optimizer(std::string_view name) {
  return name.starts_with("mean.") || name.starts_with("square.") || name.starts_with("momentum.");
}

}  // namespace

std::vector<checkpoint::TensorView> stored_views(const Parameters& parameters,
                                                 const Optimizer* optimizer) {
  std::vector<checkpoint::TensorView> out;
  for (const Parameter& p : parameters.all()) out.push_back(view_of(p.what.name, p.value));
  if (optimizer == nullptr) return out;
  for (const auto& [name, tensor] : optimizer->state()) out.push_back(view_of(name, tensor));
  return out;
}

std::string inventory_hash(const spec::Model& model) {
  std::string text;
  for (const spec::Tensor& tensor : spec::tensors(model)) {
    text += fmt::format("{} {}\n", tensor.name, checkpoint::written(tensor.shape));
  }
  return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
}

Status load(const checkpoint::Checkpoint& from, Parameters& parameters, Optimizer* optimizer) {
  const std::vector<checkpoint::TensorView> views = stored_views(parameters, optimizer);
  std::vector<checkpoint::Expected> expected;
  for (const checkpoint::TensorView& view : views) {
    expected.push_back({view.name, view.dtype, view.shape});
  }
  if (optimizer == nullptr) {  // whatever optimizer made it
    for (const checkpoint::StoredTensor& stored : from.manifest().tensors) {
      if (of_optimizer(stored.name)) expected.push_back({stored.name, stored.dtype, stored.shape});
    }
  }
  RETURN_IF_ERROR(from.compare(expected));
  for (const checkpoint::TensorView& view : views) {
    auto* bytes = const_cast<std::byte*>(view.bytes.data());  // NOLINT: the tensor is ours to fill
    RETURN_IF_ERROR(from.read(view.name, {bytes, view.bytes.size()}));
  }
  parameters.refresh();
  return Done{};
}

}  // namespace celere::nn
