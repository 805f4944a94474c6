// Whatever the bytes: a run file, with the model that it asks for, or a --layout flag, is read or
// refused with a message.
#include <cstddef>
#include <cstdint>

#include "base/check.hpp"
#include "spec/run.hpp"
#include "spec/scaled_model.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto run = celere::spec::parse_run(text, "fuzz.toml");
  if (run.ok()) {
    CHECK(run->sequence >= 1);
    CHECK(run->tokens.has_value() != run->compute.has_value());
    CHECK(run->validation >= 1);
    CHECK(celere::spec::learning_rate_factor(run->schedule, 7, 1000) <= 1);
    const auto no_files = celere::memory_files();
    const auto model = celere::spec::model_of(*run, celere::spec::Catalog(*no_files, {}));
    CHECK(model.ok() ? model->layers >= 0 : !model.error().message.empty());
    for (const auto& phase : run->batch.phases) CHECK(phase.sequences >= 1);
  } else {
    CHECK(!run.error().message.empty());
  }
  const auto wish = celere::spec::parse_layout_text(text);
  CHECK(wish.ok() || !wish.error().message.empty());
  return 0;
}
