// The model that a row describes.
//
// A row gives the counts of a transformer and leaves out what tables of runs do not print. What is
// empty comes, in this order, from
//
//   1. its *relative*: the model of the catalogue with the same width, heads and experts (or MLP),
//      whatever its depth: norms, biases, tied embeddings, latent attention, which layers have
//      experts, multi-token prediction, the vocabulary;
//   2. rules: as many key-value heads as heads; head size = width / heads; MLP of 4 widths, gated
//      ones of 8/3 widths; a vocabulary of 51,200 (GPT-2's, padded, as in Narayanan et al. 2021);
//      gated MLPs from 2023 on; gated models as Llama (RMS norms, no biases, own head), others as
//      GPT (layer norms, biases, tied head);
//   3. with the flag "mla" and no relative: the latent attention of DeepSeek-V3.
//
// `first_dense=N` and `mtp=N` of the flags win over the relative. Megatron-Bridge trains the
// multi-token prediction modules of a relative that has them unless the model's name says "w/o
// MTP"; the FLOP a token that it prints shows so.
//
// Leaves out: layers that are no transformer's (Mamba): such rows are refused.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "spec/model.hpp"
#include "study/published_run.hpp"

namespace celere::study {

struct RowModel {
  spec::Model model;
  std::vector<std::string> filled;  // columns that the row leaves empty
};

// Errors: unsupported or bad_input, in words that say what the row lacks. `known`: the models of
// the catalogue whose sources give everything.
Result<RowModel> model_of(const RunInputs& row, const std::vector<spec::Model>& known);

}  // namespace celere::study
