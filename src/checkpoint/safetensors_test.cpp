#include "checkpoint/safetensors.hpp"

#include <gmock/gmock.h>

#include "checkpoint/checksum.hpp"
#include "checkpoint/test_storage.hpp"

namespace celere::checkpoint {
namespace {

using testing::HasSubstr;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string little_endian(std::uint64_t value) {
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}

// A file with this header and so many bytes of data.
std::string file_of(const std::string& header, std::size_t data) {
  return little_endian(header.size()) + header + std::string(data, 'x');
}

std::string error_of(const std::string& file) {
  const auto header = parse_safetensors_header(bytes_of(file), file.size(), "f");
  return header.ok() ? "" : header.error().message;
}

class Safetensors : public FolderTest {};

// "b" has the wider items and goes first: bytes 0 to 8; "a" has 3 of one byte: 8 to 11. The
// header's JSON has 109 bytes, with the length before it 117; eleven blanks make 128, a multiple
// of 64.
TEST_F(Safetensors, are_written_as_derived_by_hand) {
  const std::string path = folder_ + "/x.safetensors";
  const std::string a = "xyz", b = "12345678";
  const std::vector<TensorBytes> tensors{{"a", DataType::u8, {3}, bytes_of(a)},
                                         {"b", DataType::f32, {2, 1}, bytes_of(b)}};
  const auto written = write_safetensors(*storage_, path, tensors);
  ASSERT_TRUE(written.ok()) << written.error().text();
  const std::string json = R"({"b":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
                           R"("a":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}})";
  ASSERT_EQ(json.size(), 109u);
  const std::string expected = little_endian(120) + json + std::string(11, ' ') + b + a;
  EXPECT_EQ(*storage_->files().read(path), expected);
  EXPECT_EQ(written->bytes, 128 + 11);
  EXPECT_EQ(written->checksum, checksum_of(bytes_of(expected)));
}

TEST_F(Safetensors, read_what_was_written_of_each_type_and_shape) {
  const std::string path = folder_ + "/x.safetensors";
  std::vector<OwnedTensor> owned;
  for (int i = 0; i < data_type_count; ++i) {
    const auto type = static_cast<DataType>(i);
    EXPECT_EQ(data_type_named(name_of(type)), type);
    owned.push_back(random_tensor(std::string("t/") + name_of(type), type, {3, 5}, 7));
  }
  owned.push_back(random_tensor("scalar \"é\"", DataType::f64, {}, 1));
  owned.push_back(random_tensor("nothing", DataType::f32, {4, 0}, 1));
  std::vector<TensorBytes> tensors;
  for (const OwnedTensor& each : owned) {
    tensors.push_back({each.name, each.dtype, each.shape, each.bytes});
  }
  ASSERT_TRUE(write_safetensors(*storage_, path, tensors, {{"format", "pt"}}).ok());
  const auto file = SafetensorsFile::open(*storage_, path);
  ASSERT_TRUE(file.ok()) << file.error().text();
  EXPECT_EQ(file->header().metadata.at("format"), "pt");
  EXPECT_EQ(file->header().data_begin % 64, 0u);
  EXPECT_EQ(file->find("none"), nullptr);
  for (const OwnedTensor& each : owned) {
    const TensorInfo* info = file->find(each.name);
    ASSERT_NE(info, nullptr) << each.name;
    EXPECT_EQ(info->shape, each.shape);
    EXPECT_EQ(info->dtype, each.dtype);
    EXPECT_EQ(info->begin % item_size(each.dtype), 0u);
    const auto bytes = file->bytes(*info);
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), each.bytes.begin(), each.bytes.end()));
  }
}

TEST_F(Safetensors, are_not_written_where_they_could_not_be_read) {
  const auto error = [&](const TensorBytes& tensor, int times = 1) {
    const std::vector<TensorBytes> tensors(static_cast<std::size_t>(times), tensor);
    const auto written = write_safetensors(*storage_, folder_ + "/y", tensors);
    return written.ok() ? "" : written.error().message;
  };
  EXPECT_THAT(error({"a", DataType::f32, {2}, bytes_of("1234567")}),
              HasSubstr("tensor \"a\": 7 bytes do not fit F32 [2]"));
  EXPECT_THAT(error({"a", DataType::u8, {1}, bytes_of("1")}, 2), HasSubstr("stands twice"));
  EXPECT_THAT(error({"\xff", DataType::u8, {1}, bytes_of("1")}), HasSubstr("not UTF-8"));
  EXPECT_THAT(error({"__metadata__", DataType::u8, {1}, bytes_of("1")}), HasSubstr("keeps"));
  EXPECT_FALSE(storage_->files().exists(folder_ + "/y"));
}

