#include "report/catalog_report.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/files.hpp"

namespace celere::report {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// Every kind is listed under its folder's name, and one kind alone on request.
TEST(CatalogReport, lists_every_entry) {
  const auto files = memory_files();
  const spec::Catalog catalog(*files, {});
  const json all = json::parse(*catalog_list(catalog, std::nullopt, View::json));
  const std::string text = *catalog_list(catalog, std::nullopt, View::text);
  for (const spec::Kind kind :
       {spec::Kind::chip, spec::Kind::model, spec::Kind::cluster, spec::Kind::stack}) {
    ASSERT_TRUE(all.contains(spec::folder_of(kind)));
    EXPECT_EQ(all[spec::folder_of(kind)].size(), catalog.names(kind).size());
    for (const std::string& name : catalog.names(kind)) EXPECT_THAT(text, HasSubstr(name));
  }
}

// A number is printed with unit, grade and source, as its file has it.
TEST(CatalogReport, shows_an_entry_with_grades_and_sources) {
  const auto files = memory_files();
  const spec::Catalog catalog(*files, {});
  const std::string text = *catalog_entry(catalog, "h100-sxm", View::text);
  EXPECT_THAT(text, HasSubstr("bf16 = { is = \"989 TFLOP/s\", grade = \"secondary\""));
  const json entry = json::parse(*catalog_entry(catalog, "h100-sxm", View::json));
  EXPECT_EQ(entry["kind"], "chips");
  EXPECT_EQ(entry["entry"]["peak"]["bf16"]["is"], "989 TFLOP/s");
}

TEST(CatalogReport, advises_where_a_name_is_nearly_right) {
  const auto files = memory_files();
  const spec::Catalog catalog(*files, {});
  const auto wrong = catalog_entry(catalog, "grok1", View::text);
  ASSERT_FALSE(wrong.ok());
  EXPECT_THAT(wrong.error().message, HasSubstr("is \"grok-1\" meant?"));
  const auto far = catalog_entry(catalog, "zzzzzzzz", View::text);
  ASSERT_FALSE(far.ok());
  EXPECT_THAT(far.error().message, testing::Not(HasSubstr("meant")));
}

}  // namespace
}  // namespace celere::report
