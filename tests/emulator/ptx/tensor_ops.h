// mma.sync as a pure function of registers: element i of a Lanes is lane i's register. Fragment layouts and selectors
// are those of the PTX ISA (section on warp-level matrix instructions); tests/emulator/cute_oracle compares them with
// NVIDIA's CuTe.
//
// D = A * B + C in double, rounded once to f32: products are exact, those of e2m1 also summed exactly over the k that
// share scales, and then scaled. Hardware's own arithmetic is not specified so tightly: compare with it within a bound
// only.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace yoke::emulator {

using Lanes = std::array<uint32_t, 32>;

// How an operand's elements lie in its registers. The four-bit one is packed two to a byte (kind mxf4 and mxf4nvf4),
// the others take their own width; of the kinds f8f6f4 and mxf8f6f4 e2m1 lies in bits 5:2 of a byte.
enum class MmaType : uint8_t { f16, bf16, e4m3, e5m2, e2m1_in_byte, e2m1 };
enum class ScaleType : uint8_t { none, ue8m0, ue4m3 };

struct MmaForm {
  MmaType a = MmaType::bf16, b = MmaType::bf16;
  ScaleType scale = ScaleType::none;
  uint32_t k = 16;            // m is 16, n is 8; D and C are f32
  uint32_t scale_blocks = 0;  // scales along k for each row: 1, 2 or 4; 0 without scales
  uint32_t a_registers = 4, b_registers = 2, c_registers = 4, d_registers = 4;

  // Then the instruction has the operands scale_a, {byte_a, thread_a}, scale_b, {byte_b, thread_b} after C.
  bool has_scales() const { return scale != ScaleType::none; }
};

// Of the whole opcode with its suffix ("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"), the shape before or
// after the kind. Empty for a form that is not known.
std::optional<MmaForm> mma_form(std::string_view opcode);

// Returns what is wrong with selectors or scales (then d is untouched), or an empty text. Without scales the last six
// arguments are ignored. A register of d may be one of a, b or c.
[[nodiscard]] std::string mma(const MmaForm& form, std::span<const Lanes> a, std::span<const Lanes> b,
                              std::span<const Lanes> c, std::span<Lanes> d, const Lanes* scale_a = nullptr,
                              const Lanes* scale_b = nullptr, uint32_t byte_a = 0, uint32_t thread_a = 0,
                              uint32_t byte_b = 0, uint32_t thread_b = 0);

// ldmatrix.sync.aligned.m8n8.x1/x2/x4[.trans].shared.b16 of rows already read: rows[8 i + r] is the 16 bytes that lane
// 8 i + r's address names. Fills d.size() registers.
using MatrixRow = std::array<uint16_t, 8>;
void ldmatrix(std::span<const MatrixRow> rows, bool transposed, std::span<Lanes> d);

}  // namespace yoke::emulator
