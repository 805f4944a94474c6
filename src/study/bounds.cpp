#include "study/bounds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "spec/catalog.hpp"
#include "spec/toml_reader.hpp"

namespace celere::study {
namespace {

constexpr double large = 100;

// What is bounded from above.
std::map<std::string, double> measures_of(const Validation& validation) {
  std::map<std::string, double> values;
  if (validation.overall) {
    values["median"] = validation.overall->median;
    values["mean"] = validation.overall->mean;
    values["p90"] = validation.overall->p90;
  }
  double worst = 0;
  for (const RunResult& result : validation.results) {
    if (result.signed_error() && result.counts()) {
      worst = std::max(worst, std::abs(*result.signed_error()));
    }
  }
  values["worst"] = worst;
  values["too_large_share"] =
      validation.too_large / std::max(1.0, static_cast<double>(validation.graded_predicted));
  if (validation.memory) values["memory_median"] = validation.memory->median;
  return values;
}

}  // namespace

Result<Bounds> parse_bounds(std::string_view toml) {
  ASSIGN_OR_RETURN(const std::unique_ptr<spec::TomlDocument> document,
                   spec::TomlDocument::parse(toml, "published/bounds.toml"));
  const spec::TomlTable root = document->root();
  Bounds bounds;
  for (const char* key : {"median", "mean", "p90", "worst", "too_large_share", "memory_median"}) {
    bounds.most[key] = root.number(key, 0, large);
  }
  bounds.least["predicted_share"] = root.number("predicted_share", 0, 1);
  const spec::TomlTable sources = root.table("source_median");
  for (const std::string& source : sources.keys()) {
    bounds.source_median[source] = sources.number(source, 0, large);
  }
  RETURN_IF_ERROR(document->finish());
  return bounds;
}

std::string_view embedded_bounds() { return spec::embedded_text("published/bounds.toml"); }

std::vector<std::string> broken(const Bounds& bounds, const Validation& validation) {
  std::vector<std::string> out;
  const std::map<std::string, double> values = measures_of(validation);
  for (const auto& [key, most] : bounds.most) {
    const auto value = values.find(key);
    if (value == values.end()) {
      out.push_back(fmt::format("{} cannot be said: no row was measured", key));
    } else if (value->second > most) {
      out.push_back(
          fmt::format("{} is {:.3f}, and must be at most {:.3f}", key, value->second, most));
    }
  }
  const double share = validation.graded == 0
                           ? 0
                           : static_cast<double>(validation.graded_predicted) / validation.graded;
  const double least = bounds.least.at("predicted_share");
  if (share < least) {
    out.push_back(
        fmt::format("predicted_share is {:.3f}, and must be at least {:.3f}", share, least));
  }
  for (const auto& [source, most] : bounds.source_median) {
    const auto found = validation.by_source.find(source);
    const double median = found == validation.by_source.end() ? large : found->second.median;
    if (median > most) {
      out.push_back(fmt::format("the median of source {} is {:.3f}, and must be at most {:.3f}",
                                source, median, most));
    }
  }
  return out;
}

}  // namespace celere::study
