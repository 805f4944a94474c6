// The software that a row was run with: the stack, the switches that its flags throw, the number
// format, the optimizer.
//
// The stack follows from `framework`, `release` and `year` (the table in row_software.cpp, first
// match). NeMo's and MLPerf's releases are dated by the Megatron-Core inside: the recipes of DGX
// Cloud Benchmarking ("NeMo" without a number) ship with the NeMo of one or two releases before.
// What nobody fitted is the stack "unknown". Words of the row then change the stack's numbers:
//
// - no_comm_overlap: no overlap of tensor or data parallel traffic;
// - cuda_graphs: launches cost a share of their time;
// - a2a_overlap: a share of the exposed all-to-all of experts is hidden behind other chunks;
// - vboost: linear layers are faster, as the board shifts power to the tensor cores;
// - "Liger" in the framework: head and loss are fused, so that the logits are never whole.
//
// `token_drop` and `force_balanced` both mean that experts get equal work, which is assumed of
// every row.
#pragma once

#include <string>

#include "base/result.hpp"
#include "spec/precision.hpp"
#include "spec/run.hpp"
#include "spec/stack.hpp"
#include "study/published_run.hpp"

namespace celere::study {

// The name of the row's stack in the catalogue.
std::string stack_name_of(const RunInputs& row);

// By the stack's own numbers for them.
void apply_switches(const RunInputs& row, spec::Stack& stack);

// Errors: unsupported, where the text names no format that is known. Empty: bf16.
Result<spec::Precision> precision_of(const RunInputs& row);

spec::Optimizer optimizer_of(const RunInputs& row);

}  // namespace celere::study
