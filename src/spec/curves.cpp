#include "spec/curves.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.hpp"
#include "spec/toml_reader.hpp"

namespace celere::spec {
namespace {

std::vector<double> axis_of(const TomlTable& table, const char* key) {
  std::vector<double> axis = table.numbers(key);
  const bool rises =
      std::adjacent_find(axis.begin(), axis.end(), std::greater_equal<>()) == axis.end();
  if (axis.empty() || axis.front() <= 0 || !rises) {
    table.mistake(key, "must be positive and increasing");
    axis = {1};
  }
  return axis;
}

void check_positive(const TomlTable& table, const char* key, const std::vector<double>& values,
                    std::size_t count) {
  const bool positive =
      std::all_of(values.begin(), values.end(), [](double value) { return value > 0; });
  if (values.size() != count || !positive) {
    table.mistake(key,
                  fmt::format("must be {} positive numbers, and has {}", count, values.size()));
  }
}

// Rows along the last axis, flattened.
std::vector<double> rates_of(const TomlTable& table, std::size_t count) {
  std::vector<double> flat;
  for (const std::vector<double>& row : table.rows("tflops"))
    flat.insert(flat.end(), row.begin(), row.end());
  check_positive(table, "tflops", flat, count);
  flat.resize(count, 1);
  return flat;
}

ReductionError error_of(const TomlTable& table) {
  return {.median = table.number("error_median", 0, 10), .p90 = table.number("error_p90", 0, 10)};
}

GemmTable gemm_of(const TomlTable& table) {
  GemmTable gemm;
  gemm.m = axis_of(table, "m");
  gemm.n = axis_of(table, "n");
  gemm.k = axis_of(table, "k");
  gemm.tflops = rates_of(table, gemm.m.size() * gemm.n.size() * gemm.k.size());
  gemm.best_tflops = table.number("best_tflops", 1e-3, 1e6);
  gemm.error = error_of(table);
  return gemm;
}

AttentionTable attention_of(const TomlTable& table) {
  AttentionTable attention;
  attention.sequence = axis_of(table, "sequence");
  attention.head_dim = axis_of(table, "head_dim");
  attention.tflops = rates_of(table, attention.sequence.size() * attention.head_dim.size());
  attention.heads = axis_of(table, "heads");
  attention.heads_factor = table.numbers("heads_factor");
  check_positive(table, "heads_factor", attention.heads_factor, attention.heads.size());
  attention.heads_factor.resize(attention.heads.size(), 1);
  attention.error = error_of(table);
  return attention;
}

GroupedGemmTable grouped_gemm_of(const TomlTable& table) {
  GroupedGemmTable grouped;
  grouped.tokens_per_expert = axis_of(table, "tokens_per_expert");
  grouped.expert_ffn = axis_of(table, "expert_ffn");
  grouped.tflops = rates_of(table, grouped.tokens_per_expert.size() * grouped.expert_ffn.size());
  grouped.error = error_of(table);
  return grouped;
}

CollectiveCurve curve_of(const TomlTable& table) {
  static const std::vector<std::string> names = {"all-reduce", "all-gather", "reduce-scatter",
                                                 "all-to-all"};
  CollectiveCurve curve;
  curve.op = static_cast<Collective>(table.choice("op", names, -1));
  curve.gpus = static_cast<int>(table.integer("gpus", 2, 1 << 20));
  curve.bytes = axis_of(table, "bytes");
  curve.seconds = table.numbers("microseconds");
  check_positive(table, "microseconds", curve.seconds, curve.bytes.size());
  curve.seconds.resize(curve.bytes.size(), 1);
  for (double& time : curve.seconds) time *= 1e-6;
  return curve;
}

}  // namespace

const char* name_of(Collective op) {
  switch (op) {
    case Collective::all_reduce:
      return "all-reduce";
    case Collective::all_gather:
      return "all-gather";
    case Collective::reduce_scatter:
      return "reduce-scatter";
    case Collective::all_to_all:
      return "all-to-all";
  }
  CHECK(false);
}

Result<Curves> parse_curves(std::string_view toml, std::string name) {
  ASSIGN_OR_RETURN(const std::unique_ptr<TomlDocument> document,
                   TomlDocument::parse(toml, fmt::format("curves/{}.toml", name)));
  const TomlTable root = document->root();
  Curves curves;
  curves.name = std::move(name);
  curves.source = root.text("source");
  curves.peak_bf16_tflops = root.number("peak_bf16_tflops", 1e-3, 1e6);
  curves.gemm = gemm_of(root.table("gemm"));
  curves.attention = attention_of(root.table("attention"));
  curves.grouped_gemm = grouped_gemm_of(root.table("grouped_gemm"));
  const TomlTable collectives = root.table("collectives");
  curves.collectives_source = collectives.text("source");
  curves.collectives_error = error_of(collectives);
  for (const TomlTable& table : root.tables("collective"))
    curves.collectives.push_back(curve_of(table));
  RETURN_IF_ERROR(document->finish());
  return curves;
}

}  // namespace celere::spec
