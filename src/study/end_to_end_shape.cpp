#include "study/end_to_end_shape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <set>

#include "study/row_model.hpp"
#include "study/words.hpp"

namespace celere::study {
namespace {

constexpr int vocab = 51'200;  // of a shape by the law; row_model.hpp has the source
constexpr int head_size = 128;
constexpr double depth_share = 128;  // width / depth

struct Gpu {
  std::string_view text;  // what the cell contains, in capitals
  std::string_view name;  // in published rows
  double bf16_peak;       // TFLOP/s: for the count that nobody states
};
// The first that stands in the text: GB200 before B200, memory sizes before the bare name.
constexpr std::array gpus = {
    Gpu{"GB300", "GB300", 2500},   Gpu{"GB200", "GB200", 2500},
    Gpu{"GH200", "GH200", 989},    Gpu{"B300", "B300", 2250},
    Gpu{"B200", "B200", 2250},     Gpu{"H200", "H200", 989},
    Gpu{"H800", "H800", 989},      Gpu{"H100", "H100-SXM", 989},
    Gpu{"A800", "A800-80GB", 312}, Gpu{"A100-40GB", "A100-40GB", 312},
    Gpu{"A100", "A100-80GB", 312}, Gpu{"MI355X", "MI355X", 2301},
    Gpu{"MI350X", "MI350X", 2110}, Gpu{"MI300X", "MI300X", 1307},
};

std::string capitals(std::string_view text) {
  std::string out(text);
  for (char& letter : out) {
    letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  }
  return out;
}

// Runs of letters, in capitals: "Llama-2 70B" has LLAMA and B.
std::set<std::string> words_of(std::string_view text) {
  std::set<std::string> words;
  std::string word;
  for (const char letter : capitals(text) + " ") {
    if (std::isalpha(static_cast<unsigned char>(letter)) != 0) {
      word += letter;
    } else {
      if (word.size() >= 3) words.insert(word);
      word.clear();
    }
  }
  return words;
}

double distance(double a, double b) { return std::abs(std::log(a / b)); }

const spec::Model* named(const WholeInputs& inputs, const std::vector<spec::Model>& known) {
  constexpr double near = 0.05, near_active = 0.15;
  const std::set<std::string> words = words_of(inputs.model);
  const spec::Model* best = nullptr;
  double best_distance = near;
  for (const spec::Model& model : known) {
    const std::set<std::string> other = words_of(model.name + " " + model.title);
    const bool shared = std::any_of(words.begin(), words.end(),
                                    [&](const std::string& word) { return other.count(word) > 0; });
    if (!shared) continue;
    const spec::ParameterCount count = spec::count_parameters(model);
    const double off = distance(*inputs.parameters, static_cast<double>(count.total));
    const double active = inputs.active.value_or(*inputs.parameters);
    if (distance(active, static_cast<double>(count.active)) > near_active && model.experts)
      continue;
    if (off <= best_distance) {
      best = &model;
      best_distance = off;
    }
  }
  return best;
}

int rounded(double value, int step) {
  return std::max(1, static_cast<int>(std::lround(value / step))) * step;
}

// The dense shape of so many parameters: 12 width^2 a layer, and embedding and head.
RunInputs dense_shape(double parameters) {
  const auto size = [](double width) {
    return 12 * width * width * width / depth_share + 2 * vocab * width;
  };
  double width = 64;
  while (size(width) < parameters) width += 8;
  const int hidden = width < 4096 ? rounded(width, 256) : rounded(width, 1024);
  const double per_layer = 12.0 * hidden * hidden;
  const double in_layers = std::max(per_layer, parameters - 2.0 * vocab * hidden);
  RunInputs run;
  run.hidden = hidden;
  run.layers = rounded(in_layers / per_layer, 4);
  run.heads = hidden / head_size;
  run.vocab = vocab;
  run.gated = 1;
  const double attention = 4.0 * hidden * hidden;
  const double mlp = std::max(attention, in_layers / static_cast<double>(*run.layers) - attention);
  run.ffn = rounded(mlp / (3.0 * hidden), 128);
  return run;
}

RunInputs expert_shape(double parameters, double active) {
  constexpr double coarse_below = 10;
  RunInputs run = dense_shape(active);
  const int k = parameters / active < coarse_below ? 2 : 8;
  run.top_k = k;
  const int width = rounded(static_cast<double>(*run.ffn) / k, 64);
  run.expert_ffn = width;
  const double of_one =
      3.0 * static_cast<double>(*run.hidden) * width * static_cast<double>(*run.layers);
  const double others = active - k * of_one;
  run.experts = std::max<std::int64_t>(k, rounded((parameters - others) / of_one, k == 2 ? 4 : 8));
  run.ffn = std::nullopt;
  run.shared_experts = 0;
  return run;
}

Result<spec::Model> model_by_law(const WholeInputs& inputs, const std::vector<spec::Model>& known) {
  const double active = inputs.active.value_or(*inputs.parameters);
  const bool experts = active < 0.8 * *inputs.parameters;
  RunInputs run = experts ? expert_shape(*inputs.parameters, active) : dense_shape(active);
  run.model_name = inputs.model;
  ASSIGN_OR_RETURN(RowModel row, model_of(run, experts ? std::vector<spec::Model>{} : known));
  return std::move(row.model);
}

struct Reference {
  std::string_view benchmark;
  std::int64_t sequence, batch;
  Evaluations evaluations;
};
// github.com/mlcommons/training: GPT-3 is evaluated every 24,576 sequences on 24,567 examples that
// pack into 5,659; the 405B every 46,080 on 5,760 (large_language_model/nemo). The 8B every 12,288
// on 1,024 (github.com/vuiseng9/mlperf-t5.1-rundown).
constexpr std::array references = {
    Reference{"gpt3", 2048, 2048, {24'576, 5'659}},
    Reference{"llama31_405b", 8192, 1152, {46'080, 5'760}},
    Reference{"llama31_8b", 8192, 32, {12'288, 1'024}},
};

const Reference* reference_of(const WholeInputs& inputs) {
  for (const Reference& one : references) {
    if (one.benchmark == inputs.benchmark) return &one;
  }
  return nullptr;
}

void set_software(WholeShape& out, const WholeInputs& inputs) {
  RunInputs& run = out.run;
  if (!inputs.mlperf()) return;
  run.framework = "NeMo/Megatron-Core (MLPerf)";
  run.release = "MLPerf " + inputs.round;
  run.year = inputs.round < "v4" ? 2023 : inputs.round < "v5" ? 2024 : 2025;
  if (capitals(inputs.system).find("EOS") != std::string::npos) run.interconnect = "Eos";
}

void set_precision(WholeShape& out, const WholeInputs& inputs) {
  RunInputs& run = out.run;
  const std::string text = capitals(inputs.precision);
  if (inputs.mlperf()) {
    const bool has_fp4 = contains(run.gpu, "B200") || contains(run.gpu, "B300");
    const bool said = text == "FP8" || text == "NVFP4" || text == "BF16";
    run.precision = has_fp4 && inputs.round >= "v5.1" ? "nvfp4" : "fp8";
    if (said) {
      run.precision = text == "FP8" ? "fp8" : text == "BF16" ? "bf16" : "nvfp4";
    } else {
      out.assumed.push_back("precision " + run.precision);
    }
    return;
  }
  if (contains(text, "FP8")) {
    run.precision = "fp8";
  } else if (contains(text, "FP4")) {
    run.precision = "nvfp4";
  } else if (contains(text, "FP16") && !contains(text, "BF16")) {
    run.precision = "fp16";
  } else {
    run.precision = "bf16";
    if (text.empty()) out.assumed.emplace_back("precision bf16");
  }
}

void set_count(WholeShape& out, const WholeInputs& inputs, double bf16_peak) {
  constexpr double days = 30, share = 0.4, least = 64, most = 16'384;
  if (inputs.gpus) {
    out.run.gpus = inputs.gpus;
    return;
  }
  const double active = inputs.active.value_or(*inputs.parameters);
  const double work = 6 * active * inputs.tokens->in_base();
  const double wanted = work / (share * bf16_peak * 1e12 * days * 86'400);
  const double count = std::exp2(std::round(std::log2(std::clamp(wanted, least, most))));
  out.run.gpus = static_cast<std::int64_t>(count);
  out.assumed.push_back(fmt::format("{} GPUs", *out.run.gpus));
}

constexpr double least_tokens_a_gpu = 1024;

// Zhang et al. 2024, arXiv 2410.21676: 22.91 D^0.47 sequences of 512 tokens, D in millions.
double usual_batch(Tokens tokens, bool experts) {
  constexpr double dense_share = 0.5, experts_share = 2;
  const double critical = 22.91 * 512 * std::pow(tokens.in_base() / 1e6, 0.47);
  return (experts ? experts_share : dense_share) * critical;
}

void set_batch(WholeShape& out, const WholeInputs& inputs) {
  RunInputs& run = out.run;
  const Reference* reference = reference_of(inputs);
  run.sequence = inputs.sequence;
  if (!run.sequence) {
    std::int64_t sequence = reference != nullptr ? reference->sequence : 4096;
    if (out.model.position == spec::Position::learned && out.model.context > 0) {
      sequence = std::min<std::int64_t>(sequence, out.model.context);
    }
    run.sequence = sequence;
    out.assumed.push_back(fmt::format("sequence {}", sequence));
  }
  run.global_batch = inputs.global_batch;
  out.known_batch = run.global_batch.has_value();
  if (out.known_batch) return;
  if (reference != nullptr) {
    run.global_batch = reference->batch;
  } else {
    const double length = static_cast<double>(*run.sequence);
    const double tokens = std::max(usual_batch(*inputs.tokens, out.model.experts.has_value()),
                                   least_tokens_a_gpu * static_cast<double>(*run.gpus));
    const double sequences = std::max(1.0, tokens / length);
    run.global_batch = static_cast<std::int64_t>(std::exp2(std::round(std::log2(sequences))));
  }
  out.assumed.push_back(fmt::format("batch {} sequences", *run.global_batch));
}

}  // namespace

std::string gpu_named_in(std::string_view text) {
  const std::string upper = capitals(text);
  for (const Gpu& gpu : gpus) {
    if (contains(upper, gpu.text)) return std::string(gpu.name);
  }
  return "";
}

Evaluations evaluations_of(const WholeInputs& inputs) {
  const Reference* reference = inputs.mlperf() ? reference_of(inputs) : nullptr;
  return reference != nullptr ? reference->evaluations : Evaluations{};
}

Result<WholeShape> shape_of_whole(const WholeInputs& inputs,
                                  const std::vector<spec::Model>& known) {
  const auto cannot = [](std::string why) {
    return Error{ErrorCode::unsupported, std::move(why), {}};
  };
  if (!inputs.tokens) return cannot("tokens is empty");
  if (!inputs.parameters) return cannot("params_total is empty");
  constexpr double sparsest = 1000;
  if (*inputs.parameters > sparsest * inputs.active.value_or(*inputs.parameters)) {
    return cannot(fmt::format("more than {} times as many parameters as active ones", sparsest));
  }
  WholeShape out;
  out.run.gpu = gpu_named_in(inputs.gpu);
  const auto gpu = std::find_if(gpus.begin(), gpus.end(),
                                [&](const Gpu& one) { return one.name == out.run.gpu; });
  if (gpu == gpus.end()) {
    return cannot(fmt::format("the catalogue has no chip that \"{}\" names", inputs.gpu));
  }
  out.run.model_name = inputs.model;
  if (const spec::Model* model = named(inputs, known)) {
    out.model = *model;
    out.known_model = true;
  } else {
    ASSIGN_OR_RETURN(out.model, model_by_law(inputs, known));
    out.assumed.push_back(fmt::format("shape: {} layers of {}{}", out.model.layers,
                                      out.model.hidden, out.model.experts ? " with experts" : ""));
  }
  set_software(out, inputs);
  set_precision(out, inputs);
  set_count(out, inputs, gpu->bf16_peak);
  set_batch(out, inputs);
  return out;
}

}  // namespace celere::study
