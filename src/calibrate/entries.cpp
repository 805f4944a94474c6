#include "calibrate/entries.hpp"

#include <fmt/format.h>

namespace celere::calibrate {
namespace {

// A TOML string.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') out += '\\';
    out += static_cast<unsigned char>(letter) < ' ' || letter == 0x7f ? ' ' : letter;
  }
  return out + '"';
}

std::string rate(double flop_per_s) { return fmt::format("\"{:.4g} GFLOP/s\"", flop_per_s / 1e9); }
std::string bandwidth(double bytes_per_s) {
  return fmt::format("\"{:.4g} GB/s\"", bytes_per_s / 1e9);
}
std::string bytes(double count) { return fmt::format("\"{:.0f} B\"", count); }
std::string time(double seconds) { return fmt::format("\"{:.4g} us\"", seconds * 1e6); }

std::string fact(const char* key, const std::string& is, const char* grade,
                 const std::string& from) {
  return fmt::format("{} = {{ is = {}, grade = \"{}\", from = {} }}\n", key, is, grade,
                     quoted(from));
}

// MEASURED and DERIVED are entries of [sources].
std::string measured_fact(const char* key, const std::string& is) {
  return fact(key, is, "measured", "MEASURED");
}
std::string unknown(const char* key, const std::string& why) {
  return fact(key, "\"unknown\"", "assumption", why);
}

std::string sources(const Measured& measured, Date date) {
  return fmt::format("\n[sources]\nMEASURED = {}\n",
                     quoted(fmt::format("celere calibrate, {}, {} ({}, {} threads)", written(date),
                                        measured.machine.cpu, measured.machine.capability,
                                        measured.machine.threads)));
}

std::string list(const std::vector<double>& values, double unit = 1) {
  std::string text;
  for (const double value : values) {
    text += fmt::format("{}{:.5g}", text.empty() ? "" : ", ", value / unit);
  }
  return "[" + text + "]";
}

std::string rows(const Grid& grid, std::size_t columns) {
  constexpr double tera = 1e12;
  std::string text = "tflops = [\n";
  for (std::size_t i = 0; i < grid.values.size(); i += columns) {
    const auto begin = grid.values.begin() + static_cast<std::ptrdiff_t>(i);
    text += "  " + list({begin, begin + static_cast<std::ptrdiff_t>(columns)}, tera) + ",\n";
  }
  return text + "]\n";
}

// The tables are the rows: nothing was reduced.
constexpr const char* no_error = "error_median = 0\nerror_p90 = 0\n";

std::string curves(const Measured& measured, Date date) {
  const bool bf16 = measured.best() == spec::Precision::bf16;
  const Grid& products = bf16 ? *measured.bf16.grid : *measured.fp32.grid;
  const std::string source = fmt::format("celere calibrate, {}, {}: products in {}", written(date),
                                         measured.machine.cpu, bf16 ? "bf16" : "fp32");
  std::string text = fmt::format("source = {}\n\n[gemm]\n", quoted(source));
  text +=
      fmt::format("m = {}\nn = {}\nk = {}\n", list(products.x), list(products.y), list(products.z));
  text += fmt::format("best_tflops = {:.5g}\n", products.best() / 1e12);
  text += no_error + rows(products, products.z.size());
  text += fmt::format("\n[attention]\nsequence = {}\nhead_dim = {}\nheads = {}\n",
                      list(measured.attention.x), list(measured.attention.y),
                      list(measured.attention.z));
  text += no_error + rows(measured.attention, measured.attention.z.size());
  text += fmt::format("\n[grouped_gemm]\ntokens_per_expert = {}\nexpert_ffn = {}\n",
                      list(measured.experts.x), list(measured.experts.y));
  text += no_error + rows(measured.experts, measured.experts.y.size());
  text += fmt::format("\n[collectives]\nsource = {}\n{}",
                      quoted(source + "; Gloo among processes of one thread"), no_error);
  for (const spec::CollectiveCurve& curve : measured.collectives) {
    std::vector<double> microseconds;
    for (const double seconds : curve.seconds) microseconds.push_back(seconds * 1e6);
    std::string sizes;
    for (const double size : curve.bytes) {
      sizes += fmt::format("{}{:.0f}", sizes.empty() ? "" : ", ", size);
    }
    text +=
        fmt::format("\n[[collective]]\nop = \"{}\"\ngpus = {}\nbytes = [{}]\nmicroseconds = {}\n",
                    spec::name_of(curve.op), curve.gpus, sizes, list(microseconds));
  }
  return text;
}

// One device of a machine: `parts` of them are the whole of it.
struct Device {
  double parts = 1;
  int domain = 1;
  std::string title;
};

std::string chip_products(const Measured& m, const Device& device) {
  const auto number = [&](const char* key, const std::string& is) {
    return device.parts == 1 ? measured_fact(key, is) : fact(key, is, "derived", "DIVIDED");
  };
  const std::string none = "no processor of this kind has such arithmetic";
  std::string text = "\n[peak]\n";
  text += number("fp32", rate(m.fp32.peak() / device.parts));
  text += number("bf16", rate(m.bf16.peak() / device.parts));
  text += unknown("fp8", none) + unknown("fp4", none);
  text += "\n[sustained]\n";
  text += number("fp32", rate(m.fp32.sustained.flop_per_s / device.parts));
  text += number("bf16", rate(m.bf16.sustained.flop_per_s / device.parts));
  text += unknown("fp8", none) + unknown("mxfp8", none) + unknown("nvfp4", none);
  text += "\n[memory]\n";
  text += number("size", bytes(m.machine.memory_bytes / device.parts));
  text += measured_fact("reserved", bytes(m.machine.resident_bytes));
  text += number("bandwidth", bandwidth(m.memory.triad_bytes_per_s / device.parts));
  return text;
}

