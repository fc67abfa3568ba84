#include "tests/emulator/ptx/tensor_ops.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <tuple>
#include <vector>

#include "tests/emulator/ptx/number_formats.h"

namespace yoke::emulator {
namespace {

constexpr uint32_t kM = 16, kN = 8, kMaxK = 64;

// ---- The opcode ----

enum class Kind : uint8_t { plain, f8f6f4, mxf8f6f4, mxf4, mxf4nvf4 };

std::vector<std::string_view> words_of(std::string_view opcode) {
  std::vector<std::string_view> words;
  for (size_t begin = 0; begin <= opcode.size();) {
    const size_t end = std::min(opcode.find('.', begin), opcode.size());
    words.push_back(opcode.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

// Everything between "mma.sync.aligned" and the types, in whatever order (the ISA has the kind after "row.col",
// CUDA 13.0 takes it before the shape).
struct Prefix {
  Kind kind = Kind::plain;
  bool block_scale = false;
  uint32_t vector = 0;  // of scale_vec; 0: not said
  uint32_t k = 0;
};

std::optional<Kind> kind_of(std::string_view word) {
  if (word == "kind::f8f6f4") return Kind::f8f6f4;
  if (word == "kind::mxf8f6f4") return Kind::mxf8f6f4;
  if (word == "kind::mxf4") return Kind::mxf4;
  if (word == "kind::mxf4nvf4") return Kind::mxf4nvf4;
  return {};
}

bool read(std::string_view word, Prefix& p) {
  if (const auto kind = kind_of(word)) {
    p.kind = *kind;
  } else if (word == "block_scale") {
    p.block_scale = true;
  } else if (word.starts_with("scale_vec::") && word.size() == 13 && word.back() == 'X') {
    p.vector = static_cast<uint32_t>(word[11] - '0');
  } else if (word == "m16n8k16" || word == "m16n8k32" || word == "m16n8k64") {
    p.k = word == "m16n8k16" ? 16 : word == "m16n8k32" ? 32 : 64;
  } else {
    return false;
  }
  return true;
}

std::optional<MmaType> type_of(std::string_view word, Kind kind) {
  const bool four_bits = kind == Kind::mxf4 || kind == Kind::mxf4nvf4;
  if (word == "e2m1") {
    if (kind == Kind::plain) return {};
    return four_bits ? MmaType::e2m1 : MmaType::e2m1_in_byte;
  }
  if (four_bits) return {};
  if (word == "e4m3") return MmaType::e4m3;
  if (word == "e5m2") return MmaType::e5m2;
  if (kind != Kind::plain) return {};
  if (word == "f16") return MmaType::f16;
  if (word == "bf16") return MmaType::bf16;
  return {};
}

bool is_half(MmaType type) {
  return type == MmaType::f16 || type == MmaType::bf16;
}

uint32_t k_of(MmaType type) {
  if (is_half(type)) return 16;
  return type == MmaType::e2m1 ? 64 : 32;
}

bool set_scales(const Prefix& p, std::string_view scale_type, MmaForm& form) {
  const bool scaled = p.kind == Kind::mxf8f6f4 || p.kind == Kind::mxf4 || p.kind == Kind::mxf4nvf4;
  if (scaled != p.block_scale || (!scaled && p.vector != 0)) return false;
  if (!scaled) return scale_type.empty();
  const bool exponents = scale_type == "ue8m0";
  if (!exponents && scale_type != "ue4m3") return false;
  form.scale = exponents ? ScaleType::ue8m0 : ScaleType::ue4m3;
  const bool groups_of_16 = p.kind == Kind::mxf4nvf4 && p.vector == 4;
  if (groups_of_16 != !exponents) return false;
  form.scale_blocks = p.kind == Kind::mxf8f6f4 ? 1 : groups_of_16 ? 4 : 2;
  const bool may_be_unsaid = p.kind != Kind::mxf4nvf4;
  return p.vector == form.scale_blocks || (may_be_unsaid && p.vector == 0);
}

// ---- The arithmetic ----

using ByteValues = std::array<double, 256>;

template <class Value>
ByteValues byte_values(Value value) {
  ByteValues values;
  for (uint32_t code = 0; code < 256; ++code) values[code] = value(static_cast<uint8_t>(code));
  return values;
}

const ByteValues& values_of(MmaType type) {
  static const ByteValues e4m3 = byte_values(e4m3_to_f32), e5m2 = byte_values(e5m2_to_f32);
  static const ByteValues e2m1 = byte_values([](uint8_t code) { return e2m1_to_f32(code >> 2); });
  if (type == MmaType::e4m3) return e4m3;
  return type == MmaType::e5m2 ? e5m2 : e2m1;
}

struct Place {
  uint32_t row, k;  // of a register's first element
};
Place place_a(uint32_t lane, uint32_t q, uint32_t in_register) {
  return {(lane >> 2) + 8 * (q & 1), in_register * ((lane & 3) + 4 * (q >> 1))};
}
Place place_b(uint32_t lane, uint32_t q, uint32_t in_register) {
  return {lane >> 2, in_register * ((lane & 3) + 4 * q)};
}

// body(row, k, code) for every element.
template <uint32_t kBits, class At, class Body>
void for_elements(std::span<const Lanes> registers, At at, Body body) {
  constexpr uint32_t kCount = 32 / kBits, kMask = (1u << kBits) - 1;
  for (uint32_t q = 0; q < registers.size(); ++q) {
    for (uint32_t lane = 0; lane < 32; ++lane) {
      const Place place = at(lane, q, kCount);
      const uint32_t word = registers[q][lane];
      for (uint32_t i = 0; i < kCount; ++i) body(place.row, place.k + i, word >> kBits * i & kMask);
    }
  }
}

template <class At, class Body>
void for_values(MmaType type, std::span<const Lanes> registers, At at, Body body) {
  if (type == MmaType::bf16) {
    for_elements<16>(registers, at, [&](uint32_t row, uint32_t k, uint32_t code) {
      body(row, k, double{std::bit_cast<float>(code << 16)});
    });
  } else if (type == MmaType::f16) {
    for_elements<16>(registers, at, [&](uint32_t row, uint32_t k, uint32_t code) {
      body(row, k, double{f16_to_f32(static_cast<uint16_t>(code))});
    });
  } else {
    const ByteValues& values = values_of(type);
    for_elements<8>(registers, at, [&](uint32_t row, uint32_t k, uint32_t code) { body(row, k, values[code]); });
  }
}

// Twice the values of two e2m1, the low nibble's first.
using TwiceE2m1 = std::array<std::array<int16_t, 2>, 256>;
constexpr TwiceE2m1 twice_e2m1() {
  constexpr int16_t kTwice[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
  TwiceE2m1 pairs{};
  for (size_t code = 0; code < 256; ++code) pairs[code] = {kTwice[code & 15], kTwice[code >> 4]};
  return pairs;
}
constexpr TwiceE2m1 kTwiceE2m1 = twice_e2m1();

using Sums = std::array<std::array<double, kN>, kM>;
struct Scales {
  double a[kM][4], b[kN][4];
};

// The 8 columns side by side, in vectors of 16 bytes, which every machine has.
using Doubles = double __attribute__((vector_size(16)));
using Shorts = int16_t __attribute__((vector_size(2 * kN)));
constexpr uint32_t kVectors = kN / 2;

template <uint32_t kCount>
void multiply(const double* x, const double* y, Sums& sums) {
  for (uint32_t row = 0; row < kM; ++row) {
    Doubles sum[kVectors] = {}, column[kVectors];
    for (uint32_t k = 0; k < kCount; ++k) {
      std::memcpy(column, y + kN * k, sizeof(column));
      const double factor = x[row * kCount + k];
      for (uint32_t i = 0; i < kVectors; ++i) sum[i] += factor * column[i];
    }
    std::memcpy(sums[row].data(), sum, sizeof(sum));
  }
}

// Of one block of scales: at most 32 products of at most 144.
void multiply(const int16_t* x, const int16_t* y, uint32_t first_k, uint32_t k_count, int16_t* sums) {
  for (uint32_t row = 0; row < kM; ++row) {
    Shorts sum{}, column;
    for (uint32_t k = first_k; k < first_k + k_count; ++k) {
      std::memcpy(&column, y + kN * k, sizeof(column));
      sum += x[row * kMaxK + k] * column;
    }
    std::memcpy(sums + kN * row, &sum, sizeof(sum));
  }
}

void add_values(const MmaForm& form, std::span<const Lanes> a, std::span<const Lanes> b, Sums& sums) {
  double x[kM * 32], y[32 * kN];
  for_values(form.a, a, place_a, [&](uint32_t row, uint32_t k, double value) { x[row * form.k + k] = value; });
  for_values(form.b, b, place_b, [&](uint32_t column, uint32_t k, double value) { y[k * kN + column] = value; });
  if (form.k == 16)
    multiply<16>(x, y, sums);
  else
    multiply<32>(x, y, sums);
}

void add_scaled_e2m1(const MmaForm& form, std::span<const Lanes> a, std::span<const Lanes> b, const Scales& scales,
                     Sums& sums) {
  int16_t x[kM * kMaxK], y[kMaxK * kN], block_sums[kM * kN];
  for_elements<8>(a, place_a, [&](uint32_t row, uint32_t pair, uint32_t code) {
    std::memcpy(x + row * kMaxK + 2 * pair, kTwiceE2m1[code].data(), 2 * sizeof(int16_t));
  });
  for_elements<8>(b, place_b, [&](uint32_t column, uint32_t pair, uint32_t code) {
    y[2 * pair * kN + column] = kTwiceE2m1[code][0];
    y[(2 * pair + 1) * kN + column] = kTwiceE2m1[code][1];
  });
  const uint32_t block = kMaxK / form.scale_blocks;
  for (uint32_t j = 0; j < form.scale_blocks; ++j) {
    multiply(x, y, j * block, block, block_sums);
    for (uint32_t row = 0; row < kM; ++row) {
      for (uint32_t n = 0; n < kN; ++n)
        sums[row][n] += 0.25 * block_sums[kN * row + n] * (scales.a[row][j] * scales.b[n][j]);
    }
  }
}

// ---- Scales ----

std::string check_selectors(const MmaForm& form, uint32_t byte_a, uint32_t thread_a, uint32_t byte_b,
                            uint32_t thread_b) {
  for (const auto& [name, byte, thread, threads] :
       {std::tuple{"a", byte_a, thread_a, 2u}, std::tuple{"b", byte_b, thread_b, 4u}}) {
    const bool right = form.scale_blocks == 4 ? byte == 0 : form.scale_blocks == 2 ? byte == 0 || byte == 2 : byte < 4;
    const std::string scale = std::string(" of scale ") + name + " is ";
    if (!right)
      return "byte-id" + scale + std::to_string(byte) +
             ", not allowed with scale_vec::" + std::to_string(form.scale_blocks) + "X";
    if (thread >= threads)
      return "thread-id" + scale + std::to_string(thread) + ", not below " + std::to_string(threads);
  }
  return {};
}

// What is wrong with it, or nothing. The `blocks` scales from byte `first` on of one lane's register.
std::string read_scales(const MmaForm& form, uint32_t word, uint32_t first, const char* what, uint32_t row,
                        uint32_t lane, double* scales) {
  const auto wrong = [&](const std::string& how) {
    return std::string("scale of ") + what + " " + std::to_string(row) + " in lane " + std::to_string(lane) + how;
  };
  for (uint32_t j = 0; j < form.scale_blocks; ++j) {
    const uint8_t code = static_cast<uint8_t>(word >> 8 * (first + j));
    const bool exponent = form.scale == ScaleType::ue8m0;
    if (!exponent && code >= 0x80) return wrong(" is ue4m3 with its top bit set: code " + std::to_string(code));
    if (code == (exponent ? 0xff : 0x7f)) return wrong(" is NaN");
    scales[j] = exponent ? ue8m0_to_f32(code) : ue4m3_to_f32(code);
  }
  return {};
}

}  // namespace

std::optional<MmaForm> mma_form(std::string_view opcode) {
  constexpr std::string_view kBegin = "mma.sync.aligned.";
  if (!opcode.starts_with(kBegin)) return {};
  const std::vector<std::string_view> words = words_of(opcode.substr(kBegin.size()));
  const auto types = std::find(words.begin(), words.end(), "f32");  // of D, A, B, C and perhaps the scales
  const auto count = words.end() - types;
  const auto row = std::find(words.begin(), types, "row");
  if ((count != 4 && count != 5) || types[3] != "f32" || types - row < 2 || row[1] != "col") return {};

  Prefix prefix;
  for (auto word = words.begin(); word != types; ++word) {
    if (word != row && word != row + 1 && !read(*word, prefix)) return {};
  }
  const auto a = type_of(types[1], prefix.kind), b = type_of(types[2], prefix.kind);
  if (!a || !b || prefix.k != k_of(*a) || prefix.k != k_of(*b) || (is_half(*a) && a != b)) return {};
  MmaForm form{.a = *a, .b = *b, .k = prefix.k};
  if (!set_scales(prefix, count == 5 ? types[4] : std::string_view{}, form)) return {};
  return form;
}

std::string mma(const MmaForm& form, std::span<const Lanes> a, std::span<const Lanes> b, std::span<const Lanes> c,
                std::span<Lanes> d, const Lanes* scale_a, const Lanes* scale_b, uint32_t byte_a, uint32_t thread_a,
                uint32_t byte_b, uint32_t thread_b) {
  Scales scales;
  if (form.has_scales()) {
    if (auto wrong = check_selectors(form, byte_a, thread_a, byte_b, thread_b); !wrong.empty()) return wrong;
    for (uint32_t row = 0; row < kM; ++row) {
      const uint32_t lane = 4 * (row % 8) + 2 * thread_a + row / 8;
      if (auto wrong = read_scales(form, (*scale_a)[lane], byte_a, "row", row, lane, scales.a[row]); !wrong.empty())
        return wrong;
    }
    for (uint32_t n = 0; n < kN; ++n) {
      const uint32_t lane = 4 * n + thread_b;
      if (auto wrong = read_scales(form, (*scale_b)[lane], byte_b, "column", n, lane, scales.b[n]); !wrong.empty())
        return wrong;
    }
  }

  Sums sums{};
  if (form.a == MmaType::e2m1) {
    add_scaled_e2m1(form, a, b, scales, sums);
  } else {
    add_values(form, a, b, sums);
    for (uint32_t row = 0; form.has_scales() && row < kM; ++row) {
      for (uint32_t n = 0; n < kN; ++n) sums[row][n] *= scales.a[row][0] * scales.b[n][0];
    }
  }
  for (uint32_t q = 0; q < 4; ++q) {
    for (uint32_t lane = 0; lane < 32; ++lane) {
      const double sum = sums[(lane >> 2) + 8 * (q >> 1)][2 * (lane & 3) + (q & 1)];
      d[q][lane] = std::bit_cast<uint32_t>(static_cast<float>(sum + double{std::bit_cast<float>(c[q][lane])}));
    }
  }
  return {};
}

void ldmatrix(std::span<const MatrixRow> rows, bool transposed, std::span<Lanes> d) {
  for (size_t i = 0; i < d.size(); ++i) {
    for (uint32_t lane = 0; lane < 32; ++lane) {
      const size_t g = lane >> 2, t = 2 * (lane & 3), first = 8 * i;
      const uint16_t low = transposed ? rows[first + t][g] : rows[first + g][t];
      const uint16_t high = transposed ? rows[first + t + 1][g] : rows[first + g][t + 1];
      d[i][lane] = pack_halves(low, high);
    }
  }
}

}  // namespace yoke::emulator
