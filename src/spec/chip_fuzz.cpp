// Whatever the bytes: a chip or its curves are read or refused with a message.
#include <cstddef>
#include <cstdint>

#include "base/check.hpp"
#include "spec/chip.hpp"

namespace {

// A table that every chip can use, so that a good chip entry is read to its end.
celere::Result<celere::spec::Curves> some_curves(std::string_view) {
  celere::spec::Curves curves;
  curves.gemm = {.m = {1}, .n = {1}, .k = {1}, .tflops = {1}, .best_tflops = 1, .error = {}};
  curves.collectives = {{.gpus = 2, .bytes = {1}, .seconds = {1}}};
  return curves;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto curves = celere::spec::parse_curves(text, "fuzz");
  if (curves.ok()) {
    const celere::spec::GemmTable& gemm = curves->gemm;
    CHECK_EQ(gemm.tflops.size(), gemm.m.size() * gemm.n.size() * gemm.k.size());
    for (const double rate : gemm.tflops) CHECK(rate > 0);
  } else {
    CHECK(!curves.error().message.empty());
  }
  const auto chip = celere::spec::parse_chip(text, "fuzz", some_curves);
  if (chip.ok()) {
    CHECK(chip->nvlink_domain >= 1);
    CHECK(chip->gemm.best_tflops > 0);
  } else {
    CHECK(!chip.error().message.empty());
  }
  return 0;
}
