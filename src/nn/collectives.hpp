// Collectives under autograd: each is the other's backward pass.
//
//   gather_rows     [rows, ...] -> [size rows, ...]     backward: scatter_rows
//   scatter_rows    the sum over ranks, of which each keeps its rows     backward: gather_rows
//   sum             the sum over ranks, used alike by all     backward: nothing
//   sum_gradient    nothing     backward: the sum over ranks
//   exchange        rows to other ranks     backward: the rows go back
//
// [Megatron-LM's mappings: Shoeybi et al. 2019, Korthikanti et al. 2022]. A group of one changes
// nothing. A collective that fails throws GroupBroken, which nn/training_step.cpp catches: an error
// has no other way through autograd.
#pragma once

#include <exception>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "nn/process_group.hpp"

namespace celere::nn {

struct GroupBroken : std::exception {
  explicit GroupBroken(Error e) : error(std::move(e)) {}
  const char* what() const noexcept override { return error.message.c_str(); }
  Error error;
};
void finish(Pending pending);
// Calls it. Errors: that of the group that broke meanwhile.
Status guarded(const std::function<void()>& function);

// Each number becomes its sum over the ranks. Errors: io.
Status sum_over(const ProcessGroup& group, std::span<double> numbers);

// The group must outlive the graph.
at::Tensor gather_rows(const at::Tensor& x, const ProcessGroup& group);
at::Tensor scatter_rows(const at::Tensor& x, const ProcessGroup& group);
at::Tensor sum(const at::Tensor& x, const ProcessGroup& group);
at::Tensor sum_gradient(const at::Tensor& x, const ProcessGroup& group);

using Rows = ProcessGroup::Rows;
// x holds from_rows[r] rows for rank r; the result to_rows[r] rows of it.
at::Tensor exchange(const at::Tensor& x, const Rows& to_rows, const Rows& from_rows,
                    const ProcessGroup& group);

// Equal parts along dimension 0: x [size, ...] -> [size, ...].
at::Tensor exchange_evenly(const at::Tensor& x, const ProcessGroup& group);

}  // namespace celere::nn
