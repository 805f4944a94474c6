#include "study/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace celere::study {
namespace {

using life::End;

// Where the number of tokens is looked for: from so many times to so many times those of the run.
constexpr double share_least = 1.0 / 64, share_most = 16;
constexpr int shares_looked_at = 80;

struct Named {
  std::string cluster, title = {};
  std::optional<int> gpus = {};
};

Result<Named> parse_named(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) return Named{.cluster = text};
  int gpus = 0;
  const char* end = text.data() + text.size();
  const auto [rest, problem] = std::from_chars(text.data() + colon + 1, end, gpus);
  if (problem != std::errc() || rest != end || gpus < 1) {
    return bad_input(
        fmt::format("\"{}\" is neither a cluster nor one with a number of GPUs: "
                    "\"NAME\" or \"NAME:24000\"",
                    text));
  }
  return Named{.cluster = text.substr(0, colon), .gpus = gpus};
}

// All of them, before anything is lived.
Result<std::vector<Named>> look_up(const std::vector<std::string>& clusters,
                                   const spec::Catalog& catalog) {
  std::vector<Named> out;
  for (const std::string& text : clusters) {
    ASSIGN_OR_RETURN(Named named, parse_named(text));
    ASSIGN_OR_RETURN(const spec::Cluster cluster, catalog.cluster(named.cluster));
    named.title = cluster.title;
    out.push_back(std::move(named));
  }
  return out;
}

Result<Contender> contender_of(const spec::Run& run, const Named& named,
                               const spec::Catalog& catalog, const life::ForecastOptions& options,
                               ThreadPool& threads, const std::function<void(double)>& progress) {
  Contender out{.cluster = named.cluster, .title = named.title};
  spec::Run own = run;
  own.cluster_name = named.cluster;
  own.gpus = named.gpus;
  plan::PlanOptions planning;
  planning.search.best = 1;  // that one is lived
  ASSIGN_OR_RETURN(out.plan, plan::make_plan(std::move(own), catalog, planning, threads));
  if (out.plan->answer.infeasible) {
    const plan::Infeasible& limit = *out.plan->answer.infeasible;
    out.why_not = fmt::format("{}: needs {}, has {}", limit.limit, limit.need, limit.have);
    return out;
  }
  ASSIGN_OR_RETURN(life::Built built, life::scene_of(*out.plan));
  out.forecast = life::forecast_of(std::move(built), options, threads, progress);
  return out;
}

// Of two numbers, both finite or not: 1 where `one` is less, 0.5 where they are equal, 0.
double less(double one, double other) { return one < other ? 1 : one == other ? 0.5 : 0; }

constexpr double never = std::numeric_limits<double>::infinity();

double end_of(const End& end, double share = 1) {
  return end.done ? end.time_of(share).in_base() : never;
}

// The share of worlds in which `one` ends before `other`, with so many times the tokens.
double before(const std::vector<End>& one, const std::vector<End>& other, double share = 1) {
  double count = 0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    count += less(end_of(one[i], share), end_of(other[i], share));
  }
  return count / static_cast<double>(one.size());
}

bool knows_dollars(const Contender& one) {
  return one.forecast && one.forecast->summary.done > 0 &&
         one.forecast->built.scene.charges.price.has_value();
}

std::optional<double> cheaper(const Contender& one, const Contender& other) {
  if (!knows_dollars(one) || !knows_dollars(other)) return std::nullopt;
  const auto& a = one.forecast->ends;
  const auto& b = other.forecast->ends;
  const auto price = [](const End& end) {
    return end.done && end.dollars ? end.dollars->in_base() : never;
  };
  double count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += less(price(a[i]), price(b[i]));
  return count / static_cast<double>(a.size());
}

// The numbers of tokens, as shares of the run's, at which another one of the two is ahead in half
// of all worlds.
void add_token_crossings(Comparison& out, std::size_t one, std::size_t other) {
  const std::vector<End>& a = out.contenders[one].forecast->ends;
  const std::vector<End>& b = out.contenders[other].forecast->ends;
  const auto ahead = [&](double share) { return before(a, b, share) - 0.5; };
  const double ratio = std::pow(share_most / share_least, 1.0 / shares_looked_at);
  const Tokens tokens = out.contenders[one].plan->tokens;
  double low = share_least, at_low = ahead(low);
  for (int i = 1; i <= shares_looked_at; ++i) {
    const double high = share_least * std::pow(ratio, i), at_high = ahead(high);
    if (at_low * at_high < 0) {
      double from = low, to = high;
      while (to / from > 1.0001) {
        const double middle = std::sqrt(from * to);
        (ahead(middle) * at_low > 0 ? from : to) = middle;
      }
      const bool first = at_low > 0;
      out.crossings.push_back({.by = Crossing::By::tokens,
                               .one = first ? one : other,
                               .other = first ? other : one,
                               .at = from * tokens.in_base()});
    }
    if (at_high != 0) {
      low = high;
      at_low = at_high;
    }
  }
}

