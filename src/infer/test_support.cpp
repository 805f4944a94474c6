#include "infer/test_support.hpp"

#include "nn/optimizer.hpp"

namespace celere::infer {
namespace {

const nn::kernels::Table* table_here() {
  const auto here = nn::kernels::capability_here();
  return here == nn::kernels::Capability::plain ? nullptr : &nn::kernels::table_of(here);
}

constexpr nn::Types single{at::kFloat, at::kFloat};

// One step over all questions, padding counted out.
void train(const SmallModel& model, nn::Parameters& parameters, int steps) {
  nn::Optimizer optimizer(spec::Optimizer::adamw, {.learning_rate = 1e-2}, parameters,
                          table_here());
  std::vector<nn::Batch> batches;
  for (const auto& [question, answer] : test_questions()) {
    const std::vector<std::int32_t> document = model.tokenizer.chat_document(question, answer);
    batches.push_back(nn::plain_batch(at::tensor(document, at::kLong).unsqueeze(0),
                                      model.decoder.model().bigram_embeddings));
  }
  for (int i = 0; i < steps; ++i) {
    parameters.zero_gradients();
    for (const nn::Batch& batch : batches) {
      model.decoder.loss(batch, {.head = 0.01, .balance = 1}).total().backward();
    }
    optimizer.step(1, 1);
  }
}

}  // namespace

const std::vector<tokens::QuestionAnswer>& test_questions() {
  static const std::vector<tokens::QuestionAnswer> questions = {
      {"What is a violin?", "Bowed stringed instrument, the highest of its family."},
      {"What is a cello?", "A large stringed instrument; seated player holds it upright."},
      {"What is water?", "Binary compound that occurs at room temperature as a clear liquid."},
      {"What is a dog?", "A member of the genus Canis that has been domesticated by man."},
      {"What is a car?", "A motor vehicle with four wheels."},
      {"What is a doctor?", "A licensed medical practitioner."},
      {"What is an hour?", "A period of time equal to 1/24th of a day."},
      {"What is a café?", "A small restaurant where drinks and snacks are sold, às vezes tarde."},
  };
  return questions;
}

spec::Model test_model() {
  spec::Model m;
  m.name = "small";
  m.layers = 2;
  m.hidden = 48;
  m.ffn = 96;
  m.vocab = test_vocabulary;
  m.context = 96;
  m.attention.heads = 4;
  m.attention.kv_heads = 2;
  m.attention.head_dim = 12;
  m.attention.value_dim = 12;
  m.bigram_embeddings = 128;
  m.initial_std = 0.15;
  return m;
}

tokens::Tokenizer test_tokenizer(Files& files, const std::string& folder) {
  std::vector<std::string> texts;
  for (const auto& [question, answer] : test_questions()) texts.push_back(question + " " + answer);
  const auto model = tokens::train_model(texts, {.vocabulary = 350});
  EXPECT_TRUE(model.ok()) << (model.ok() ? "" : model.error().text());
  EXPECT_TRUE(tokens::Tokenizer::save(files, folder, *model, true).ok());
  auto tokenizer = tokens::Tokenizer::load(files, folder);
  EXPECT_TRUE(tokenizer.ok()) << (tokenizer.ok() ? "" : tokenizer.error().text());
  return std::move(tokenizer).value();
}

SmallModel::SmallModel(int steps, const spec::Model& model)
    : tokenizer(test_tokenizer(*files, folder.path())),
      parameters(model, single, at::kCPU),
      decoder(model, parameters, nn::Ops(single, table_here()), model.context) {
  at::set_num_threads(1);  // more would wait for each other longer than they compute
  parameters.initialise(model, 3);
  train(*this, parameters, steps);
}

}  // namespace celere::infer
