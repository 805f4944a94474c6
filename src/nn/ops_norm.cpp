// Norms and rotary positions.
#include "nn/function.hpp"

namespace celere::nn {
namespace {

struct AddNorm : Function<AddNorm> {
  static variable_list forward(AutogradContext* context, const at::Tensor& x,
                               const std::optional<at::Tensor>& added, const NormWords& words,
                               at::ScalarType compute, const kernels::Table* table) {
    const at::Tensor branch = added ? added->contiguous() : at::Tensor();
    const std::int64_t rows = x.size(0), width = x.size(1);
    at::Tensor sum = branch.defined() ? at::empty_like(x) : x;
    at::Tensor out = at::empty({rows, width}, x.options().dtype(compute));
    at::Tensor inverse = at::empty({rows}, x.options());
    at::Tensor mean = words.centred ? at::empty({rows}, x.options()) : at::Tensor();
    with_type(compute, [&]<typename T>(T) {
      kernels::NormForward<T> f;
      f.x = read<float>(x);
      f.branch = read<T>(branch);
      f.sum = branch.defined() ? write<float>(sum) : nullptr;
      f.weight = read<float>(words.weight->value);
      f.bias = words.bias != nullptr ? read<float>(words.bias->value) : nullptr;
      f.out = write<T>(out);
      f.inverse = write<float>(inverse);
      f.mean = write<float>(mean);
      f.width = width;
      f.epsilon = static_cast<float>(words.epsilon);
      share_out(rows, 16, [&](kernels::Rows r) { table->of<T>().norm_forward(f, r); });
    });
    context->save_for_backward({sum, inverse, mean});
    remember(context, "weight", words.weight);
    remember(context, "bias", words.bias);
    remember(context, "table", table);
    context->saved_data["branch"] = branch.defined();
    if (!branch.defined()) return {out};
    return {sum, out};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &sum = saved[0], &inverse = saved[1], &mean = saved[2];
    const auto* weight = remembered<Parameter>(context, "weight");
    const auto* bias = remembered<Parameter>(context, "bias");
    const auto* table = remembered<kernels::Table>(context, "table");
    const bool with_branch = context->saved_data["branch"].toBool();
    const at::Tensor dy = (with_branch ? gradients[1] : gradients[0]).contiguous();
    const at::Tensor above =
        with_branch && gradients[0].defined() ? gradients[0].contiguous() : at::Tensor();
    const bool narrow = with_branch && dy.scalar_type() != at::kFloat;
    const std::int64_t rows = sum.size(0), width = sum.size(1);
    at::Tensor dx = at::empty_like(sum);
    at::Tensor dbranch = narrow ? at::empty_like(dy) : at::Tensor();
    const BlockSums dweight(rows, width), dbias(bias != nullptr ? rows : 0, width);
    with_type(dy.scalar_type(), [&]<typename T>(T) {
      kernels::NormBackward<T> f;
      f.sum = read<float>(sum);
      f.gradient = read<T>(dy);
      f.from_above = read<float>(above);
      f.weight = read<float>(weight->value);
      f.inverse = read<float>(inverse);
      f.mean = read<float>(mean);
      f.gradient_sum = write<float>(dx);
      f.gradient_branch = write<T>(dbranch);
      f.width = width;
      dweight.over_blocks([&](kernels::Rows r, std::int64_t line) {
        kernels::NormBackward<T> own = f;
        own.gradient_weight = dweight.line(line);
        own.gradient_bias = bias != nullptr ? dbias.line(line) : nullptr;
        table->of<T>().norm_backward(own, r);
      });
    });
    dweight.add_to(gradient_of(*weight));
    if (bias != nullptr) dbias.add_to(gradient_of(*bias));
    if (with_branch && !narrow) dbranch = dx;
    return {dx, dbranch, {}, {}, {}};
  }
};

at::Tensor plain_norm(const at::Tensor& x, const NormWords& words, at::ScalarType compute) {
  const at::Tensor centred = words.centred ? x - x.mean(-1, true) : x;
  const at::Tensor inverse = (centred.square().mean(-1, true) + words.epsilon).rsqrt();
  at::Tensor out = centred * inverse * words.weight->value;
  if (words.bias != nullptr) out = out + words.bias->value;
  return out.to(compute);
}

struct Rotate : Function<Rotate> {
  template <typename T>
  static kernels::Rotary<T> filled(const RotaryWords& words, const at::Tensor& x,
                                   const at::Tensor& position, const at::Tensor& inverse) {
    kernels::Rotary<T> f;
    f.x = read<T>(x);
    f.weight = words.norm != nullptr ? read<float>(words.norm->value) : nullptr;
    f.inverse = write<float>(inverse);
    f.cosine = read<float>(words.cosine);
    f.sine = read<float>(words.sine);
    f.position = read<std::int32_t>(position);
    f.heads = words.heads;
    f.dim = words.dim;
    f.rotated = words.rotated;
    f.epsilon = static_cast<float>(words.epsilon);
    return f;
  }

  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const RotaryWords* words,
                            const at::Tensor& position, const kernels::Table* table) {
    at::Tensor out = at::empty_like(x);
    at::Tensor inverse = words->norm != nullptr
                             ? at::empty({x.size(0), words->heads}, x.options().dtype(at::kFloat))
                             : at::Tensor();
    with_type(x.scalar_type(), [&]<typename T>(T) {
      kernels::Rotary<T> f = filled<T>(*words, x, position, inverse);
      f.out = write<T>(out);
      share_out(x.size(0), 32, [&](kernels::Rows r) { table->of<T>().rotary_forward(f, r); });
    });
    // Without a norm the way back needs the angles alone.
    context->save_for_backward({words->norm != nullptr ? x : at::Tensor(), inverse, position});
    remember(context, "words", words);
    remember(context, "table", table);
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const auto* words = remembered<RotaryWords>(context, "words");
    const auto* table = remembered<kernels::Table>(context, "table");
    const at::Tensor dy = gradients[0].contiguous();
    at::Tensor dx = at::empty_like(dy);
    const BlockSums dweight(dy.size(0), words->dim);
    with_type(dy.scalar_type(), [&]<typename T>(T) {
      kernels::Rotary<T> f = filled<T>(*words, saved[0], saved[2], saved[1]);
      f.gradient = read<T>(dy);
      f.gradient_x = write<T>(dx);
      dweight.over_blocks([&](kernels::Rows r, std::int64_t line) {
        kernels::Rotary<T> own = f;
        own.gradient_weight = dweight.line(line);
        table->of<T>().rotary_backward(own, r);
      });
    });
    if (words->norm != nullptr) dweight.add_to(gradient_of(*words->norm));
    return {dx, {}, {}, {}};
  }
};

at::Tensor plain_rotary(const at::Tensor& x, const RotaryWords& words, const at::Tensor& position) {
  at::Tensor heads = x.view({x.size(0), words.heads, words.dim});
  if (words.norm != nullptr) {
    heads = plain_norm(heads, {words.norm, nullptr, false, words.epsilon}, x.scalar_type());
  }
  if (words.rotated > 0) {
    const std::int64_t half = words.rotated / 2;
    const auto angles = [&](const at::Tensor& table) {
      return rows_of(table, position).to(x.scalar_type()).unsqueeze(1);
    };
    const at::Tensor cosine = angles(words.cosine), sine = angles(words.sine);
    const at::Tensor first = heads.narrow(2, 0, half), second = heads.narrow(2, half, half);
    heads = at::cat({first * cosine - second * sine, second * cosine + first * sine,
                     heads.narrow(2, words.rotated, words.dim - words.rotated)},
                    2);
  }
  return heads.reshape({x.size(0), words.heads * words.dim});
}

}  // namespace

