// safetensors files that are not what they say.
#include "model/safetensors.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "model/tensor_file.h"
#include "tests/model/made_files.h"

namespace yoke::model {
namespace {

class Safetensors : public ::testing::Test {
 protected:
  TensorFile open(const std::string& bytes) { return TensorFile(folder_.write("made.safetensors", bytes)); }
  // `json` with 8 bytes of data behind it.
  void expect_refused(std::string_view json, const std::vector<std::string>& parts, Code code = Code::bad_file) {
    std::vector<std::string> all = parts;
    all.push_back("made.safetensors");
    expect_error(code, all, [&] { open(safetensors_with_header(json, std::string(8, '\0'))); });
  }

  MadeFolder folder_;
};

TEST_F(Safetensors, GivesEveryTypeOfElement) {
  const std::vector<MadeTensor> tensors = {{"i64", "I64", {1}, bytes_of<int64_t>(-5)},
                                           {"f32", "F32", {2, 1}, bytes_of(1.5f) + bytes_of(-2.0f)},
                                           {"i32", "I32", {1}, bytes_of<int32_t>(-7)},
                                           {"f16", "F16", {1}, std::string(2, '\0')},
                                           {"bf16", "BF16", {1}, std::string(2, '\0')},
                                           {"u8", "U8", {3}, "abc"},
                                           {"scalar", "U8", {}, "x"},
                                           {"empty", "F32", {0, 3}, ""}};
  const TensorFile file = open(made_safetensors(tensors));
  EXPECT_EQ(file.read<int64_t>("i64"), std::vector<int64_t>{-5});
  EXPECT_EQ(file.read<float>("f32"), (std::vector<float>{1.5f, -2.0f}));
  EXPECT_EQ(file.read<int32_t>("i32"), std::vector<int32_t>{-7});
  EXPECT_EQ(file.read<uint8_t>("u8"), (std::vector<uint8_t>{'a', 'b', 'c'}));
  EXPECT_EQ(file.read<uint8_t>("scalar"), std::vector<uint8_t>{'x'});
  EXPECT_TRUE(file.read<float>("empty").empty());
  EXPECT_EQ(file.find("f16")->dtype, Dtype::f16);
  EXPECT_EQ(file.find("bf16")->bytes, 2u);
}

TEST_F(Safetensors, SaysWhatATensorIsWhenAskedForAnotherType) {
  const TensorFile file = open(made_safetensors({zeros("a", "I32", {2})}));
  expect_error(Code::bad_file, {"'a' of type I32", "type F32"}, [&] { file.read<float>("a"); });
  expect_error(Code::bad_file, {"1 tensors, none of them 'b'"}, [&] { file.read<float>("b"); });
}

TEST_F(Safetensors, AllowsMetadataAndSpacesBehindTheHeader) {
  const TensorFile file = open(safetensors_with_header(
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}   )",
      std::string(8, '\0')));
  EXPECT_EQ(file.tensors().size(), 1u);
}

TEST_F(Safetensors, RefusesAHeaderLengthThatTheFileCannotHold) {
  expect_error(Code::bad_file, {"byte 0", "8 bytes for the header's length"}, [&] { open("1234567"); });
  expect_error(Code::bad_file, {"byte 8", "100 bytes for the header"}, [&] { open(bytes_of<uint64_t>(100) + "{}"); });
  expect_error(Code::bad_file, {"byte 0", "18446744073709551615", "at most 16777216"},
               [&] { open(bytes_of<uint64_t>(UINT64_MAX) + "{}"); });
}

TEST_F(Safetensors, RefusesAHeaderThatIsNoObjectInJson) {
  expect_refused("", {"byte 8", "no JSON"});
  expect_refused("[]", {"byte 8", "one object"});
  expect_refused("{} x", {"byte 11"});
  expect_refused(R"({"a":)", {"byte 13", "no JSON"});
  expect_refused("{\"\xff\":1}", {"byte 10", "no JSON"});
  expect_refused(R"({"a":)" + std::string(100, '[') + std::string(100, ']') + "}", {"no JSON"});
  expect_refused(R"({"a":{"dtype":"F32","dtype":"I32","shape":[2],"data_offsets":[0,8]}})",
                 {"the key 'dtype' for the second time"});
  expect_refused(
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"\u0061":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
      {"the key 'a' for the second time"});
}

