#include "nn/rerun.hpp"

#include <torch/csrc/autograd/autograd.h>

#include "nn/function.hpp"

namespace celere::nn {
namespace {

template <typename F>
struct Kept : torch::CustomClassHolder {
  explicit Kept(F f) : function(std::move(f)) {}
  F function;
};
template <typename F>
c10::IValue keep(const F& function) {
  return c10::IValue::make_capsule(c10::make_intrusive<Kept<F>>(function));
}
template <typename F>
F kept(const c10::IValue& value) {
  return static_cast<Kept<F>*>(value.toCapsule().get())->function;
}

struct Rerun : Function<Rerun> {
  static variable_list forward(AutogradContext* context, at::TensorList inputs,
                               const Piece& piece) {
    context->save_for_backward(inputs.vec());
    context->saved_data["piece"] = keep(piece);
    return piece(inputs.vec());
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    variable_list inputs;
    for (const at::Tensor& saved : context->get_saved_variables()) {
      inputs.push_back(saved.detach().requires_grad_(saved.is_floating_point()));
    }
    variable_list outputs, arrived;
    {
      const c10::AutoGradMode recording(true);
      const Tensors all = kept<Piece>(context->saved_data["piece"])(inputs);
      for (std::size_t i = 0; i < all.size(); ++i) {
        if (!gradients[i].defined()) continue;
        outputs.push_back(all[i]);
        arrived.push_back(gradients[i]);
      }
    }
    torch::autograd::backward(outputs, arrived);
    variable_list out;
    for (const at::Tensor& input : inputs) out.push_back(input.grad());
    out.emplace_back();
    return out;
  }
};

struct Notice : Function<Notice> {
  static variable_list forward(AutogradContext* context, at::TensorList tensors,
                               const std::function<void()>& tell) {
    context->saved_data["tell"] = keep(tell);
    variable_list out;
    for (const at::Tensor& tensor : tensors) out.push_back(tensor.view_as(tensor));
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    kept<std::function<void()>>(context->saved_data["tell"])();
    gradients.emplace_back();
    return gradients;
  }
};

}  // namespace

Tensors rerun(const Tensors& inputs, const Piece& piece) {
  return c10::GradMode::is_enabled() ? Rerun::apply(at::TensorList(inputs), piece) : piece(inputs);
}

Tensors noticed(const Tensors& tensors, const std::function<void()>& tell) {
  return c10::GradMode::is_enabled() ? Notice::apply(at::TensorList(tensors), tell) : tensors;
}

}  // namespace celere::nn
