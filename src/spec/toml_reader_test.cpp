#include "spec/toml_reader.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "spec/nearest.hpp"

namespace celere::spec {
namespace {

// What finish() says after `read` has read a file of this content; "" where all is well.
std::string mistakes_in(std::string_view content,
                        const std::function<void(const TomlTable&)>& read) {
  auto document = TomlDocument::parse(content, "a.toml");
  if (!document.ok()) return document.error().message;
  read((*document)->root());
  const Status status = (*document)->finish();
  return status.ok() ? "" : status.error().message;
}

TEST(TomlReader, gives_each_kind_of_value) {
  auto document = TomlDocument::parse(R"(
name = "x"
count = 3
share = 2
yes = true
day = 2024-02-29
ints = [1, 2]
reals = [1, 2.5]
words = ["a", "b"]
grid = [[1, 2], [3]]
rate = "400 Gb/s"
kind = "b"
[deep.er]
x = 1
[[many]]
n = 1
[[many]]
n = 2
)",
                                      "a.toml");
  ASSERT_TRUE(document.ok());
  const TomlTable root = (*document)->root();
  EXPECT_EQ(root.text("name"), "x");
  EXPECT_EQ(root.integer("count"), 3);
  EXPECT_EQ(root.number("share", 0, 5), 2);  // TOML's whole numbers are numbers too
  EXPECT_TRUE(root.boolean_or("yes", false));
  EXPECT_EQ(written(root.date("day")), "2024-02-29");
  EXPECT_EQ(root.integers("ints"), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(root.numbers("reals"), (std::vector<double>{1, 2.5}));
  EXPECT_EQ(root.texts("words"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(root.rows("grid"), (std::vector<std::vector<double>>{{1, 2}, {3}}));
  EXPECT_EQ(root.quantity<BytesPerSecond>("rate"), 50_GBps);  // 400 / 8
  EXPECT_EQ(root.choice("kind", {"a", "b"}, -1), 1);
  EXPECT_EQ(root.table("deep").table("er").integer("x"), 1);
  ASSERT_EQ(root.tables("many").size(), 2u);
  EXPECT_EQ(root.tables("many")[1].integer("n"), 2);
  root.tables("many")[0].integer("n");
  EXPECT_EQ(root.text_or("absent", "y"), "y");
  EXPECT_EQ(root.integer_or("absent", 7), 7);
  EXPECT_EQ(root.choice("absent", {"a", "b"}, 1), 1);
  EXPECT_FALSE(root.date_if("absent").has_value());
  EXPECT_FALSE(root.table_if("absent").has_value());
  EXPECT_FALSE(root.quantity_if<Bytes>("absent").has_value());
  const Status status = (*document)->finish();
  EXPECT_TRUE(status.ok()) << status.error().message;
}

TEST(TomlReader, names_an_unknown_key_with_its_line_and_the_nearest_known_one) {
  EXPECT_EQ(mistakes_in("[train]\nsequense = 4\n",
                        [](const TomlTable& root) {
                          root.table("train").integer_or("sequence", 1);
                          root.table("train").integer_or("batch", 1);
                        }),
            "a.toml:2: train.sequense: is not a key that is known here; is \"sequence\" meant?");
}

TEST(TomlReader, offers_no_advice_where_no_known_key_is_near) {
  EXPECT_EQ(mistakes_in("xx = 4\n", [](const TomlTable& root) { root.integer_or("tp", 1); }),
            "a.toml:1: xx: is not a key that is known here");
}

TEST(TomlReader, refuses_a_table_that_nobody_opened) {
  EXPECT_EQ(mistakes_in("[trian]\nx = 1\n", [](const TomlTable& root) { root.table_if("train"); }),
            "a.toml:1: trian: is not a key that is known here; is \"train\" meant?");
}

// The harmless values that stand in for wrong ones must not hide or add mistakes.
TEST(TomlReader, returns_all_mistakes_at_once_in_the_order_of_the_lines) {
  EXPECT_EQ(mistakes_in("[a]\nx = 1\ny = \"one\"\nz = -3\n[b]\nw = 0\n",
                        [](const TomlTable& root) {
                          const TomlTable b = root.table("b");
                          b.number("v", 0, 1);
                          const TomlTable a = root.table("a");
                          a.integer("z");
                          a.integer("y");
                        }),
            "a.toml:2: a.x: is not a key that is known here\n"
            "a.toml:3: a.y: is a text, and must be a whole number\n"
            "a.toml:4: a.z: is -3, and must be at least 0\n"
            "a.toml:5: b.v: is missing\n"
            "a.toml:6: b.w: is not a key that is known here");
}

TEST(TomlReader, says_once_that_a_table_is_missing_and_nothing_about_its_keys) {
  EXPECT_EQ(mistakes_in("a = 1\n",
                        [](const TomlTable& root) {
                          root.integer("a");
                          const TomlTable absent = root.table("b");
                          absent.text("name");
                          absent.fact<Bytes>("memory");
                          absent.table("deeper").integer("x");
                          EXPECT_TRUE(absent.keys().empty());
                        }),
            "a.toml:1: b: is missing");
}

TEST(TomlReader, asks_for_a_missing_unit_with_an_example) {
  const auto read = [](const TomlTable& root) { root.quantity<Bytes>("memory"); };
  EXPECT_EQ(mistakes_in("memory = 80\n", read),
            "a.toml:1: memory: 80 has no unit; write for example \"80 GiB\" or \"2 TB\"");
  EXPECT_EQ(mistakes_in("memory = \"80\"\n", read),
            "a.toml:1: memory: \"80\" has no unit; write for example \"80 GiB\" or \"2 TB\"");
  EXPECT_EQ(mistakes_in("memory = \"-80 GB\"\n", read), "a.toml:1: memory: \"-80 GB\" is negative");
  EXPECT_EQ(mistakes_in("memory = true\n", read),
            "a.toml:1: memory: is true or false, and must be a text with a unit, such as "
            "\"80 GiB\" or \"2 TB\"");
}

TEST(TomlReader, refuses_the_wrong_type_for_each_accessor) {
  const auto error = [](std::string_view value, const std::function<void(const TomlTable&)>& read) {
    return mistakes_in("k = " + std::string(value) + "\n", read);
  };
  EXPECT_EQ(error("1", [](const TomlTable& t) { t.text("k"); }),
            "a.toml:1: k: is a whole number, and must be a text");
  EXPECT_EQ(error("\"\"", [](const TomlTable& t) { t.text("k"); }), "a.toml:1: k: is empty");
  EXPECT_EQ(error("1.5", [](const TomlTable& t) { t.integer("k"); }),
            "a.toml:1: k: is a number, and must be a whole number");
  EXPECT_EQ(error("0", [](const TomlTable& t) { t.integer("k", 1, 8); }),
            "a.toml:1: k: is 0, and must be from 1 to 8");
  EXPECT_EQ(error("nan", [](const TomlTable& t) { t.number("k", 0, 1); }),
            "a.toml:1: k: is nan, and must be finite");
  EXPECT_EQ(error("2", [](const TomlTable& t) { t.number("k", 0, 1); }),
            "a.toml:1: k: is 2, and must be from 0 to 1");
  EXPECT_EQ(error("\"true\"", [](const TomlTable& t) { t.boolean_or("k", true); }),
            "a.toml:1: k: is a text, and must be true or false");
  EXPECT_EQ(error("[1, \"2\"]", [](const TomlTable& t) { t.integers("k"); }),
            "a.toml:1: k: is a text, and must be a whole number");
  EXPECT_EQ(error("[inf]", [](const TomlTable& t) { t.numbers("k"); }),
            "a.toml:1: k: is inf, and must be finite");
  EXPECT_EQ(error("[[1], 2]", [](const TomlTable& t) { t.rows("k"); }),
            "a.toml:1: k: is a whole number, and must be a list of numbers");
  EXPECT_EQ(error("[1]", [](const TomlTable& t) { t.texts("k"); }),
            "a.toml:1: k: is a whole number, and must be a text");
  EXPECT_EQ(error("{}", [](const TomlTable& t) { t.tables("k"); }),
            "a.toml:1: k: is a table, and must be a list of tables");
  EXPECT_EQ(error("[1]", [](const TomlTable& t) { t.table("k"); }),
            "a.toml:1: k: is a list, and must be a table");
  EXPECT_EQ(error("\"c\"", [](const TomlTable& t) { t.choice("k", {"a", "b"}, 0); }),
            "a.toml:1: k: \"c\" is none of a, b");
  EXPECT_EQ(error("2", [](const TomlTable& t) { t.choice("k", {"a", "b"}, 0); }),
            "a.toml:1: k: is a whole number, and must be one of a, b");
}

TEST(TomlReader, refuses_what_is_not_a_day) {
  const auto read = [](const TomlTable& root) { root.date("k"); };
  EXPECT_EQ(mistakes_in("k = \"2024-07-22\"\n", read),
            "a.toml:1: k: is a text, and must be a date without quotes: 2024-07-22");
  EXPECT_EQ(mistakes_in("k = 2024-07-22T10:00:00\n", read),
            "a.toml:1: k: is a time of day, and must be a date without quotes: 2024-07-22");
  // 2023 was no leap year: toml++ itself refuses it, with the column.
  EXPECT_NE(mistakes_in("k = 2023-02-29\n", read).find("a.toml:1:"), std::string::npos);
}

TEST(TomlReader, gives_line_and_column_where_the_file_is_not_toml) {
  const auto nothing = [](const TomlTable&) {};
  EXPECT_EQ(
      mistakes_in("[layout]\ntp = 8\ntp = 4\n", nothing),
      "a.toml:3:6: Error while parsing key-value pair: cannot redefine existing integer 'tp'");
  EXPECT_EQ(mistakes_in("a = \n", nothing).substr(0, 11), "a.toml:1:5:");
}

constexpr std::string_view fact_file = R"([sources]
STAS = "Stas Bekman, ML Engineering, 2024"
[peak]
bf16 = { is = "989 TFLOP/s", grade = "maker", from = "STAS" }
fp4 = { is = "unknown", grade = "secondary", from = "STAS" }
share = { is = "95 %", low = 0.9, high = 0.97, grade = "derived", from = "arithmetic of ours" }
)";

TEST(TomlReader, reads_facts_with_interval_grade_and_full_source) {
  auto document = TomlDocument::parse(fact_file, "chips/h100.toml");
  ASSERT_TRUE(document.ok());
  const TomlTable peak = (*document)->root().table("peak");
  const auto bf16 = peak.fact<FlopsPerSecond>("bf16");
  EXPECT_EQ(bf16.value, 989_TFLOPps);
  EXPECT_EQ(bf16.low, 989_TFLOPps);
  EXPECT_EQ(bf16.high, 989_TFLOPps);
  EXPECT_EQ(bf16.grade, Grade::maker);
  EXPECT_EQ(bf16.source, "Stas Bekman, ML Engineering, 2024");
  EXPECT_EQ(bf16.where, "chips/h100.toml: peak.bf16");
  const auto fp4 = peak.fact<FlopsPerSecond>("fp4");
  EXPECT_FALSE(fp4.known());
  EXPECT_EQ(fp4.needed_for("the roofline").error().message,
            "chips/h100.toml: peak.fp4 is unknown, and the roofline needs it (source: Stas Bekman, "
            "ML Engineering, 2024)");
  const Fact<double> share = peak.number_fact("share");
  EXPECT_DOUBLE_EQ(*share.value, 0.95);
  EXPECT_DOUBLE_EQ(share.low, 0.9);
  EXPECT_DOUBLE_EQ(share.high, 0.97);
  EXPECT_EQ(share.source, "arithmetic of ours");
  const Status status = (*document)->finish();
  EXPECT_TRUE(status.ok()) << status.error().message;
}

TEST(TomlReader, says_what_is_wrong_with_a_fact) {
  const auto error = [](const std::string& value) {
    return mistakes_in("k = " + value + "\n", [](const TomlTable& t) { t.fact<Watts>("k"); });
  };
  EXPECT_EQ(error("\"700 W\""),
            "a.toml:1: k: is a text, and must be { is = ..., grade = \"...\", from = \"...\" }");
  EXPECT_EQ(error("{ is = 700, grade = \"maker\", from = \"a b\" }"),
            "a.toml:1: k.is: 700 has no unit; write for example \"700 W\" or \"150 MW\"");
  EXPECT_EQ(error("{ is = \"700 W\", grade = \"rumour\", from = \"a b\" }"),
            "a.toml:1: k.grade: \"rumour\" is none of measured, maker, secondary, derived, fitted, "
            "assumption");
  EXPECT_EQ(error("{ is = \"700 W\", grade = \"maker\", from = \"NV\" }"),
            "a.toml:1: k.from: \"NV\" is not in [sources]");
  EXPECT_EQ(error("{ is = \"700 W\", low = \"800 W\", grade = \"maker\", from = \"a b\" }"),
            "a.toml:1: k: must lie between its low and its high end");
  EXPECT_EQ(error("{ is = \"700 W\", hihg = \"800 W\", grade = \"maker\", from = \"a b\" }"),
            "a.toml:1: k.hihg: is not a key that is known here; is \"high\" meant?");
  EXPECT_EQ(error("{ grade = \"maker\" }"),
            "a.toml:1: k.from: is missing\n"
            "a.toml:1: k.is: is missing");
}

TEST(TomlReader, lists_the_keys_that_were_asked_for_with_their_tables) {
  auto document = TomlDocument::parse("[a]\nx = 1\n", "a.toml");
  ASSERT_TRUE(document.ok());
  const TomlTable a = (*document)->root().table("a");
  a.integer("x");
  a.text_or("y", "");
  EXPECT_EQ((*document)->asked(), (std::vector<std::string>{"a", "a.x", "a.y"}));
}

// kitten -> sitten -> sittin -> sitting: three changes, and a third of six letters allows two.
TEST(Nearest, is_the_name_with_the_fewest_changes_if_it_is_near_enough) {
  EXPECT_EQ(nearest("kitten", {"sitting", "mittens", "bitten"}), "bitten");
  EXPECT_EQ(nearest("kitten", {"sitting"}), "");
  EXPECT_EQ(nearest("", {"a"}), "");
}

}  // namespace
}  // namespace celere::spec
