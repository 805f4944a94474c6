// Where each of our tensors lies in a Hugging Face checkpoint of the same model.
//
// Names are those of the state dict of transformers' classes (model_type gpt2, llama, mixtral,
// qwen3_moe, deepseek_v2 and _v3, gpt_oss, llama4 as a part of its multimodal class, nemotron), and
// for Grok-2, which transformers lacks, those that sglang loads. Values are theirs unchanged: rows
// of wq and wk keep the order in which Hugging Face rotates them.
//
// Leaves out: models without a checkpoint there or with names of their own (Grok-1's files are
// pickles without names), the copies of embedding and head inside DeepSeek-V3's MTP module, and
// quantised forms (scales, blocks).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "spec/model.hpp"

namespace celere::spec {

// A tensor of theirs, and what of it is ours: output r of ours is output first + step * r of
// theirs.
struct HfPlace {
  std::string name;                 // "model.layers.3.mlp.experts.7.gate_proj.weight"
  std::vector<std::int64_t> shape;  // theirs, as stored
  bool transposed = false;          // the last two dimensions are stored [in, out]
  int expert = -1;                  // it holds this expert alone; -1: all that the tensor has
  std::int64_t first = 0;
  std::int64_t step = 1;
};

// One place, or one an expert; none where the name is not known. REQUIRES: `tensor` is of
// tensors(model).
std::vector<HfPlace> hf_places(const Model& model, const Tensor& tensor);

}  // namespace celere::spec
