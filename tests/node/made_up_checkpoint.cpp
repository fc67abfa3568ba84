#include "made_up_checkpoint.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "core/fp8.h"
#include "core/half.h"
#include "model/file_reader.h"

namespace yoke::node {
namespace {

namespace fs = std::filesystem;

std::string random_bytes(std::mt19937& random, uint64_t bytes) {
  std::string text(bytes + 4, '\0');
  for (uint64_t i = 0; i < bytes; i += 4) {
    const uint32_t word = static_cast<uint32_t>(random());
    std::memcpy(text.data() + i, &word, 4);
  }
  text.resize(bytes);
  return text;
}

void put_number(Dtype dtype, float value, char* at) {
  const uint16_t half = dtype == Dtype::f16 ? f32_to_f16(value) : f32_to_bf16(value);
  switch (dtype) {
    case Dtype::f32: std::memcpy(at, &value, 4); return;
    case Dtype::f16:
    case Dtype::bf16: std::memcpy(at, &half, 2); return;
    case Dtype::f8_e4m3: *at = static_cast<char>(f32_to_f8_e4m3(value)); return;
    case Dtype::f8_e5m2: *at = static_cast<char>(f32_to_f8_e5m2(value)); return;
    case Dtype::f8_e8m0: *at = static_cast<char>(120 + static_cast<int>(value * 4)); return;
    default: return;
  }
}

bool is_number(Dtype dtype) {
  return is_float(dtype) || dtype == Dtype::f8_e4m3 || dtype == Dtype::f8_e5m2 || dtype == Dtype::f8_e8m0;
}

}  // namespace

MadeUpCheckpoint::MadeUpCheckpoint(uint32_t seed) : random_(seed) {
  static int number = 0;
  folder_ = fs::temp_directory_path() / fmt::format("yoke-made-up-{}-{}", getpid(), ++number);
  fs::create_directories(folder_);
  checkpoint_.path = folder_ / "model.safetensors";
  checkpoint_.files = {checkpoint_.path};
  checkpoint_.config.name = "made-up";
}

MadeUpCheckpoint::~MadeUpCheckpoint() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

const model::TensorInfo* MadeUpCheckpoint::keep(Dtype dtype, std::vector<int64_t> shape, std::string bytes) {
  const std::string name = fmt::format("tensor.{}", checkpoint_.tensors.size());
  model::TensorInfo info{.name = name, .dtype = dtype, .shape = std::move(shape), .offset = bytes_.size(), .bytes = bytes.size()};
  bytes_ += bytes;
  return &(checkpoint_.tensors[name] = std::move(info));
}

const model::TensorInfo* MadeUpCheckpoint::add(Dtype dtype, std::vector<int64_t> shape) {
  uint64_t elements = 1;
  for (const int64_t n : shape) elements *= static_cast<uint64_t>(n);
  const uint64_t each = static_cast<uint64_t>(info(dtype).block_bytes);
  std::string bytes = random_bytes(random_, elements * each);
  if (is_number(dtype)) {
    for (uint64_t i = 0; i < elements; ++i) put_number(dtype, static_cast<float>(random_() >> 8) * 0x1p-22f - 2.0f, bytes.data() + i * each);
  }
  return keep(dtype, std::move(shape), std::move(bytes));
}

const model::TensorInfo* MadeUpCheckpoint::add_blocks(Dtype dtype, int64_t rows, int64_t cols) {
  std::string bytes = random_bytes(random_, static_cast<uint64_t>(rows) * row_bytes(dtype, cols));
  // Any byte with its second highest bit cleared makes halves below 2: no infinity, no NaN in a block.
  for (char& byte : bytes) byte = static_cast<char>(byte & 0xBF);
  return keep(dtype, {rows, cols}, std::move(bytes));
}

const model::TensorInfo* MadeUpCheckpoint::add_groups(int64_t cols, int32_t groups) {
  std::string bytes(static_cast<size_t>(cols) * 4, '\0');
  for (int64_t i = 0; i < cols; ++i) {
    const int32_t group = static_cast<int32_t>(random_() % static_cast<uint32_t>(groups));
    std::memcpy(bytes.data() + 4 * i, &group, 4);
  }
  return keep(Dtype::i32, {cols}, std::move(bytes));
}

const model::TensorInfo* MadeUpCheckpoint::add_zeros(Dtype dtype, std::vector<int64_t> shape) {
  zeros_ = static_cast<uint64_t>(info(dtype).block_bytes);
  for (const int64_t n : shape) zeros_ *= static_cast<uint64_t>(n);
  const model::TensorInfo* tensor = keep(dtype, std::move(shape), {});
  checkpoint_.tensors.at(tensor->name).bytes = zeros_;
  return tensor;
}

void MadeUpCheckpoint::write() {
  std::ofstream(file(), std::ios::binary).write(bytes_.data(), static_cast<std::streamsize>(bytes_.size()));
  fs::resize_file(file(), bytes_.size() + zeros_);
  const model::FileReader written(file());
  checkpoint_.file_bytes = {written.size()};
  checkpoint_.file_modified_ns = {written.modified_ns()};
}

std::vector<Region> regions_of(const std::vector<parallel::Slice>& slices) {
  std::vector<Region> regions;
  for (const parallel::Slice& slice : slices) {
    regions.push_back({.name = slice.region(), .bytes = slice.pool_bytes()});
    if (slice.form == parallel::Form::packed) regions.back().shape = slice.shape();
  }
  return regions;
}

}  // namespace yoke::node
