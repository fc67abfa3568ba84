// GGUF files that are not what they say.
#include "model/gguf.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "model/catalogue.h"
#include "tests/model/made_files.h"

namespace yoke::model {
namespace {

class Gguf : public ::testing::Test {
 protected:
  Checkpoint open(const MadeGguf& made) { return open_bytes(made.bytes()); }
  Checkpoint open_bytes(const std::string& bytes) { return open_checkpoint(folder_.write("made.gguf", bytes)); }

  void expect_refused(const MadeGguf& made, const std::vector<std::string>& parts, Code code = Code::bad_file) {
    std::vector<std::string> all = parts;
    all.push_back("made.gguf");
    expect_error(code, all, [&] { open(made); });
  }

  MadeFolder folder_;
  MadeGguf made_ = made_llama_gguf();
};

TEST_F(Gguf, ReadsAWholeSmallModel) {
  const Checkpoint checkpoint = open(made_);
  EXPECT_EQ(checkpoint.config.name, "made");
  EXPECT_EQ(checkpoint.config.vocab, 8);
  EXPECT_EQ(checkpoint.config.head_dim, 32);
  EXPECT_FALSE(checkpoint.config.tied);
  const Catalogue catalogue(checkpoint);
  EXPECT_EQ(catalogue.at(Role::k, 0).format.codes, Dtype::q4_0);
  EXPECT_EQ(catalogue.at(Role::v, 0).format.codes, Dtype::q4_1);
  EXPECT_EQ(catalogue.at(Role::gate, 0).format.codes, Dtype::f16);
  EXPECT_EQ(catalogue.at(Role::up, 0).format.codes, Dtype::bf16);
  EXPECT_EQ(catalogue.at(Role::down, 0).format.codes, Dtype::f32);
  EXPECT_EQ(catalogue.at(Role::down, 0).codes->shape, (std::vector<int64_t>{64, 96})) << "slowest first";
  EXPECT_EQ(catalogue.head().codes->name, "output.weight");
  EXPECT_EQ(catalogue.at(Role::embedding).codes->offset, made_.header().size());
  ASSERT_TRUE(checkpoint.tokenizer.has_value());
  EXPECT_EQ(checkpoint.tokenizer->merges[2], "ab c");
  EXPECT_TRUE(checkpoint.tokenizer->add_bos);
  EXPECT_FALSE(checkpoint.tokenizer->unk.has_value());
}

TEST_F(Gguf, RefusesWhatIsNoGguf) {
  made_.magic = "vers";  // "version https://git-lfs.github.com/spec/v1"
  expect_refused(made_, {"byte 0", "the letters GGUF", "LFS"});
  expect_error(Code::bad_file, {"byte 0", "the end of the file"}, [&] { open_bytes(""); });
}

TEST_F(Gguf, RefusesOtherVersionsAndTheOtherByteOrder) {
  for (const uint32_t version : {0u, 1u, 2u, 4u}) {
    made_.version = version;
    expect_refused(made_, {"byte 4", "version " + std::to_string(version), "version 3"});
  }
  made_.version = 0x03000000;
  expect_refused(made_, {"byte 4", "big-endian"});
}

TEST_F(Gguf, RefusesCountsThatTheFileCannotHold) {
  made_.key_count = 1 << 16;
  expect_refused(made_, {"byte 24", "65536 x 13 bytes or more for metadata"});
  made_.key_count = UINT64_MAX;
  expect_refused(made_, {"at most 65536"});
  made_.key_count.reset();
  made_.tensor_count = 60000;
  expect_refused(made_, {"60000 x 32 bytes or more for tensor descriptions"});
  made_.tensor_count = UINT64_MAX;
  expect_refused(made_, {"18446744073709551615 tensors", "at most 65536"});
}

TEST_F(Gguf, RefusesStringsAndArraysThatTheFileCannotHold) {
  MadeGguf made = made_;
  made.add("x", typed(kString, bytes_of<uint64_t>(1 << 20)));
  expect_refused(made, {"1048576 bytes for the value of 'x'"});
  made = made_;
  made.add("x", typed(kString, bytes_of<uint64_t>(UINT64_MAX)));
  expect_refused(made, {"18446744073709551615 bytes for the value of 'x'", "at most 4194304"});
  made = made_;
  made.add("x", typed(kArray, bytes_of<uint32_t>(kString) + bytes_of<uint64_t>(1 << 20)));
  expect_refused(made, {"1048576 x 8 bytes or more for the value of 'x'"});
  made = made_;
  made.add("x", typed(kArray, bytes_of<uint32_t>(kU8) + bytes_of<uint64_t>(UINT64_MAX)));
  expect_refused(made, {"18446744073709551615 elements", "at most 4194304"});
  made = made_;
  made.add(std::string(1025, 'k'), u32_value(1));
  expect_refused(made, {"1025 bytes for a key", "at most 1024"});
}

TEST_F(Gguf, CountsTheElementsOfAllArraysTogether) {
  const std::string half =
      typed(kArray, bytes_of<uint32_t>(kU8) + bytes_of<uint64_t>(3 << 20)) + std::string(3 << 20, '\0');
  made_.add("first", half).add("second", half);
  expect_refused(made_, {"3145728 elements in the value of 'second'", "in all arrays"});
}

TEST_F(Gguf, RefusesValuesOfNoType) {
  MadeGguf made = made_;
  made.add("x", typed(GgufKind(13), bytes_of<uint64_t>(0)));
  expect_refused(made, {"type 13 of the value of 'x'", "0 to 12"});
  made = made_;
  made.add("x", typed(kArray, bytes_of<uint32_t>(kArray) + bytes_of<uint64_t>(0)));
  expect_refused(made, {"an array of arrays"});
  made = made_;
  made.add("x", typed(kArray, bytes_of<uint32_t>(99) + bytes_of<uint64_t>(0)));
  expect_refused(made, {"type 99"});
  made = made_;
  made.add("x", typed(kBool, bytes_of<uint8_t>(2)));
  expect_refused(made, {"2 as the value of 'x'", "0 or 1"});
}

TEST_F(Gguf, ReadsEveryTypeOfValue) {
  made_.add("a", typed(kU8, bytes_of<uint8_t>(1))).add("b", typed(kI8, bytes_of<int8_t>(-1)));
  made_.add("c", typed(kU16, bytes_of<uint16_t>(1))).add("d", typed(kI16, bytes_of<int16_t>(-1)));
  made_.add("e", typed(kI32, bytes_of<int32_t>(-1))).add("f", typed(kI64, bytes_of<int64_t>(-1)));
  made_.add("g", typed(kU64, bytes_of<uint64_t>(UINT64_MAX))).add("h", typed(kF64, bytes_of<double>(0.5)));
  made_.add("i", typed(kArray, bytes_of<uint32_t>(kBool) + bytes_of<uint64_t>(2) + std::string("\1\0", 2)));
  made_.set("llama.block_count", typed(kI64, bytes_of<int64_t>(1)));
  EXPECT_EQ(open(made_).config.layers, 1);
}

TEST_F(Gguf, RefusesAKeyGivenTwice) {
  made_.add("llama.block_count", u32_value(2));
  expect_refused(made_, {"'llama.block_count' for the second time"});
}

TEST_F(Gguf, RefusesATensorThatReachesPastTheFile) {
  std::string bytes = made_.bytes();
  bytes.pop_back();
  expect_error(Code::bad_file, {"the end of the file", "'output.weight' [8, 64], 544 bytes"},
               [&] { open_bytes(bytes); });
  made_.tensor("output.weight").offset = uint64_t{1} << 62;
  expect_error(Code::bad_file, {"'output.weight'"}, [&] { open_bytes(made_.header() + std::string(100'000, '\0')); });
  made_.tensor("output.weight").offset = UINT64_MAX - 31;
  expect_error(Code::bad_file, {"'output.weight'"}, [&] { open_bytes(made_.header() + std::string(100'000, '\0')); });
}

TEST_F(Gguf, RefusesOverlappingTensors) {
  made_.tensor("output.weight").offset = 0;
  expect_refused(made_, {"beginning here", "where 'token_embd.weight' ends"});
}

TEST_F(Gguf, RefusesAMisalignedTensor) {
  made_.tensor("output.weight").offset = 100'001;
  expect_refused(made_, {"'output.weight' at 100001", "a multiple of the alignment 32"});
}

TEST_F(Gguf, KeepsToTheAlignmentThatTheFileStates) {
  made_.set("general.alignment", u32_value(256)).alignment = 256;
  EXPECT_EQ(open(made_).tensors.at("token_embd.weight").offset % 256, 0u);
  for (const uint32_t alignment : {0u, 24u, 1u << 21}) {
    made_.set("general.alignment", u32_value(alignment));
    expect_refused(made_, {"general.alignment = " + std::to_string(alignment)});
  }
}

TEST_F(Gguf, RefusesATensorNameGivenTwiceOrOutOfRange) {
  MadeGguf made = made_;
  made.tensors.push_back({"output_norm.weight", {64}});
  expect_refused(made, {"'output_norm.weight' for the second time"});
  for (const std::string& name : {std::string(), std::string(257, 'n')}) {
    made = made_;
    made.tensors[0].name = name;
    expect_refused(made, {"a tensor name of " + std::to_string(name.size()) + " bytes", "1 to 256"});
  }
}

TEST_F(Gguf, RefusesShapesThatAreNone) {
  MadeGguf made = made_;
  made.tensors[0].dimensions = {};
  expect_refused(made, {"0 dimensions of tensor 'token_embd.weight'"});
  made.tensors[0].dimensions = {32, 1, 1, 1, 1};
  expect_refused(made, {"5 dimensions"});
  made.tensors[0].dimensions = {64, 0};
  expect_refused(made, {"a dimension of 0"});
  made.tensors[0] = {"token_embd.weight", {64, uint64_t{1} << 63}, kGgmlF32, 0, 64};
  expect_refused(made, {"a dimension of 9223372036854775808"});
  made.tensors[0] = {"token_embd.weight", {1u << 30, 1u << 30, 1u << 30}, kGgmlF32, 0, 64};
  expect_refused(made, {"does not fit 64 bits"});
  made.tensors[0] = {"token_embd.weight", {48, 8}, kGgmlQ8_0, 0, 408};
  expect_refused(made, {"'token_embd.weight' [8, 48] in Q8_0", "a multiple of 32"});
}

TEST_F(Gguf, RefusesOtherElementTypesByTheirName) {
  made_.tensors[0].type = 16;
  expect_refused(made_, {"'token_embd.weight' has type IQ2_XXS", "Q8_0"}, Code::unsupported);
  made_.tensors[0].type = 34;
  expect_refused(made_, {"TQ1_0"}, Code::unsupported);
  made_.tensors[0].type = 15;
  expect_refused(made_, {"Q8_K"}, Code::unsupported);
  made_.tensors[0].type = 1000;
  expect_refused(made_, {"type 1000"}, Code::bad_file);
}

TEST_F(Gguf, ShowsHostileNamesHarmlessly) {
  made_.tensors[0].name = "\x1b[31m\nroot";
  made_.tensors[0].type = 1000;
  expect_refused(made_, {"\\x1b[31m\\x0aroot"});
}

TEST_F(Gguf, RefusesATruncationAtEveryByteOfItsHeader) {
  const std::string bytes = made_.bytes();
  const size_t header = made_.header().size();
  for (size_t length = 0; length < header; ++length) {
    expect_error(Code::bad_file, {"made.gguf, byte ", "found ", "expected "},
                 [&] { open_bytes(bytes.substr(0, length)); });
  }
}

}  // namespace
}  // namespace yoke::model