std::string chip(const Measured& m, Date date, const Device& device) {
  std::string text = fmt::format("title = {}\n", quoted(device.title));
  text += unknown("power", "nobody measured it") + unknown("price", "nobody said it");
  text += chip_products(m, device);
  text +=
      fact("bandwidth_share", "1", "derived", "the bandwidth is what a loop over memory achieved");
  text += "\n[nvlink]  # between processes: Gloo\n";
  text += measured_fact("bandwidth", bandwidth(m.link_bytes_per_s()));
  text += fact("share", "1", "derived", "the bandwidth is what all-gathers achieved");
  text += fmt::format("domain = {}\n", device.domain);
  text += "\n[host]  # the device is the host: a copy reads and writes\n";
  text += fact("bandwidth", bandwidth(m.memory.copy_bytes_per_s / 2 / device.parts), "derived",
               "half of what a copy moves, which reads and writes");
  text += fact("launch_time", "1", "derived", "the reference: an x86 host");
  for (const char* table : {"gemm", "attention", "grouped_gemm"}) {
    text += fmt::format("\n[curves.{}]\nuse = \"{}\"\n", table, this_machine);
    text += device.parts == 1
                ? measured_fact("scale", "1")
                : fact("scale", fmt::format("{:.6g}", 1 / device.parts), "derived", "DIVIDED");
  }
  text += fmt::format("\n[curves.collectives]\nuse = \"{}\"\n", this_machine);
  text += measured_fact("scale", "1");
  text += sources(m, date);
  if (device.parts != 1) {
    text +=
        fmt::format("DIVIDED = {}\n",
                    quoted(fmt::format("what {} measured, over its {} threads: all work at once",
                                       this_machine, m.machine.threads)));
  }
  return text;
}

std::string cluster(const Measured& m, Date date, const std::string& chip_name, int devices) {
  std::string text = fmt::format(
      "title = {}\nchip = \"{}\"\nstack = \"celere\"\ngpus = {}\ngpus_per_node = {}\n"
      "nics_per_node = 1\n",
      quoted(devices == 1 ? "This machine, one process"
                          : fmt::format("This machine, {} processes of a thread each", devices)),
      chip_name, devices, devices);
  text += fact("host_memory", "\"0 B\"", "derived",
               "the memory of the host is the devices' own: nothing can be put aside there");
  text += unknown("power_per_gpu", "nobody measured it");
  text += fmt::format("\n[[tier]]\nname = \"machine\"\ngpus = {}\n", devices);
  text += measured_fact("bandwidth", bandwidth(m.link_bytes_per_s()));
  text += fact("share", "1", "derived", "the bandwidth is what all-gathers achieved");
  text += measured_fact("latency", time(m.link_latency_s()));
  text += "\n[storage]\n";
  text += measured_fact("write", bandwidth(m.storage.write_bytes_per_s));
  text += unknown("read", "what was just written is read from memory");
  text += fact("blocking", "\"50 ms\"", "assumption",
               "Assumption: what a save stops the training for, beside its copy");
  text += "\n[failures]\n";
  text += fact("per_node", "\"3e-3 /day\"", "assumption",
               "Assumption: a crash or a restart of the machine once a year");
  text += fact("early_factor", "1", "assumption", "Assumption: the machine is in use already");
  text += fact("early_time", "\"0 s\"", "assumption", "Assumption: the machine is in use already");
  text += fact("bad_at_delivery", "0", "assumption", "Assumption: the machine was just measured");
  text += fact("detect", "\"1 s\"", "assumption", "Assumption: who starts the worker sees its end");
  text += fact("replace", "\"5 min\"", "assumption", "Assumption: the machine starts again");
  text +=
      fact("restart", "\"10 s\"", "assumption", "Assumption: libtorch and a checkpoint are loaded");
  return text + sources(m, date);
}

}  // namespace

std::vector<Entry> entries_of(const Measured& measured, Date date) {
  const auto threads = static_cast<int>(measured.machine.threads);
  const auto file = [](const char* folder, const char* name) {
    return fmt::format("{}/{}.toml", folder, name);
  };
  const Device whole{.parts = 1,
                     .domain = 1,
                     .title = fmt::format("{}, {} threads", measured.machine.cpu, threads)};
  const Device core{.parts = static_cast<double>(threads),
                    .domain = threads,
                    .title = fmt::format("{}, one of {} threads", measured.machine.cpu, threads)};
  return {{file("curves", this_machine), curves(measured, date)},
          {file("chips", this_machine), chip(measured, date, whole)},
          {file("chips", this_core), chip(measured, date, core)},
          {file("clusters", this_machine), cluster(measured, date, this_machine, 1)},
          {file("clusters", all_cores), cluster(measured, date, this_core, threads)}};
}

}  // namespace celere::calibrate
