// The judge: Hugging Face's transformers. tests/fixtures holds the weights of five tiny models with
// the logits, the loss and the gradients that its classes compute from them
// (tools/foreign/make_fixtures.py); with the same weights our modules, plain and fast, find the
// same to 1e-4 in fp32.
#include <gtest/gtest.h>

#include "checkpoint/safetensors.hpp"
#include "nn/decoder.hpp"
#include "spec/hf_names.hpp"

namespace celere::nn {
namespace {

class Fixture {
 public:
  explicit Fixture(const std::string& name)
      : storage_(checkpoint::local_storage()),
        file_(*checkpoint::SafetensorsFile::open(*storage_,
                                                 "tests/fixtures/" + name + "-tiny.safetensors")),
        model_(*spec::parse_model(file_.header().metadata.at("model"), name)) {}

  const spec::Model& model() const { return model_; }

  at::Tensor get(const std::string& name) const {
    const checkpoint::TensorInfo* info = file_.find(name);
    CHECK(info != nullptr);
    const auto type = info->dtype == checkpoint::DataType::i64 ? at::kLong : at::kFloat;
    auto* bytes = const_cast<std::byte*>(file_.bytes(*info).data());  // NOLINT: cloned at once
    return at::from_blob(bytes, info->shape, type).clone();
  }
  bool has(const std::string& name) const { return file_.find(name) != nullptr; }

  // What transformers holds at the places of one of our tensors, under "" or "grad.".
  at::Tensor ours(const spec::Tensor& tensor, const std::string& prefix) const {
    std::vector<at::Tensor> experts;
    for (const spec::HfPlace& place : spec::hf_places(model_, tensor)) {
      at::Tensor all = get(prefix + place.name);
      if (place.transposed) all = all.transpose(-1, -2);
      const std::int64_t rows = tensor.shape[place.expert >= 0 ? 1 : 0];
      if (all.size(place.expert >= 0 || tensor.shard.ep < 0 ? 0 : 1) != rows || place.step != 1) {
        all = all.slice(0, place.first, place.first + place.step * rows, place.step);
      }
      experts.push_back(all);
    }
    const at::Tensor out =
        experts.size() == 1 && tensor.shard.ep < 0 ? experts[0] : at::stack(experts);
    return in_our_order(tensor, out.reshape(tensor.shape));
  }

 private:
  // DeepSeek's rotated rows come in pairs (2 i, 2 i + 1); ours are (i, i + half).
  at::Tensor in_our_order(const spec::Tensor& tensor, const at::Tensor& rows) const {
    const spec::Attention& a = model_.attention;
    const bool queries = tensor.name.ends_with("wq_b"), keys = tensor.name.ends_with("wkv_a");
    if (a.kind != spec::AttentionKind::latent || !(queries || keys)) return rows;
    const std::int64_t heads = queries ? a.heads : 1;
    const at::Tensor by_head = rows.view({heads, rows.size(0) / heads, -1});
    const std::int64_t still = by_head.size(1) - a.rope_dim;
    const at::Tensor turning = by_head.narrow(1, still, a.rope_dim);
    return at::cat({by_head.narrow(1, 0, still), turning.slice(1, 0, a.rope_dim, 2),
                    turning.slice(1, 1, a.rope_dim, 2)},
                   1)
        .reshape(rows.sizes());
  }

  std::unique_ptr<checkpoint::Storage> storage_;
  checkpoint::SafetensorsFile file_;
  spec::Model model_;
};

void near(const at::Tensor& ours, const at::Tensor& theirs, const std::string& what) {
  const double size = theirs.abs().max().item<double>();
  EXPECT_LE((ours - theirs).abs().max().item<double>(), 1e-4 * std::max(size, 1e-2)) << what;
}

void judge(const std::string& name, const kernels::Table* table) {
  const Fixture fixture(name);
  Parameters parameters(fixture.model(), {}, at::kCPU);
  for (const Parameter& p : parameters.all()) p.value.detach().copy_(fixture.ours(p.what, ""));
  const Decoder decoder(fixture.model(), parameters, Ops({}, table), 16);
  const at::Tensor tokens = fixture.get("input_ids");
  const Batch batch = plain_batch(tokens, 0);
  const std::int64_t length = batch.length;
  const at::Tensor logits = decoder.logits(batch).view({2, length, -1});
  near(logits.detach(), fixture.get("logits").narrow(1, 0, length), name + ": logits");
  const Losses losses =
      decoder.loss(batch, {.head = 1 / static_cast<double>(batch.rows()), .balance = 0});
  near(losses.head.detach(), fixture.get("loss").squeeze(), name + ": loss");
  losses.head.backward();
  for (const Parameter& p : parameters.all()) {
    if (p.what.name.ends_with("router_bias")) continue;  // it only chooses
    near(p.value.grad(), fixture.ours(p.what, "grad."), name + ": gradient of " + p.what.name);
  }
}

TEST(Transformers, logits_loss_and_gradients_are_the_same) {
  for (const char* name : {"llama", "mixtral", "gpt2", "qwen3-moe", "deepseek-v3"}) {
    judge(name, nullptr);
    const auto here = kernels::capability_here();
    if (here != kernels::Capability::plain) judge(name, &kernels::table_of(here));
  }
}

}  // namespace
}  // namespace celere::nn
