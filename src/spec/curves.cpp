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

// Notes a mistake unless there are `count` positive values; gives back so many in any case.
std::vector<double> positive(const TomlTable& table, const char* key, std::vector<double> values,
                             std::size_t count) {
  if (values.size() != count) {
    table.mistake(key, fmt::format("must be {} numbers, and has {}", count, values.size()));
    values.resize(count, 1);
  }
  for (double& value : values) {
    if (value > 0) continue;
    table.mistake(key, fmt::format("holds {}, and must be positive", value));
    value = 1;
  }
  return values;
}

// `rows` rows along the last axis, flattened.
std::vector<double> rates_of(const TomlTable& table, std::size_t rows, std::size_t columns) {
  std::vector<double> flat;
  const std::vector<std::vector<double>> written = table.rows("tflops");
  for (const std::vector<double>& row : written) {
    if (row.size() != columns) {
      table.mistake("tflops", fmt::format("has a row of {} numbers, and must have {} in each",
                                          row.size(), columns));
      return std::vector<double>(rows * columns, 1);
    }
    flat.insert(flat.end(), row.begin(), row.end());
  }
  return positive(table, "tflops", std::move(flat), rows * columns);
}

ReductionError error_of(const TomlTable& table) {
  return {.median = table.number("error_median", 0, 10), .p90 = table.number("error_p90", 0, 10)};
}

GemmTable gemm_of(const TomlTable& table) {
  GemmTable gemm;
  gemm.m = axis_of(table, "m");
  gemm.n = axis_of(table, "n");
  gemm.k = axis_of(table, "k");
  gemm.tflops = rates_of(table, gemm.m.size() * gemm.n.size(), gemm.k.size());
  gemm.best_tflops = table.number("best_tflops", 1e-3, 1e6);
  gemm.error = error_of(table);
  return gemm;
}

AttentionTable attention_of(const TomlTable& table) {
  AttentionTable attention;
  attention.sequence = axis_of(table, "sequence");
  attention.head_dim = axis_of(table, "head_dim");
  attention.heads = axis_of(table, "heads");
  attention.tflops = rates_of(table, attention.sequence.size() * attention.head_dim.size(),
                              attention.heads.size());
  attention.error = error_of(table);
  return attention;
}

GroupedGemmTable grouped_gemm_of(const TomlTable& table) {
  GroupedGemmTable grouped;
  grouped.tokens_per_expert = axis_of(table, "tokens_per_expert");
  grouped.expert_ffn = axis_of(table, "expert_ffn");
  grouped.tflops = rates_of(table, grouped.tokens_per_expert.size(), grouped.expert_ffn.size());
  grouped.error = error_of(table);
  return grouped;
}

CollectiveCurve curve_of(const TomlTable& table) {
  std::vector<std::string> names;
  for (int op = 0; op < collective_count; ++op) {
    names.emplace_back(name_of(static_cast<Collective>(op)));
  }
  CollectiveCurve curve;
  curve.op = static_cast<Collective>(table.choice("op", names, -1));
  curve.gpus = static_cast<int>(table.integer("gpus", 2, 1 << 20));
  curve.bytes = axis_of(table, "bytes");
  curve.seconds =
      positive(table, "microseconds", table.numbers("microseconds"), curve.bytes.size());
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
  curves.gemm = gemm_of(root.table("gemm"));
  curves.attention = attention_of(root.table("attention"));
  curves.grouped_gemm = grouped_gemm_of(root.table("grouped_gemm"));
  const TomlTable collectives = root.table("collectives");
  curves.collectives_source = collectives.text("source");
  curves.collectives_error = error_of(collectives);
  for (const TomlTable& table : root.tables("collective")) {
    curves.collectives.push_back(curve_of(table));
  }
  RETURN_IF_ERROR(document->finish());
  return curves;
}

}  // namespace celere::spec
