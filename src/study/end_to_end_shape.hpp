// What a row of whole trainings leaves out, filled in by rules that are the same for every row.
//
// - Model: the one of the catalogue that shares a word of its name and whose parameters are within
//   5 % (active ones within 15 %); else a shape from the counts alone:
//     dense     depth = width / 128, as GPT-3, Llama 2 and Llama 3 have it within a third (GPT-3
//               175B: 96 layers of 12,288; Llama 3 8B: 32 of 4,096), heads of 128, a gated MLP of
//               what is left of the parameters;
//     experts   the dense shape of the active parameters, whose MLP is cut into k experts of a
//               token: 2 where the total is below 10 times the active (Mixtral, Grok, Phi-3.5), 8
//               above (DeepSeek, Qwen3, Kimi), and as many in all as the total holds.
// - GPU: the first name of a chip that stands in the text; "A100" alone is the 80 GB card; the
//   fabric is the maker's reference design (row_place.hpp).
// - Count empty: the power of two that ends nearest to 30 days at 40 % of the bf16 peak, from 64 to
//   16,384.
// - Precision empty: bf16. MLPerf without one format: fp8, and from round 5.1 on nvfp4 on chips
//   that have it, as most submissions on Blackwell did.
// - Sequence empty: 4,096, as Llama 2, and no more than learned positions; MLPerf: the benchmark's.
// - Batch empty: half the critical batch at these tokens [Zhang et al. 2024, arXiv 2410.21676], as
//   dense trainings had it within a factor of two (OPT, Pythia, LLaMA, Llama 3, Nemotron-4);
//   twice the critical batch with experts (DeepSeek-V2 and V3: 38 M and 63 M tokens); at least
//   1,024 tokens a GPU (Llama 3 405B, MegaScale). MLPerf: the batch that the benchmark's reference
//   uses. A batch that is assumed grows to what the layout divides.
// - Software: MLPerf's by its round (row_software.hpp); else what the catalogue assumes of the
//   reference design: of an A100 Megatron-LM of 2022, of an H100 Megatron-Core of 2025.
//
// What was assumed is said in words.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "spec/model.hpp"
#include "study/end_to_end_run.hpp"
#include "study/published_run.hpp"

namespace celere::study {

struct WholeShape {
  spec::Model model;
  RunInputs run;  // what row_place.hpp and row_software.hpp read; gpus, sequence, batch are set
  bool known_model = false;
  bool known_batch = false;
  std::vector<std::string> assumed;
};

// Errors: unsupported, in words: tokens or parameters are empty, or no chip is named.
Result<WholeShape> shape_of_whole(const WholeInputs& inputs, const std::vector<spec::Model>& known);

// Evaluations that the rules of MLPerf demand, in sequences.
struct Evaluations {
  double every = 0;      // trained ones between two
  double sequences = 0;  // of each, forward alone
};
Evaluations evaluations_of(const WholeInputs& inputs);

// The name of the chip in the words of published rows ("H100-SXM"); empty: none is named.
std::string gpu_named_in(std::string_view text);

}  // namespace celere::study
