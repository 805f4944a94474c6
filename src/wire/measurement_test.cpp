#include "wire/measurement.hpp"

#include <gmock/gmock.h>

namespace celere::wire {
namespace {

using testing::HasSubstr;

// The line by hand, as docs would show it.
TEST(Measurement, a_line_is_read_to_its_numbers_and_written_back) {
  const std::string line = R"({"kind":"product","precision":"bf16","m":128,"n":512,"k":2048,)"
                           R"("flop_per_s":250000000000.0})";
  const auto measurement = parse_measurement(line);
  ASSERT_TRUE(measurement.ok()) << measurement.error().text();
  const ProductMeasured right{
      .precision = "bf16", .m = 128, .n = 512, .k = 2048, .flop_per_s = 2.5e11};
  EXPECT_EQ(std::get<ProductMeasured>(*measurement), right);
  EXPECT_EQ(written_json(*measurement), line);
}

TEST(Measurement, every_kind_comes_back_as_it_was) {
  const std::vector<Measurement> all = {MachineMeasured{"a \"quoted\" CPU", "AVX2", 2, 8e9, 2e8},
                                        ProductMeasured{"fp32", 1, 2, 3, 4e9},
                                        SustainedMeasured{"fp32", 1.25, 1e11},
                                        AttentionMeasured{128, 64, 4, 1e9},
                                        GroupedMeasured{16, 512, 1e9},
                                        BandwidthMeasured{1e10, 2e10},
                                        StorageMeasured{3e8},
                                        CollectiveMeasured{"all-to-all", 2, 1024, 1e-5},
                                        ShareMeasured{0.5},
                                        MeasurementEnd{}};
  ASSERT_EQ(all.size(), std::variant_size_v<Measurement>);
  for (const Measurement& one : all) {
    const auto back = parse_measurement(written_json(one));
    ASSERT_TRUE(back.ok()) << back.error().text();
    EXPECT_EQ(*back, one);
  }
}

TEST(Measurement, what_is_wrong_is_named) {
  const auto message = [](const char* line) {
    const auto measurement = parse_measurement(line);
    if (measurement.ok()) return std::string("read: ") + line;
    EXPECT_EQ(measurement.error().code, ErrorCode::corrupt);
    return measurement.error().text();
  };
  EXPECT_THAT(message("nonsense"), HasSubstr("no JSON"));
  EXPECT_THAT(message("[1]"), HasSubstr("no object"));
  EXPECT_THAT(message(R"({"share":0.5})"), HasSubstr("kind: is missing"));
  EXPECT_THAT(message(R"({"kind":"speed"})"), HasSubstr("kind: \"speed\" is not known"));
  EXPECT_THAT(message(R"({"kind":"progress"})"), HasSubstr("share: is missing"));
  EXPECT_THAT(message(R"({"kind":"progress","share":2})"), HasSubstr("share: must be"));
  EXPECT_THAT(message(R"({"kind":"progress","share":0,"more":1})"), HasSubstr("has 3 keys"));
  EXPECT_THAT(message(R"({"kind":"storage","write_bytes_per_s":0})"),
              HasSubstr("write_bytes_per_s: must be above 0"));
  EXPECT_THAT(message(R"({"kind":"storage","write_bytes_per_s":"inf"})"), HasSubstr("no number"));
  EXPECT_THAT(message(R"({"kind":"collective","op":"gather","ranks":2,"bytes":1,"time_s":1})"),
              HasSubstr("op: is none of"));
  EXPECT_THAT(
      message(R"({"kind":"collective","op":"all-reduce","ranks":0.5,"bytes":1,"time_s":1})"),
      HasSubstr("ranks: is no whole number"));
}

}  // namespace
}  // namespace celere::wire
