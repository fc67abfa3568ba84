#include "stored_weight.h"

#include <cstring>
#include <fstream>
#include <iterator>

#include "core/fp8.h"
#include "core/half.h"
#include "kernels/format/values.h"

namespace yoke::node {
namespace {

constexpr int kAwqOrder[8] = {0, 2, 4, 6, 1, 3, 5, 7};

class Stored {
 public:
  Stored(const std::vector<FileBytes>& files, const model::Weight& weight) : files_(files), w_(weight) {}

  float vector_element(int64_t i) const { return number(*w_.codes, plane(*w_.codes, 1) + w_.first_row + i * w_.row_step); }

  float value(int64_t row, int64_t col) const {
    const int64_t out = w_.first_row + row * w_.row_step;
    float value = code(out, col);
    if (w_.format.codes == Dtype::int4) value -= zero(out, col);
    if (w_.format.scales != Scales::none) value *= scale(out, col);
    if (!w_.format.global) return value;
    const float stored = number(*w_.global, w_.global->bytes > 4 ? w_.plane : 0);
    return value * (w_.global_divides ? 1.0f / stored : stored);
  }

 private:
  bool by_groups() const { return w_.layout == CodeLayout::gptq || w_.layout == CodeLayout::awq; }
  // First element, counted in lines of `n` elements each, of the weight's plane.
  int64_t plane(const model::TensorInfo& t, int64_t n) const {
    int64_t elements = 1;
    for (size_t i = 1; i < t.shape.size(); ++i) elements *= t.shape[i];
    return w_.plane * elements / n;
  }
  const std::byte* data(const model::TensorInfo& t) const { return files_[t.file].data() + t.offset; }
  float number(const model::TensorInfo& t, int64_t i) const { return number(t.dtype, data(t), i); }
  static float number(Dtype type, const std::byte* at, int64_t i) {
    uint16_t half;
    float whole;
    std::memcpy(&half, at + 2 * i * (type == Dtype::f16 || type == Dtype::bf16), 2);
    switch (type) {
      case Dtype::f32: std::memcpy(&whole, at + 4 * i, 4); return whole;
      case Dtype::f16: return f16_to_f32(half);
      case Dtype::bf16: return bf16_to_f32(half);
      case Dtype::f8_e4m3: return f8_e4m3_to_f32(static_cast<uint8_t>(at[i]));
      case Dtype::f8_e5m2: return f8_e5m2_to_f32(static_cast<uint8_t>(at[i]));
      case Dtype::f8_e8m0: return f8_e8m0_to_f32(static_cast<uint8_t>(at[i]));
      default: throw std::runtime_error("no number");
    }
  }
  uint32_t nibble(const model::TensorInfo& t, int64_t i) const { return (static_cast<uint32_t>(data(t)[i / 2]) >> (i % 2 * 4)) & 15; }
  // Position of output `out` in a word of eight.
  int64_t place(int64_t out) const {
    if (w_.layout != CodeLayout::awq) return out % 8;
    for (int j = 0; j < 8; ++j) {
      if (kAwqOrder[j] == out % 8) return j;
    }
    return 0;
  }

  float code(int64_t out, int64_t col) const {
    const model::TensorInfo& t = *w_.codes;
    const Dtype type = w_.format.codes;
    switch (w_.layout) {
      case CodeLayout::gptq: return static_cast<float>(nibble(t, (col / 8 * t.cols() + out) * 8 + col % 8));
      case CodeLayout::awq: return static_cast<float>(nibble(t, (col * t.cols() + out / 8) * 8 + place(out)));
      case CodeLayout::columns: return number(type, data(t), plane(t, 1) + col * t.cols() + out);
      case CodeLayout::rows: break;
    }
    if (info(type).block_elements > 2) return block(out, col);
    const int64_t line = (w_.plane ? w_.plane * t.shape[1] : 0) + out;
    const int64_t element = line * (type == Dtype::int4 ? (w_.cols + 7) / 8 * 8 : w_.cols) + col;
    if (type == Dtype::int4) return static_cast<float>(nibble(t, element));
    if (type == Dtype::e2m1) return e2m1_to_f32(static_cast<uint8_t>(nibble(t, element)));
    return number(type, data(t), element);
  }

  float block(int64_t out, int64_t col) const {
    const model::TensorInfo& t = *w_.codes;
    const Dtype type = w_.format.codes;
    const int64_t elements = info(type).block_elements;
    const PackedShape shape{.format = plain_format(type), .rows = 1, .cols = elements};
    std::vector<std::byte> packed(shape.bytes() + 64);
    std::byte* aligned = packed.data() + (64 - reinterpret_cast<uintptr_t>(packed.data()) % 64);
    const uint64_t row = row_bytes(type, w_.cols);
    const int64_t line = (w_.plane ? w_.plane * t.shape[1] : 0) + out;
    kernels::pack_codes({.shape = shape,
                         .source = data(t) + static_cast<uint64_t>(line) * row + row_bytes(type, col / elements * elements),
                         .source_stride = row,
                         .rows = {0, 1},
                         .cols = {0, elements},
                         .matrix = aligned});
    return kernels::format::weight({shape, aligned}, 0, col % elements);
  }

  int64_t group(int64_t col) const {
    if (!w_.format.listed_groups) return col / w_.format.group;
    int32_t listed;
    std::memcpy(&listed, data(*w_.groups) + 4 * col, 4);
    return listed;
  }

  float scale(int64_t out, int64_t col) const {
    const model::TensorInfo& t = *w_.scales;
    switch (w_.format.scales) {
      case Scales::none: return 1;
      case Scales::per_row: return number(t, plane(t, 1) + out);
      case Scales::per_block: return number(t, plane(t, 1) + out / w_.format.group * t.cols() + col / w_.format.group);
      case Scales::per_group: break;
    }
    const int64_t i = by_groups() ? group(col) * t.cols() + out : plane(t, 1) + out * t.cols() + group(col);
    return number(w_.format.scale_dtype, data(t), i);
  }

  float zero(int64_t out, int64_t col) const {
    if (!w_.format.zero_points) return 8;
    const model::TensorInfo& t = *w_.zeros;
    const int64_t word = by_groups() ? group(col) * t.cols() + out / 8 : out / 8 * t.cols() + group(col);
    return static_cast<float>(static_cast<int>(nibble(t, word * 8 + place(out))) + w_.format.zero_bias);
  }

  const std::vector<FileBytes>& files_;
  const model::Weight& w_;
};

}  // namespace

std::vector<FileBytes> bytes_of(const model::Checkpoint& checkpoint) {
  std::vector<FileBytes> files;
  for (const auto& path : checkpoint.files) {
    std::ifstream in(path, std::ios::binary);
    const std::vector<char> chars((std::istreambuf_iterator<char>(in)), {});
    FileBytes& bytes = files.emplace_back(chars.size());
    std::memcpy(bytes.data(), chars.data(), chars.size());
  }
  return files;
}

float stored_weight(const std::vector<FileBytes>& files, const model::Weight& weight, int64_t row, int64_t col) {
  const Stored stored(files, weight);
  return weight.vector ? stored.vector_element(col) : stored.value(row, col);
}

}  // namespace yoke::node
