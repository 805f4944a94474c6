#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "study/end_to_end_shape.hpp"

// Whatever is read of a file of whole trainings is in range, and has a shape or a reason why not.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace celere;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Result<CsvTable> table = parse_csv(text, "fuzz.csv");
  if (!table.ok()) return 0;
  const Result<study::WholeRuns> runs = study::read_whole_runs(*table);
  if (!runs.ok()) return 0;
  CHECK(runs->runs.size() == table->rows.size());
  for (const study::WholeRun& run : runs->runs) {
    CHECK(!run.measured || *run.measured > Seconds{});
    CHECK(run.inputs.gpus.value_or(1) > 0);
    const Result<study::WholeShape> shape = study::shape_of_whole(run.inputs, {});
    if (!shape.ok()) continue;
    CHECK(shape->model.layers > 0 && shape->model.hidden > 0);
    CHECK(*shape->run.gpus > 0 && *shape->run.global_batch > 0 && *shape->run.sequence > 0);
  }
  return 0;
}
