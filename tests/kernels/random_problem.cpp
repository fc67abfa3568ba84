#include "tests/kernels/random_problem.h"

#include "kernels/cpu/targets.h"

#include <hwy/highway.h>
#include <hwy/targets.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "kernels/format/half.h"

namespace yoke::kernels::testing {
namespace {

template <typename T>
T read(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

// ldexp on the fields of a half: independent of kernels/format/half.h.
double half_value(uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const double mantissa = bits & 1023;
  const double magnitude = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(mantissa + 1024, exponent - 25);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

double block_value(Dtype dtype, const std::byte* block, int64_t k) {
  const double d = half_value(read<uint16_t>(block));
  if (dtype == Dtype::q8_0) return d * static_cast<double>(read<int8_t>(block + 2 + k));
  const std::byte* nibbles = block + (dtype == Dtype::q4_1 ? 4 : 2);
  const int both = std::to_integer<int>(nibbles[k % 16]);
  const int q = k < 16 ? both % 16 : both / 16;
  if (dtype == Dtype::q4_0) return d * (q - 8);
  return d * q + half_value(read<uint16_t>(block + 2));
}

template <typename T>
void write(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof(T));
}

void fill_block(Random& random, Dtype dtype, std::byte* at) {
  switch (dtype) {
    case Dtype::f32: return write(at, random.normal());
    case Dtype::f16: return write(at, format::f32_to_f16(random.normal()));
    case Dtype::bf16: return write(at, format::f32_to_bf16(random.normal()));
    default: break;
  }
  for (int i = 0; i < info(dtype).block_bytes; ++i) at[i] = static_cast<std::byte>(random.between(0, 255));
  write(at, format::f32_to_f16(random.normal(0.05f)));
  if (dtype == Dtype::q4_1) write(at + 2, format::f32_to_f16(random.normal(0.3f)));
}

}  // namespace

std::vector<float> Random::normals(int64_t count, float deviation) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = normal(deviation);
  return values;
}

double Weight::value(int64_t row, int64_t col) const {
  const DtypeInfo& format = info(dtype);
  const size_t block = static_cast<size_t>(row) * row_bytes(dtype, cols) +
                       static_cast<size_t>(col / format.block_elements * format.block_bytes);
  const std::byte* at = file.data() + block;
  switch (dtype) {
    case Dtype::f32: return read<float>(at);
    case Dtype::f16: return half_value(read<uint16_t>(at));
    case Dtype::bf16: return std::bit_cast<float>(static_cast<uint32_t>(read<uint16_t>(at)) << 16);
    default: return block_value(dtype, at, col % format.block_elements);
  }
}

Weight random_weight(Random& random, Dtype dtype, int64_t rows, int64_t cols) {
  Weight weight{dtype, rows, cols, {}, {}};
  weight.file.resize(static_cast<size_t>(rows) * row_bytes(dtype, cols));
  const size_t step = static_cast<size_t>(info(dtype).block_bytes);
  for (size_t at = 0; at < weight.file.size(); at += step) fill_block(random, dtype, weight.file.data() + at);
  weight.panels.resize(packed_matrix_bytes(dtype, rows, cols), std::byte{0xFF});
  pack_rows({.dtype = dtype, .rows = rows, .cols = cols, .source = weight.file.data(),
             .source_stride = row_bytes(dtype, cols), .first_row = 0, .count = rows, .panels = weight.panels.data()});
  return weight;
}

std::vector<float> poisoned(int64_t count) {
  return std::vector<float>(static_cast<size_t>(count), std::numeric_limits<float>::quiet_NaN());
}

void for_seeds(uint64_t cases, const std::function<void(uint64_t)>& body) {
  const char* only = std::getenv("YOKE_SEED");
  const uint64_t first = only != nullptr ? std::strtoull(only, nullptr, 10) : 0;
  const uint64_t end = only != nullptr ? first + 1 : cases;
  for (uint64_t seed = first; seed < end && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("replay with YOKE_SEED=" + std::to_string(seed));
    body(seed);
  }
}

void for_targets(const std::function<void(const std::string&)>& body) {
  for (int64_t left = hwy::SupportedTargets() & HWY_TARGETS; left != 0; left &= left - 1) {
    const int64_t target = left & -left;
    hwy::SetSupportedTargetsForTest(target);
    SCOPED_TRACE(hwy::TargetName(target));
    body(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(0);
  }
}

::testing::AssertionResult same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return ::testing::AssertionFailure() << "sizes " << a.size() << " and " << b.size();
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::bit_cast<uint32_t>(a[i]) == std::bit_cast<uint32_t>(b[i])) continue;
    return ::testing::AssertionFailure() << "element " << i << " of " << a.size() << ": " << a[i] << " and " << b[i];
  }
  return ::testing::AssertionSuccess();
}

}  // namespace yoke::kernels::testing