TEST_F(Safetensors, ChecksEveryField) {
  const auto tensor = [](std::string_view dtype, std::string_view shape, std::string_view offsets) {
    return R"({"a":{"dtype":)" + std::string(dtype) + R"(,"shape":)" + std::string(shape) + R"(,"data_offsets":)" +
           std::string(offsets) + "}}";
  };
  expect_refused(R"({"a":1})", {"no object under 'a'"});
  expect_refused(R"({"a":{"shape":[2],"data_offsets":[0,8]}})", {"tensor 'a': dtype = nothing", "a string"});
  expect_refused(R"({"a":{"dtype":"F32","data_offsets":[0,8]}})", {"tensor 'a': shape = nothing", "an array"});
  expect_refused(R"({"a":{"dtype":"F32","shape":[2]}})", {"tensor 'a': data_offsets = nothing"});
  expect_refused(R"({"":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", {"a name of 1 to 512 bytes"});
  expect_refused(tensor("7", "[2]", "[0,8]"), {"dtype = 7", "a string"});
  expect_refused(tensor(R"("F32")", "2", "[0,8]"), {"shape = 2", "an array"});
  for (const char* shape : {"[-2]", "[2.0]", "[\"2\"]", "[null]", "[9223372036854775808]", "[1e3]"}) {
    expect_refused(tensor(R"("F32")", shape, "[0,8]"), {"tensor 'a': shape", "integers of 0 or more"});
  }
  expect_refused(tensor(R"("F32")", "[1,1,1,1,1,1,1,1,2]", "[0,8]"), {"at most 8 dimensions"});
  expect_refused(tensor(R"("F32")", "[2]", "[0]"), {"two integers"});
  expect_refused(tensor(R"("F32")", "[2]", "[0,8,8]"), {"two integers"});
  expect_refused(tensor(R"("F32")", "[2]", "[0,true]"), {"data_offsets", "integers"});
}

TEST_F(Safetensors, RefusesOtherElementTypesByTheirName) {
  expect_refused(R"({"a":{"dtype":"F6_E3M2","shape":[8],"data_offsets":[0,6]}})", {"tensor 'a' has type 'F6_E3M2'"},
                 Code::unsupported);
  expect_refused(R"({"a":{"dtype":"f32","shape":[2],"data_offsets":[0,8]}})", {"'f32'"}, Code::unsupported);
  expect_refused(R"({"a":{"dtype":"Q8_0","shape":[2],"data_offsets":[0,8]}})", {"'Q8_0'"}, Code::unsupported);
}

TEST_F(Safetensors, RefusesOffsetsThatDoNotFitTheShapeOrTheFile) {
  const auto tensor = [](std::string_view shape, std::string_view offsets) {
    return R"({"a":{"dtype":"F32","shape":)" + std::string(shape) + R"(,"data_offsets":)" + std::string(offsets) + "}}";
  };
  expect_refused(tensor("[1]", "[0,8]"), {"[0, 8], 8 bytes", "4 bytes for F32 [1]"});
  expect_refused(tensor("[3]", "[0,12]"), {"[0, 12]", "within the 8 bytes"});
  expect_refused(tensor("[2]", "[8,0]"), {"[8, 0]", "a range"});
  expect_refused(tensor("[2]", "[0,9223372036854775807]"), {"a range within"});
  expect_refused(tensor("[4294967296,4294967296]", "[0,8]"), {"does not fit 64 bits"});
  expect_refused(tensor("[9223372036854775807,2,0]", "[0,0]"), {"does not fit 64 bits"});
}

TEST_F(Safetensors, RefusesOverlapsHolesAndBytesOfNoTensor) {
  expect_refused(
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
      {"tensor 'b' beginning here, inside the one before"});
  expect_refused(
      R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
      {"tensor 'b' beginning here, behind a hole"});
  expect_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", {"4 bytes behind the last tensor"});
}

TEST_F(Safetensors, RefusesATruncationAtEveryByte) {
  const std::string bytes = made_safetensors({zeros("a", "F32", {2}), zeros("b", "I32", {1})});
  for (size_t length = 0; length < bytes.size(); ++length) {
    expect_error(Code::bad_file, {"made.safetensors, byte ", "found ", "expected "},
                 [&] { open(bytes.substr(0, length)); });
  }
}

}  // namespace
}  // namespace yoke::model
