#include "spec/layout_shape.hpp"

namespace celere::spec {

layout::Shape layout_shape(const Model& model) {
  layout::Shape shape;
  shape.layers = model.layers;
  shape.heads = model.attention.heads;
  const bool latent = model.attention.kind == AttentionKind::latent;
  shape.kv_heads = latent ? model.attention.heads : model.attention.kv_heads;
  shape.ffn = model.ffn;
  if (model.experts) {
    shape.experts = model.experts->count;
    shape.expert_ffn = model.experts->ffn;
  }
  return shape;
}

}  // namespace celere::spec