void rotary_tables(std::int64_t positions, std::int64_t rotated, double theta, at::Tensor& cosine,
                   at::Tensor& sine) {
  const at::TensorOptions exact = at::kDouble;
  const at::Tensor power = at::arange(0, rotated, 2, exact) / static_cast<double>(rotated);
  const at::Tensor angle =
      at::outer(at::arange(positions, exact), at::pow(at::scalar_tensor(theta, exact), -power));
  cosine = angle.cos().to(at::kFloat).contiguous();
  sine = angle.sin().to(at::kFloat).contiguous();
}

std::pair<at::Tensor, at::Tensor> Ops::add_norm(const at::Tensor& x, const at::Tensor& branch,
                                                const NormWords& words) const {
  if (fast()) {
    const variable_list out = AddNorm::apply(x, if_defined(branch), words, types_.compute, table_);
    return branch.defined() ? std::pair(out[0], out[1]) : std::pair(x, out[0]);
  }
  const at::Tensor sum = branch.defined() ? x + branch.to(x.scalar_type()) : x;
  return {sum, plain_norm(sum, words, types_.compute)};
}

at::Tensor Ops::norm(const at::Tensor& x, const NormWords& words) const {
  return add_norm(x.to(types_.master), {}, words).second;
}

at::Tensor Ops::rotary(const at::Tensor& x, const RotaryWords& words,
                       const at::Tensor& position) const {
  if (words.norm == nullptr && words.rotated == 0) return x;
  const at::Tensor own = own_rows(position, x.size(0));
  if (fast()) return Rotate::apply(x.contiguous(), &words, own, table_);
  return plain_rotary(x, words, own);
}

}  // namespace celere::nn
