#include "transport/add.h"

#include <cstring>

#include "core/error.h"
#include "core/half.h"

namespace yoke::transport {
namespace {

template <typename T>
T load(const std::byte* from, uint64_t index) {
  T value;
  std::memcpy(&value, from + index * sizeof(T), sizeof(T));
  return value;
}

template <typename T, typename Plus>
void add_each(std::byte* sum, const std::byte* a, const std::byte* b, uint64_t bytes, Plus plus) {
  for (uint64_t i = 0; i < bytes / sizeof(T); ++i) {
    const T value = plus(load<T>(a, i), load<T>(b, i));
    std::memcpy(sum + i * sizeof(T), &value, sizeof(T));
  }
}

}  // namespace

// A sum of two halves is exact in f32 up to its last rounding: 24 bits >= 2 * 11 + 2, so rounding it again to f16 or bf16 gives
// what one rounding of the true sum would.
void add(std::byte* sum, const std::byte* a, const std::byte* b, uint64_t bytes, Dtype dtype) {
  if (dtype == Dtype::f32) {
    add_each<float>(sum, a, b, bytes, [](float x, float y) { return x + y; });
  } else if (dtype == Dtype::f16) {
    add_each<uint16_t>(sum, a, b, bytes, [](uint16_t x, uint16_t y) { return f32_to_f16(f16_to_f32(x) + f16_to_f32(y)); });
  } else {
    YOKE_ASSERT(dtype == Dtype::bf16);
    add_each<uint16_t>(sum, a, b, bytes, [](uint16_t x, uint16_t y) { return f32_to_bf16(bf16_to_f32(x) + bf16_to_f32(y)); });
  }
}

bool addable(Dtype dtype) { return dtype == Dtype::f32 || dtype == Dtype::f16 || dtype == Dtype::bf16; }

}  // namespace yoke::transport
