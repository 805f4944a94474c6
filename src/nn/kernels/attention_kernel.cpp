// Causal attention inside documents, for sequences whose scores of a block of queries fit the
// cache.
//
//   P = softmax(scale Q K' + mask)      O = P V
//   dV = P' dO     dP = dO V'     dS = P (dP - rowsum(dO O))     dQ = scale dS K     dK = scale dS'
//   Q
//
// The backward pass makes P anew from the sums that the forward pass kept [Dao et al. 2022]. Blocks
// of queries meet only the keys from the first document in the block to its last query. Everything
// is computed in float, whatever T is.
#include "nn/kernels/small_product.hpp"
#include "nn/kernels/vector.hpp"
#include "nn/kernels/widths.hpp"

namespace celere::nn::kernels::CELERE_CAPABILITY {
namespace {

inline constexpr std::int64_t query_block = 32;
inline constexpr std::int64_t pad = 32;
inline std::int64_t padded(std::int64_t n) { return (n + pad - 1) / pad * pad; }

// Rows of one head, as float: [count][width padded], the padding zero.
template <typename T>
void take_rows(const T* from, std::int64_t stride, std::int64_t count, std::int64_t width,
               float* to) {
  const std::int64_t to_row = padded(width);
  for (std::int64_t r = 0; r < count; ++r) {
    const T* in = from + r * stride;
    float* out = to + r * to_row;
    std::int64_t i = 0;
    for (; i + two <= width; i += two) store2(out + i, load2(in + i));
    for (; i < width; ++i) out[i] = static_cast<float>(in[i]);
    for (; i < to_row; ++i) out[i] = 0;
  }
}

// The transpose: [width][length padded].
template <typename T>
void take_columns(const T* from, std::int64_t stride, std::int64_t count, std::int64_t width,
                  float* to) {
  const std::int64_t to_row = padded(count);
  for (std::int64_t r = 0; r < count; ++r) {
    for (std::int64_t i = 0; i < width; ++i) {
      to[i * to_row + r] = static_cast<float>(from[r * stride + i]);
    }
  }
  for (std::int64_t i = 0; i < width; ++i) {
    for (std::int64_t r = count; r < to_row; ++r) to[i * to_row + r] = 0;
  }
}

template <typename T>
void give_rows(const float* from, std::int64_t count, std::int64_t width, T* to,
               std::int64_t stride) {
  const std::int64_t from_row = padded(width);
  for (std::int64_t r = 0; r < count; ++r) {
    const float* in = from + r * from_row;
    T* out = to + r * stride;
    std::int64_t i = 0;
    for (; i + two <= width; i += two) store2(out + i, load2(in + i));
    for (; i < width; ++i) out[i] = static_cast<T>(in[i]);
  }
}

// A block of queries [begin, end) and the keys [low, high) that it meets.
struct Block {
  std::int64_t begin, end, low, high;
  std::int64_t rows() const { return end - begin; }
  std::int64_t keys() const { return high - low; }
};

Block block_at(const std::int32_t* start, std::int64_t begin, std::int64_t length) {
  const std::int64_t end = begin + query_block < length ? begin + query_block : length;
  return {begin, end, start[begin] / pad * pad, padded(end)};
}

// exp(scale s - shift) over the keys that query i sees, zero over the others of the block.
inline void exponentials(float* score, const Block& block, std::int64_t query, std::int64_t start,
                         float scale, float shift) {
  const Vec factor(scale), down(shift);
  for (std::int64_t j = 0; j < block.keys(); j += lanes) {
    (Vec::loadu(score + j) * factor - down).exp_u20().store(score + j);
  }
  for (std::int64_t j = block.low; j < start; ++j) score[j - block.low] = 0;
  for (std::int64_t j = query + 1; j < block.high; ++j) score[j - block.low] = 0;
}

// Makes probabilities of one row of scores; gives log(sum exp(scale s)).
inline float softmax(float* score, const Block& block, std::int64_t query, std::int64_t start,
                     float scale) {
  float most = -INFINITY;
  for (std::int64_t j = start - block.low; j <= query - block.low; ++j) {
    most = score[j] > most ? score[j] : most;
  }
  exponentials(score, block, query, start, scale, most * scale);
  Vec total(0.f);
  for (std::int64_t j = 0; j < block.keys(); j += lanes) total = total + Vec::loadu(score + j);
  const float sum = sum_of(total);
  const Vec inverse(1 / sum);
  for (std::int64_t j = 0; j < block.keys(); j += lanes) {
    (Vec::loadu(score + j) * inverse).store(score + j);
  }
  return most * scale + std::log(sum);
}

template <typename T>
void attend_forward(const Attend<T>& f, Rows rows) {
  const std::int64_t length = f.length, width = padded(length);
  const std::int64_t dim = padded(f.dim), value_dim = padded(f.value_dim);
  const std::int64_t group = f.heads / f.kv_heads;
  float* keys = f.scratch;
  float* values = keys + f.dim * width;
  float* queries = values + width * value_dim;
  float* scores = queries + query_block * dim;
  float* out = scores + query_block * width;
  for (std::int64_t pair = rows.begin; pair < rows.end; ++pair) {
    const std::int64_t first = pair / f.kv_heads * length, kv = pair % f.kv_heads;
    const std::int32_t* start = f.start + first;
    take_columns(f.k + (first * f.kv_heads + kv) * f.dim, f.kv_heads * f.dim, length, f.dim, keys);
    take_rows(f.v + (first * f.kv_heads + kv) * f.value_dim, f.kv_heads * f.value_dim, length,
              f.value_dim, values);
    for (std::int64_t i = length * value_dim; i < width * value_dim; ++i) values[i] = 0;
    for (std::int64_t h = kv * group; h < (kv + 1) * group; ++h) {
      for (std::int64_t begin = 0; begin < length; begin += query_block) {
        const Block block = block_at(start, begin, length);
        const std::int64_t row = first + begin;
        take_rows(f.q + (row * f.heads + h) * f.dim, f.heads * f.dim, block.rows(), f.dim, queries);
        product<false>({queries, dim, 1}, keys + block.low, width, scores, width,
                       {block.rows(), f.dim, block.keys()});
        for (std::int64_t r = 0; r < block.rows(); ++r) {
          f.log_sum[(row + r) * f.heads + h] =
              softmax(scores + r * width, block, begin + r, start[begin + r], f.scale);
        }
        product<false>({scores, width, 1}, values + block.low * value_dim, value_dim, out,
                       value_dim, {block.rows(), block.keys(), value_dim});
        give_rows(out, block.rows(), f.value_dim, f.out + (row * f.heads + h) * f.value_dim,
                  f.heads * f.value_dim);
      }
    }
  }
}

// What the backward pass of one pair holds.
struct Held {
  float *keys_t, *values_t, *keys, *gradient_keys, *gradient_values;
  float *queries, *gradient_queries, *gradient_out, *out, *probabilities, *slopes;
};

template <typename T>
Held laid_out(const Attend<T>& f) {
  const std::int64_t width = padded(f.length), dim = padded(f.dim), value = padded(f.value_dim);
  Held held{};
  float* at = f.scratch;
  const auto take = [&](std::int64_t count) {
    float* here = at;
    at += count;
    return here;
  };
  held.keys_t = take(f.dim * width);
  held.values_t = take(f.value_dim * width);
  held.keys = take(width * dim);
  held.gradient_keys = take(width * dim);
  held.gradient_values = take(width * value);
  held.queries = take(query_block * dim);
  held.gradient_queries = take(query_block * dim);
  held.gradient_out = take(query_block * value);
  held.out = take(query_block * value);
  held.probabilities = take(query_block * width);
  held.slopes = take(query_block * width);
  return held;
}

// dS of one row, from P, dP and rowsum(dO O); all that lies outside the mask stays zero, since P
// is.
inline void slopes_of(const float* probability, float* slope, std::int64_t keys, float delta,
                      float scale) {
  const Vec shift(delta), factor(scale);
  for (std::int64_t j = 0; j < keys; j += lanes) {
    const Vec p = Vec::loadu(probability + j), d = Vec::loadu(slope + j);
    (p * (d - shift) * factor).store(slope + j);
  }
}

template <typename T>
void backward_block(const Attend<T>& f, const Held& held, const Block& block, std::int64_t first,
                    std::int64_t h) {
  const std::int64_t width = padded(f.length), dim = padded(f.dim), value = padded(f.value_dim);
  const std::int64_t row = first + block.begin;
  const std::int64_t place = (row * f.heads + h) * f.value_dim, stride = f.heads * f.value_dim;
  take_rows(f.q + (row * f.heads + h) * f.dim, f.heads * f.dim, block.rows(), f.dim, held.queries);
  take_rows(f.gradient + place, stride, block.rows(), f.value_dim, held.gradient_out);
  take_rows(f.out + place, stride, block.rows(), f.value_dim, held.out);
  product<false>({held.queries, dim, 1}, held.keys_t + block.low, width, held.probabilities, width,
                 {block.rows(), f.dim, block.keys()});
  product<false>({held.gradient_out, value, 1}, held.values_t + block.low, width, held.slopes,
                 width, {block.rows(), f.value_dim, block.keys()});
  for (std::int64_t r = 0; r < block.rows(); ++r) {
    const std::int64_t query = block.begin + r;
    exponentials(held.probabilities + r * width, block, query, f.start[first + query], f.scale,
                 f.log_sum[(row + r) * f.heads + h]);
    Vec delta(0.f);
    for (std::int64_t i = 0; i < value; i += lanes) {
      delta = at::vec::fmadd(Vec::loadu(held.out + r * value + i),
                             Vec::loadu(held.gradient_out + r * value + i), delta);
    }
    slopes_of(held.probabilities + r * width, held.slopes + r * width, block.keys(), sum_of(delta),
              f.scale);
  }
  const Extents by_key{block.keys(), block.rows(), value};
  product<true>({held.probabilities, 1, width}, held.gradient_out, value,
                held.gradient_values + block.low * value, value, by_key);
  product<true>({held.slopes, 1, width}, held.queries, dim, held.gradient_keys + block.low * dim,
                dim, {block.keys(), block.rows(), dim});
  product<false>({held.slopes, width, 1}, held.keys + block.low * dim, dim, held.gradient_queries,
                 dim, {block.rows(), block.keys(), dim});
  give_rows(held.gradient_queries, block.rows(), f.dim, f.gradient_q + (row * f.heads + h) * f.dim,
            f.heads * f.dim);
}

template <typename T>
void attend_backward(const Attend<T>& f, Rows rows) {
  const std::int64_t length = f.length, width = padded(length);
  const std::int64_t dim = padded(f.dim), value = padded(f.value_dim);
  const std::int64_t group = f.heads / f.kv_heads;
  const Held held = laid_out(f);
  for (std::int64_t pair = rows.begin; pair < rows.end; ++pair) {
    const std::int64_t first = pair / f.kv_heads * length, kv = pair % f.kv_heads;
    const std::int64_t k_place = (first * f.kv_heads + kv) * f.dim, k_row = f.kv_heads * f.dim;
    const std::int64_t v_place = (first * f.kv_heads + kv) * f.value_dim;
    const std::int64_t v_row = f.kv_heads * f.value_dim;
    take_columns(f.k + k_place, k_row, length, f.dim, held.keys_t);
    take_columns(f.v + v_place, v_row, length, f.value_dim, held.values_t);
    take_rows(f.k + k_place, k_row, length, f.dim, held.keys);
    for (std::int64_t i = length * dim; i < width * dim; ++i) held.keys[i] = 0;
    for (std::int64_t i = 0; i < width * dim; ++i) held.gradient_keys[i] = 0;
    for (std::int64_t i = 0; i < width * value; ++i) held.gradient_values[i] = 0;
    for (std::int64_t h = kv * group; h < (kv + 1) * group; ++h) {
      for (std::int64_t begin = 0; begin < length; begin += query_block) {
        backward_block(f, held, block_at(f.start + first, begin, length), first, h);
      }
    }
    give_rows(held.gradient_keys, length, f.dim, f.gradient_k + k_place, k_row);
    give_rows(held.gradient_values, length, f.value_dim, f.gradient_v + v_place, v_row);
  }
}

}  // namespace

template <typename T>
void add_attention(TypedTable<T>& table) {
  table.attend_forward = attend_forward<T>;
  table.attend_backward = attend_backward<T>;
}
template void add_attention(TypedTable<float>&);
template void add_attention(TypedTable<BFloat16>&);

}  // namespace celere::nn::kernels::CELERE_CAPABILITY
