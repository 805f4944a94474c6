// A trained model out of its run directory, ready to answer: the model that the frozen run file
// describes, the tokenizer beside it, the weights of a checkpoint.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "checkpoint/reader.hpp"
#include "infer/generate.hpp"
#include "nn/decoder.hpp"
#include "nn/parameters.hpp"
#include "spec/catalog.hpp"
#include "spec/run.hpp"
#include "tokens/tokenizer.hpp"
#include "wire/run_directory.hpp"

namespace celere::infer {

struct LoadedModel {
  spec::Run run;
  spec::Model model;
  tokens::Tokenizer tokenizer;
  std::unique_ptr<nn::Parameters> parameters;
  std::unique_ptr<nn::Decoder> decoder;
  std::string checkpoint;  // its folder
  std::int64_t step = 0;
  std::vector<checkpoint::Refused> refused;  // newer checkpoints, which do not verify

  Generator generator(const Clock& clock) const { return {*decoder, tokenizer, clock}; }
};

struct LoadOptions {
  wire::RunDirectory directory;
  // "step-000000120", "step-120" or "120" of the run directory, or a checkpoint's own folder;
  // empty: the newest that verifies.
  std::string checkpoint;
};

// In single precision, on this machine's processor. Errors: not_found, where run file, tokenizer
// or checkpoint are missing; bad_input, where the checkpoint's tensors are not the model's, each by
// name, or the tokenizer has more tokens than the model; corrupt.
Result<LoadedModel> load_model(const checkpoint::Storage& storage, const spec::Catalog& catalog,
                               const LoadOptions& options);

}  // namespace celere::infer
