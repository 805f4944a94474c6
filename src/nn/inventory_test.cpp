// Every model of the catalogue is built from its inventory, on the meta device, and its forward
// pass fits together: no tensor of the inventory is left over (but the multi-token prediction
// modules), none is missing, no shape disagrees.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.hpp"
#include "nn/decoder.hpp"
#include "spec/catalog.hpp"

namespace celere::nn {
namespace {

bool of_mtp(const spec::Model& model, const std::string& name) {
  for (const spec::Tensor& tensor : spec::tensors(model)) {
    if (tensor.name == name) return tensor.layer >= model.layers;
  }
  return false;
}

TEST(Inventory, is_what_each_model_of_the_catalogue_uses) {
  const auto files = local_files();
  const spec::Catalog catalog(*files, {});
  int built = 0;
  for (const std::string& name : catalog.names(spec::Kind::model)) {
    const auto model = catalog.model(name);
    ASSERT_TRUE(model.ok()) << model.error().text();
    if (!model->unknown.empty()) continue;
    const Types types{at::kFloat, at::kBFloat16};
    const Parameters parameters(*model, types, at::kMeta);
    const Decoder decoder(*model, parameters, Ops(types, nullptr), 16);
    const at::Tensor tokens =
        at::zeros({1, 9}, at::TensorOptions().dtype(at::kLong).device(at::kMeta));
    Batch batch = plain_batch(tokens, 0);
    const at::NoGradGuard quiet;
    const at::Tensor logits = decoder.logits(batch);
    EXPECT_EQ(logits.sizes(), at::IntArrayRef({8, model->vocab})) << name;
    for (const std::string& left : parameters.never_asked()) {
      EXPECT_TRUE(of_mtp(*model, left)) << name << ": " << left;
    }
    ++built;
  }
  EXPECT_GE(built, 28);
}

}  // namespace
}  // namespace celere::nn
