#include "kernels/format/panel.h"

#include <cmath>
#include <cstring>

#include "core/error.h"
#include "kernels/format/half.h"

namespace yoke::kernels::format {
namespace {

template <typename T>
T load(const std::byte* at, size_t index) {
  T value;
  std::memcpy(&value, at + index * sizeof(T), sizeof(T));
  return value;
}

uint32_t nibble(const std::byte* codes, size_t lane, size_t k) {
  const uint32_t word = load<uint32_t>(codes, (k / 8) * kPanelRows + lane);
  return (word >> (4 * (k % 8))) & 15u;
}

}  // namespace

float code(const PackedMatrix& w, int64_t row, int64_t col) {
  const std::byte* codes = chunk_at(w, row / kPanelRows, col / kChunk) + codes_offset(w.dtype);
  const size_t lane = static_cast<size_t>(row % kPanelRows);
  const size_t k = static_cast<size_t>(col % kChunk);
  const size_t element = k * kPanelRows + lane;
  switch (w.dtype) {
    case Dtype::f32: return load<float>(codes, element);
    case Dtype::f16: return f16_to_f32(load<uint16_t>(codes, element));
    case Dtype::bf16: return bf16_to_f32(load<uint16_t>(codes, element));
    case Dtype::q8_0: return static_cast<float>(load<int8_t>(codes, element));
    case Dtype::q4_0: return static_cast<float>(static_cast<int>(nibble(codes, lane, k)) - 8);
    case Dtype::q4_1: return static_cast<float>(nibble(codes, lane, k));
    case Dtype::i32:
    case Dtype::i64:
    case Dtype::u8: break;
  }
  assertion_failed("a weight's type", __FILE__, __LINE__);
}

float scale(const PackedMatrix& w, int64_t row, int64_t chunk) {
  return f16_to_f32(load<uint16_t>(chunk_at(w, row / kPanelRows, chunk), static_cast<size_t>(row % kPanelRows)));
}

float minimum(const PackedMatrix& w, int64_t row, int64_t chunk) {
  return f16_to_f32(load<uint16_t>(chunk_at(w, row / kPanelRows, chunk), static_cast<size_t>(kPanelRows + row % kPanelRows)));
}

float weight(const PackedMatrix& w, int64_t row, int64_t col) {
  const float bare = code(w, row, col);
  if (info(w.dtype).block_elements == 1) return bare;
  const float d = scale(w, row, col / kChunk);
  return w.dtype == Dtype::q4_1 ? std::fma(d, bare, minimum(w, row, col / kChunk)) : d * bare;
}

}  // namespace yoke::kernels::format