TEST(SafetensorsHeaders, bound_a_length_before_they_believe_it) {
  EXPECT_EQ(error_of("1234567"), "f: is cut short: 7 bytes, and its length alone takes 8");
  EXPECT_EQ(error_of(little_endian(UINT64_MAX) + "{}"),
            "f: a header of 18446744073709551615 bytes; at most 100000000 are believed");
  EXPECT_EQ(error_of(little_endian(3) + "{}"),
            "f: is cut short: 10 bytes, and its header takes 11");
  EXPECT_EQ(error_of(file_of("[]", 0)), "f: its header does not begin with {");
  EXPECT_EQ(error_of(file_of("{} ", 0)), "");
  EXPECT_EQ(error_of(file_of("{]", 0)), "f: is no JSON at byte 2");
}

TEST(SafetensorsHeaders, name_the_tensor_and_what_is_wrong) {
  const auto one = [](const std::string& value) { return "{\"a\":" + value + "}"; };
  const auto u8 = [](const std::string& shape, const std::string& offsets) {
    return "{\"dtype\":\"U8\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
  };
  EXPECT_EQ(error_of(file_of(one(u8("[4]", "[0,4]")), 4)), "");
  EXPECT_EQ(error_of(file_of(one("1"), 4)),
            "f: tensor \"a\": has not exactly dtype, shape and data_offsets");
  EXPECT_EQ(error_of(file_of(one(R"({"dtype":"X","shape":[4],"data_offsets":[0,4]})"), 4)),
            "f: tensor \"a\": dtype \"X\" is not known");
  EXPECT_EQ(error_of(file_of(one(u8("[-4]", "[0,4]")), 4)),
            "f: tensor \"a\": shape is no list of whole numbers");
  // 2^32 x 2^32 is 0 in 64 bits: it must not be taken for no items.
  EXPECT_EQ(error_of(file_of(one(u8("[4294967296,4294967296]", "[0,0]")), 0)),
            "f: tensor \"a\": shape [4294967296, 4294967296] is not possible");
  EXPECT_EQ(error_of(file_of(one(u8("[4]", "[0,3]")), 4)),
            "f: tensor \"a\": U8 [4] takes 4 bytes and has 3");
  EXPECT_EQ(error_of(file_of(one(u8("[4]", "[4,0]")), 4)),
            "f: tensor \"a\": data_offsets end before they begin");
  EXPECT_EQ(error_of(file_of(one(u8("[4]", "[0,4]")), 3)), "f: is cut short: 3 bytes of data of 4");
  EXPECT_EQ(error_of(file_of(one(u8("[4]", "[0,4]")), 6)),
            "f: has 2 bytes that belong to no tensor at its end");
  EXPECT_EQ(error_of(file_of(one(u8("[4]", "[1,5]")), 5)),
            "f: tensor \"a\": begins at byte 1 of the data, a gap behind byte 0");
  const auto two = [&](const std::string& a, const std::string& b) {
    return "{\"a\":" + a + ",\"b\":" + b + "}";
  };
  EXPECT_EQ(error_of(file_of(two(u8("[4]", "[0,4]"), u8("[4]", "[2,6]")), 6)),
            "f: tensor \"b\": begins at byte 2 of the data, before the one before ends, byte 4");
  EXPECT_EQ(
      error_of(file_of("{\"a\":" + u8("[1]", "[0,1]") + ",\"a\":" + u8("[1]", "[0,1]") + "}", 1)),
      "f: the name \"a\" stands twice in one object");
  EXPECT_EQ(error_of(file_of(R"({"__metadata__":{"a":1}})", 0)),
            "f: __metadata__: \"a\" is no text");
}

}  // namespace
}  // namespace celere::checkpoint
