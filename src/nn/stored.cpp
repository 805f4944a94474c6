#include "nn/stored.hpp"

#include <fmt/format.h>
#include <xxhash.h>

namespace celere::nn {
namespace {

checkpoint::DataType type_of(const at::Tensor& tensor) {
  CHECK(tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kDouble);
  return tensor.scalar_type() == at::kFloat ? checkpoint::DataType::f32 : checkpoint::DataType::f64;
}

// A run of elements of a parameter's part, as boxes of the whole tensor; flat memory goes with it.
template <typename F>
void over_boxes(const Optimizer::Piece& piece, const at::Tensor& flat, const F& function) {
  const checkpoint::Slice& part = piece.parameter->held.slice;
  std::int64_t done = 0;
  for (checkpoint::Slice& box : checkpoint::boxes_of_run(part.extent, piece.begin, piece.count)) {
    for (std::size_t d = 0; d < box.offset.size(); ++d) box.offset[d] += part.offset[d];
    const std::int64_t count = checkpoint::count(box.extent);
    const at::Tensor memory = flat.narrow(0, done, count);
    function(box, std::span<std::byte>(static_cast<std::byte*>(memory.mutable_data_ptr()),
                                       memory.nbytes()));
    done += count;
  }
}

void add_views(std::vector<checkpoint::TensorView>& out, const std::string& name,
               const Optimizer::Piece& piece, const at::Tensor& flat) {
  if (!piece.bucket->counts_here()) return;
  over_boxes(piece, flat, [&](const checkpoint::Slice& box, std::span<std::byte> bytes) {
    out.push_back({name, type_of(flat), piece.parameter->what.shape, box, bytes});
  });
}

at::Tensor value_of(const Optimizer::Piece& piece) {
  return piece.bucket->value_shard().narrow(0, piece.in_shard, piece.count);
}

// All memory that a checkpoint fills, as boxes of the tensors that it stores: a rank's whole part
// of a weight, or of one that is gathered its shard; and its part of the optimizer's state.
template <typename F>
void over_filled(const Parameters& parameters, const Optimizer* optimizer, const F& function) {
  const auto over_piece = [&](const std::string& name, const Optimizer::Piece& piece,
                              const at::Tensor& flat) {
    over_boxes(piece, flat, [&](const checkpoint::Slice& box, std::span<std::byte> bytes) {
      function(name, box, bytes);
    });
  };
  for (const Parameter& p : parameters.all()) {
    const Bucket& bucket = *parameters.buckets()[p.bucket];
    if (bucket.is_gathered()) {
      const Optimizer::Piece piece = piece_of(p, bucket);
      over_piece(p.what.name, piece, value_of(piece));
    } else {
      function(p.what.name, p.held.slice,
               std::span<std::byte>(static_cast<std::byte*>(p.value.mutable_data_ptr()),
                                    p.value.nbytes()));
    }
  }
  if (optimizer == nullptr) return;
  for (const Optimizer::State& state : optimizer->state()) {
    over_piece(state.kind + "." + state.piece.parameter->what.name, state.piece, state.flat);
  }
}

bool of_optimizer(std::string_view name) {
  return name.starts_with("mean.") || name.starts_with("square.") || name.starts_with("momentum.");
}

}  // namespace

std::vector<checkpoint::TensorView> stored_views(const Parameters& parameters,
                                                 const Optimizer* optimizer) {
  std::vector<checkpoint::TensorView> out;
  for (const Parameter& p : parameters.all()) {
    const Optimizer::Piece piece = piece_of(p, *parameters.buckets()[p.bucket]);
    add_views(out, p.what.name, piece, value_of(piece));
  }
  if (optimizer == nullptr) return out;
  for (const Optimizer::State& state : optimizer->state()) {
    add_views(out, state.kind + "." + state.piece.parameter->what.name, state.piece, state.flat);
  }
  return out;
}

std::vector<checkpoint::Wanted> wanted(const Parameters& parameters, const Optimizer& optimizer) {
  std::vector<checkpoint::Wanted> out;
  over_filled(parameters, &optimizer,
              [&](const std::string& name, const checkpoint::Slice& box,
                  std::span<std::byte> /*bytes*/) { out.push_back({name, box}); });
  return out;
}

std::string inventory_hash(const spec::Model& model) {
  std::string text;
  for (const spec::Tensor& tensor : spec::tensors(model)) {
    text += fmt::format("{} {}\n", tensor.name, checkpoint::written(tensor.shape));
  }
  return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
}

namespace {

// Every tensor of the model's, and what its optimizer keeps of it.
std::vector<checkpoint::Expected> expected_of(const spec::Model& model, checkpoint::DataType type,
                                              const Optimizer* optimizer) {
  std::vector<checkpoint::Expected> out;
  for (const spec::Tensor& tensor : spec::tensors(model)) {
    out.push_back({tensor.name, type, tensor.shape});
    if (optimizer == nullptr || optimizer->kind() == spec::Optimizer::sgd) continue;
    if (optimizer->kind() == spec::Optimizer::muon && tensor.is_layer_matrix()) {
      out.push_back({"momentum." + tensor.name, type, tensor.shape});
      continue;
    }
    out.push_back({"mean." + tensor.name, type, tensor.shape});
    out.push_back({"square." + tensor.name, type, tensor.shape});
  }
  return out;
}

}  // namespace

Status load(const checkpoint::Checkpoint& from, const spec::Model& model, Parameters& parameters,
            Optimizer* optimizer) {
  const checkpoint::DataType type = type_of(parameters.all().front().value);
  std::vector<checkpoint::Expected> expected = expected_of(model, type, optimizer);
  if (optimizer == nullptr) {  // whatever optimizer made it
    for (const checkpoint::StoredTensor& stored : from.manifest().tensors) {
      if (of_optimizer(stored.name)) expected.push_back({stored.name, stored.dtype, stored.shape});
    }
  }
  RETURN_IF_ERROR(from.compare(expected));
  Status status = Done{};
  over_filled(
      parameters, optimizer,
      [&](const std::string& name, const checkpoint::Slice& box, std::span<std::byte> bytes) {
        if (status.ok()) status = from.read(name, box, bytes);
      });
  RETURN_IF_ERROR(status);
  parameters.shards_changed();
  return Done{};
}

}  // namespace celere::nn
