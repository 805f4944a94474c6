#include "train/measure.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "base/own_memory.hpp"
#include "nn/kernels/kernels.hpp"
#include "nn/process_group.hpp"
#include "train/measure_products.hpp"

namespace celere::train {
namespace {

// "model name	: AMD EPYC" of /proc/cpuinfo: what stands behind `key`, up to the end of the line.
std::optional<std::string> value_of(const Files& files, const std::string& path,
                                    std::string_view key) {
  const Result<std::string> content = files.read(path);
  if (!content.ok()) return std::nullopt;
  const std::size_t at = content->find(key);
  if (at == std::string::npos) return std::nullopt;
  const std::size_t from = content->find_first_not_of(": \t", at + key.size());
  if (from == std::string::npos) return std::nullopt;
  return content->substr(from, content->find('\n', from) - from);
}

std::optional<double> number_in(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  return value;
}

// The machine's, or what its container is limited to.
double memory_bytes(const Files& files) {
  double memory =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  if (const auto limit = value_of(files, "/sys/fs/cgroup/memory.max", "")) {
    if (const auto bytes = number_in(*limit)) memory = std::min(memory, *bytes);
  }
  return memory;
}

std::string capability() {
  const nn::kernels::Capability here = nn::kernels::capability_here();
  std::string name = nn::kernels::name_of(here);
  if (here == nn::kernels::Capability::avx512 && __builtin_cpu_supports("avx512bf16") != 0) {
    name += " bf16";
  }
  return name;
}

wire::MachineMeasured machine(const Files& files) {
  wire::MachineMeasured out;
  out.cpu = value_of(files, "/proc/cpuinfo", "model name").value_or("a processor without a name");
  out.capability = capability();
  out.threads = at::get_num_threads();
  out.memory_bytes = memory_bytes(files);
  compute_once();
  out.resident_bytes = own_memory(files, "RssAnon").value_or(Bytes::of(1)).in_base();
  return out;
}

wire::BandwidthMeasured memory_bandwidth(Clock& clock, double memory, bool quick) {
  constexpr double largest = 256e6, part = 1.0 / 16;
  const auto count = static_cast<std::int64_t>(std::min(largest, memory * part) / sizeof(float));
  at::Tensor a = at::ones({count}, at::kFloat);
  const at::Tensor b = at::ones({count}, at::kFloat), c = at::ones({count}, at::kFloat);
  const double bytes = static_cast<double>(count) * sizeof(float);
  const Seconds budget = quick ? 200_ms : 500_ms;
  const Seconds copy = best_time(clock, budget, [&] { a.copy_(b); });
  const Seconds triad = best_time(clock, budget, [&] { at::add_out(a, b, c, 3.0); });
  return {.copy_bytes_per_s = 2 * bytes / copy.in_base(),
          .triad_bytes_per_s = 3 * bytes / triad.in_base()};
}

Result<wire::StorageMeasured> storage(Clock& clock, Files& files, const MeasureWish& wish) {
  const std::string content(wish.quick ? 16U << 20U : 64U << 20U, 'x');
  const std::string path = fmt::format("{}/.measure-{}", wish.folder, getpid());
  const Instant begin = clock.now();
  RETURN_IF_ERROR(files.write(path, content));
  const Seconds time = clock.now() - begin;
  RETURN_IF_ERROR(files.remove(path));
  return wire::StorageMeasured{static_cast<double>(content.size()) / time.in_base()};
}

// How often a collective of so many bytes is repeated: all ranks must agree on it.
int repeats_of(std::int64_t bytes, bool quick) {
  const int times = bytes <= 65536 ? 40 : bytes <= 1048576 ? 12 : 4;
  return quick ? times / 4 : times;
}

}  // namespace

void compute_once() {
  const at::Tensor a = at::ones({512, 512}, at::kFloat).requires_grad_(true);
  at::mm(a, a).sum().backward();
}

Status measure_machine(Clock& clock, Files& files, const MeasureWish& wish, const Tell& tell) {
  const wire::MachineMeasured here = machine(files);
  tell(here);
  const Probe probe = probe_products(clock, here.capability.ends_with("bf16"));
  // Shares by what each part takes; the tables take what is left.
  const auto part = [&](double from, double to) {
    return [&tell, from, to](double share) {
      tell(wire::ShareMeasured{std::min(1.0, from + (to - from) * share)});
    };
  };
  const Seconds sustained = wish.quick ? 300_ms : 1_s;
  const bool pays = measure_sustained(clock, probe, sustained, tell);
  const at::ScalarType best = pays ? at::kBFloat16 : at::kFloat;
  tell(wire::ShareMeasured{0.15});
  tell(memory_bandwidth(clock, here.memory_bytes, wish.quick));
  ASSIGN_OR_RETURN(const wire::StorageMeasured stored, storage(clock, files, wish));
  tell(stored);
  measure_attention(clock, best, wish.quick, tell);
  measure_experts(clock, best, wish.quick, tell);
  tell(wire::ShareMeasured{0.35});
  const Seconds budget = wish.quick ? 1_s : 8_s;
  measure_products(clock, at::kFloat, product_axis(probe.fp32, budget),
                   {tell, part(0.35, pays ? 0.8 : 1)});
  if (pays) {
    measure_products(clock, at::kBFloat16, product_axis(probe.bf16, budget), {tell, part(0.8, 1)});
  }
  tell(wire::MeasurementEnd{});
  return Done{};
}

Status measure_collectives(Clock& clock, const CollectivesWish& wish, const Tell& tell) {
  ASSIGN_OR_RETURN(const nn::Meeting meeting, nn::Meeting::at_file(wish.meeting, wish.size));
  ASSIGN_OR_RETURN(const nn::ProcessGroup group,
                   nn::ProcessGroup::make(meeting, {.name = "measure",
                                                    .rank = wish.rank,
                                                    .size = wish.size,
                                                    .interface = "lo",
                                                    .patience = 60_s}));
  constexpr std::array ops = {"all-reduce", "all-gather", "reduce-scatter", "all-to-all"};
  constexpr int first_power = 10, last_power = 24;  // 1 KiB, 16 MiB
  for (std::size_t op = 0; op < ops.size(); ++op) {
    for (int power = first_power; power <= last_power; power += wish.quick ? 7 : 2) {
      const std::int64_t bytes = std::int64_t{1} << power;
      const std::int64_t whole_count = bytes / static_cast<std::int64_t>(sizeof(float));
      const std::int64_t part_count = whole_count / wish.size;
      at::Tensor whole = at::zeros({wish.size * part_count}, at::kFloat);
      at::Tensor other = at::zeros({wish.size * part_count}, at::kFloat);
      at::Tensor part = at::zeros({part_count}, at::kFloat);
      const auto once = [&] {
        if (op == 0) return group.all_reduce_sum(whole).wait();
        if (op == 1) return group.all_gather(whole, part).wait();
        if (op == 2) return group.reduce_scatter_sum(part, whole).wait();
        return group.all_to_all(whole, other).wait();
      };
      const int repeats = repeats_of(bytes, wish.quick);
      double best = std::numeric_limits<double>::infinity();
      for (int batch = 0; batch < 3; ++batch) {  // the first is a warm-up as well
        RETURN_IF_ERROR(group.barrier());
        const Instant begin = clock.now();
        for (int i = 0; i < repeats; ++i) RETURN_IF_ERROR(once());
        best = std::min(best, (clock.now() - begin).in_base() / repeats);
      }
      if (wish.rank == 0) {
        tell(wire::CollectiveMeasured{
            .op = ops[op], .ranks = wish.size, .bytes = bytes, .time_s = best});
      }
    }
    if (wish.rank == 0) tell(wire::ShareMeasured{static_cast<double>(op + 1) / ops.size()});
  }
  if (wish.rank == 0) tell(wire::MeasurementEnd{});
  return group.barrier();
}

}  // namespace celere::train
