// Whatever the bytes: a model is read or refused with a message, and what is read can be counted
// and has a place for what is in it.
#include <cstddef>
#include <cstdint>

#include "base/check.hpp"
#include "spec/hf_names.hpp"
#include "spec/model.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace celere::spec;
  const auto model = parse_model({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!model.ok()) {
    CHECK(!model.error().message.empty());
    return 0;
  }
  // More layers repeat the same and take long.
  if (!model->unknown.empty() || model->layers > 16) return 0;
  const ParameterCount count = count_parameters(*model);
  for (const int layer : model->value_embeddings) CHECK(layer >= 0 && layer < model->layers);
  CHECK(count.total > 0 && count.mtp >= 0);
  CHECK(count.active > 0 && count.active <= count.total);
  CHECK(count.embedding > 0 && count.embedding < count.total);
  if (model->experts && model->experts->count > 64) return 0;
  for (const Tensor& tensor : tensors(*model)) {
    CHECK(tensor.count() > 0);
    for (const HfPlace& place : hf_places(*model, tensor)) CHECK(!place.name.empty());
  }
  return 0;
}
