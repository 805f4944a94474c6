#include "spec/catalog.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace celere::spec {
namespace {

using testing::Contains;
using testing::HasSubstr;

std::vector<std::string> expected_files() {
  std::vector<std::string> paths;
  const auto files = local_files();
  for (const std::string& folder : files->list("catalog")) {
    for (const std::string& name : files->list("catalog/" + folder)) {
      if (!name.ends_with(".md")) paths.push_back(folder + "/" + name);
    }
  }
  return paths;
}

// The oracle is the folder itself: every file of catalog/ but its notes is in the program.
TEST(EmbeddedCatalog, is_the_folder_byte_for_byte) {
  const auto files = local_files();
  std::vector<std::string> embedded;
  for (const Embedded& file : embedded_catalog()) {
    embedded.emplace_back(file.path);
    const auto content = files->read("catalog/" + std::string(file.path));
    ASSERT_TRUE(content.ok()) << file.path;
    EXPECT_TRUE(*content == file.content) << file.path;
  }
  EXPECT_EQ(embedded, expected_files());
  EXPECT_TRUE(std::is_sorted(embedded.begin(), embedded.end()));
}

TEST(Catalog, reads_every_embedded_entry) {
  const auto files = memory_files();
  const Catalog catalog(*files, {});
  const auto expect_ok = [](const auto& result, const std::string& name) {
    EXPECT_TRUE(result.ok()) << name << ": " << result.error().text();
  };
  for (const auto& name : catalog.names(Kind::chip)) expect_ok(catalog.chip(name), name);
  for (const auto& name : catalog.names(Kind::model)) expect_ok(catalog.model(name), name);
  for (const auto& name : catalog.names(Kind::stack)) expect_ok(catalog.stack(name), name);
  for (const auto& name : catalog.names(Kind::cluster)) {
    const auto cluster = catalog.cluster(name);
    expect_ok(cluster, name);
    if (!cluster.ok()) continue;
    expect_ok(catalog.chip(cluster->chip), name + "'s chip");
    expect_ok(catalog.stack(cluster->stack), name + "'s stack");
  }
  EXPECT_THAT(catalog.names(Kind::model), Contains("next-grok"));
}

TEST(Catalog, looks_in_its_folders_in_order_and_last_among_the_embedded) {
  const auto files = memory_files();
  ASSERT_TRUE(files->write("first/models/mine.toml", "layers = 1").ok());
  ASSERT_TRUE(files->write("second/models/mine.toml", "layers = 2").ok());
  ASSERT_TRUE(files->write("second/models/grok-1.toml", "layers = 3").ok());
  ASSERT_TRUE(files->write("second/models/notes.txt", "no entry").ok());
  const Catalog catalog(*files, {"first", "absent", "second"});
  EXPECT_EQ(*catalog.content(Kind::model, "mine"), "layers = 1");
  EXPECT_EQ(*catalog.content(Kind::model, "grok-1"), "layers = 3");
  EXPECT_THAT(*catalog.content(Kind::model, "grok-2"), HasSubstr("Grok-2"));
  const auto names = catalog.names(Kind::model);
  EXPECT_EQ(std::count(names.begin(), names.end(), "mine"), 1);
  EXPECT_EQ(std::count(names.begin(), names.end(), "grok-1"), 1);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
}

TEST(Catalog, names_the_entries_that_are_near_an_unknown_one) {
  const auto files = memory_files();
  ASSERT_TRUE(files->write("own/models/zebra-small.toml", "").ok());
  ASSERT_TRUE(files->write("own/models/zebra-large.toml", "").ok());
  const Catalog catalog(*files, {"own"});
  const auto message = [&](std::string_view name) {
    const auto missing = catalog.model(name);
    EXPECT_EQ(missing.error().code, ErrorCode::not_found);
    return missing.error().message;
  };
  EXPECT_EQ(message("zebra-smal"),
            "the catalogue has no model \"zebra-smal\" (is \"zebra-small\" meant?); "
            "`celere catalog models` lists them");
  EXPECT_EQ(message("zebra"),
            "the catalogue has no model \"zebra\" (is \"zebra-large\" or \"zebra-small\" meant?); "
            "`celere catalog models` lists them");
  EXPECT_EQ(message("quagga"),
            "the catalogue has no model \"quagga\"; `celere catalog models` lists them");
}

TEST(Catalog, takes_no_path_for_a_name) {
  const auto files = memory_files();
  ASSERT_TRUE(files->write("own/models/../x.toml", "").ok());
  EXPECT_EQ(Catalog(*files, {"own"}).model("../x").error().code, ErrorCode::not_found);
}

TEST(Catalog, says_which_file_holds_the_mistake) {
  const auto files = memory_files();
  ASSERT_TRUE(files->write("own/models/wrong.toml", "layers = \"many\"\n").ok());
  const Error error = Catalog(*files, {"own"}).model("wrong").error();
  EXPECT_EQ(error.code, ErrorCode::bad_input);
  EXPECT_THAT(error.message,
              HasSubstr("models/wrong.toml:1: layers: is a text, and must be a whole number"));
  EXPECT_EQ(error.trail, std::vector<std::string>{"reading own/models/wrong.toml"});
}

}  // namespace
}  // namespace celere::spec