// What is between two contenders in half of all worlds: `of` gives it for one world.
template <typename Of>
double median(const Contender& one, const Contender& other, const Of& of) {
  const auto& a = one.forecast->ends;
  const auto& b = other.forecast->ends;
  std::vector<double> values;
  for (std::size_t i = 0; i < a.size(); ++i) values.push_back(of(a[i], b[i]));
  std::ranges::sort(values);
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

void add_delay(Comparison& out, std::size_t one, std::size_t other) {
  const double at =
      median(out.contenders[one], out.contenders[other],
             [](const End& a, const End& b) { return a.done ? end_of(b) - end_of(a) : -never; });
  if (std::isfinite(at) && at > 0) {
    out.crossings.push_back({.by = Crossing::By::delay, .one = one, .other = other, .at = at});
  }
}

void add_price(Comparison& out, std::size_t one, std::size_t other) {
  const double at =
      median(out.contenders[one], out.contenders[other], [](const End& a, const End& b) {
        if (!a.done) return 0.0;
        return b.done ? *b.dollars / *a.dollars : never;
      });
  if (std::isfinite(at) && at > 1) {
    out.crossings.push_back({.by = Crossing::By::price, .one = one, .other = other, .at = at});
  }
}

template <typename Visit>
void each_pair(const std::vector<std::size_t>& order, const Visit& visit) {
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (std::size_t j = i + 1; j < order.size(); ++j) visit(order[i], order[j]);
  }
}

}  // namespace

void judge(Comparison& out) {
  const std::size_t count = out.contenders.size();
  out.before.assign(count, std::vector<double>(count, 0.5));
  out.cheaper.assign(count, std::vector<std::optional<double>>(count));
  for (std::size_t i = 0; i < count; ++i) {
    const Contender& one = out.contenders[i];
    if (one.forecast && one.forecast->summary.done > 0) out.by_time.push_back(i);
    if (knows_dollars(one)) out.by_dollars.push_back(i);
    for (std::size_t j = 0; j < count; ++j) {
      const Contender& other = out.contenders[j];
      if (i == j) continue;
      if (one.forecast && other.forecast) {
        out.before[i][j] = before(one.forecast->ends, other.forecast->ends);
      } else {
        out.before[i][j] = less(one.forecast ? 0 : 1, other.forecast ? 0 : 1);
      }
      out.cheaper[i][j] = cheaper(one, other);
    }
  }
  // Who never ends counts as later than all; among those of whom half never do, the more that end
  // the better.
  const auto median_of = [&](std::size_t i, const auto& of) {
    std::vector<double> values;
    for (const End& end : out.contenders[i].forecast->ends) {
      values.push_back(end.done ? of(end) : never);
    }
    std::ranges::sort(values);
    return std::pair(values[(values.size() - 1) / 2], -out.contenders[i].forecast->summary.done);
  };
  std::ranges::stable_sort(out.by_time, {}, [&](std::size_t i) {
    return median_of(i, [](const End& end) { return end.time.in_base(); });
  });
  std::ranges::stable_sort(out.by_dollars, {}, [&](std::size_t i) {
    return median_of(i, [](const End& end) { return end.dollars->in_base(); });
  });
  each_pair(out.by_time, [&](std::size_t i, std::size_t j) {
    add_token_crossings(out, i, j);
    add_delay(out, i, j);
  });
  each_pair(out.by_dollars, [&](std::size_t i, std::size_t j) { add_price(out, i, j); });
}

Result<Comparison> compare(const spec::Run& run, const std::vector<std::string>& clusters,
                           const spec::Catalog& catalog, const life::ForecastOptions& options,
                           ThreadPool& threads, const std::function<void(double)>& progress) {
  if (!run.start) {
    return bad_input(run.place_of("cluster.start") +
                     " is needed to compare: the day from which all are counted");
  }
  if (clusters.size() < 2) return bad_input("two clusters at least are compared");
  ASSIGN_OR_RETURN(
      const std::vector<Named> all,
      look_up(clusters, catalog)
          .during("looking up " + (clusters == run.compared ? run.place_of("compare.clusters")
                                                            : std::string("--clusters"))));
  Comparison out{.run = run, .start = *run.start, .options = options};
  for (const Named& named : all) {
    const double before = static_cast<double>(out.contenders.size());
    const auto own = [&](double share) {
      if (progress) progress((before + share) / static_cast<double>(clusters.size()));
    };
    ASSIGN_OR_RETURN(Contender contender, contender_of(run, named, catalog, options, threads, own));
    out.contenders.push_back(std::move(contender));
  }
  judge(out);
  return out;
}

}  // namespace celere::study
