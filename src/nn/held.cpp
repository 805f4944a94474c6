#include "nn/held.hpp"

#include <algorithm>

#include "layout/pipeline.hpp"

namespace celere::nn {
namespace {

void cut(checkpoint::Slice& slice, int dimension, std::int64_t index, std::int64_t parts) {
  if (dimension < 0) return;
  const auto d = static_cast<std::size_t>(dimension);
  const std::int64_t extent = slice.extent[d];
  slice.offset[d] = extent * index / parts;
  slice.extent[d] = extent * (index + 1) / parts - slice.offset[d];
}

bool of_key_values(const spec::Tensor& tensor) {
  const std::string_view name = tensor.name;
  const std::string_view last = name.substr(name.rfind('.') + 1);
  return last == "wk" || last == "wv" || last == "wk_bias" || last == "wv_bias" ||
         last == "value_embedding";
}

// Of the norm that each head applies to its own queries and keys: a rank has some of the heads.
bool of_each_head(const spec::Tensor& tensor, const spec::Model& model) {
  return model.attention.kind != spec::AttentionKind::latent &&
         (tensor.name.ends_with(".attention.q_norm") || tensor.name.ends_with(".attention.k_norm"));
}

}  // namespace

Held held_part(const spec::Tensor& tensor, const spec::Model& model, const layout::Layout& l,
               const layout::Place& place) {
  Held held{.slice = checkpoint::whole(tensor.shape), .sharing = Sharing::alike};
  if (tensor.shard.ep >= 0) {
    cut(held.slice, tensor.shard.ep, place.ep, l.ep);
    cut(held.slice, tensor.shard.etp, place.etp, l.etp);
    held.sharing = l.etp > 1 && tensor.shard.etp < 0 ? Sharing::expert_parts : Sharing::expert;
    return held;
  }
  if (tensor.shard.tp < 0) {
    if (l.tp > 1 && (l.sequence_parallel || of_each_head(tensor, model))) {
      held.sharing = Sharing::parts;
    }
    return held;
  }
  const bool latent = model.attention.kind == spec::AttentionKind::latent;
  const int kv_heads = model.attention.kv_heads;
  if (!latent && of_key_values(tensor) && kv_heads < l.tp) {
    cut(held.slice, tensor.shard.tp, place.tp / (l.tp / kv_heads), kv_heads);
    held.sharing = Sharing::kv;
    return held;
  }
  cut(held.slice, tensor.shard.tp, place.tp, l.tp);
  held.sharing = Sharing::split;
  return held;
}

bool is_held(const spec::Tensor& tensor, const spec::Model& model, const layout::Layout& l,
             int stage) {
  if (l.pp == 1) return true;
  const bool first = stage == 0, last = stage == l.pp - 1;
  if (tensor.layer >= model.layers) return last;
  if (tensor.layer < 0) {
    const bool of_embedding = tensor.name.starts_with("embedding.");
    if (!of_embedding) return last;
    return first || (last && model.tied_embeddings && tensor.name == "embedding.tokens");
  }
  for (int v = 0; v < l.vpp; ++v) {
    const layout::ChunkLayers chunk = layout::chunk_layers(l, model.layers, v * l.pp + stage);
    if (tensor.layer >= chunk.first && tensor.layer < chunk.first + chunk.count) return true;
  }
  return false;
}

}  // namespace celere::nn
