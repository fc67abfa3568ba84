// The layouts of the files: ggml-common.h and the dequantize_row functions of ggml-quants.c in ggml-org/llama.cpp.
#include "kernels/format/arrange.h"

#include <cstdint>
#include <cstring>

#include "core/error.h"

namespace yoke::kernels::format {
namespace {

uint64_t eight_bytes(const std::byte* at) {
  uint64_t value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

// The low nibble of each of eight bytes, side by side.
uint32_t nibble_word(uint64_t x) {
  x &= 0x0F0F0F0F0F0F0F0Fu;
  x = (x | x >> 4) & 0x00FF00FF00FF00FFu;
  x = (x | x >> 8) & 0x0000FFFF0000FFFFu;
  return static_cast<uint32_t>(x | x >> 16);
}

// The low two bits of each of eight bytes.
uint32_t pair_half_word(uint64_t x) {
  x &= 0x0303030303030303u;
  x = (x | x >> 6) & 0x000F000F000F000Fu;
  x = (x | x >> 12) & 0x000000FF000000FFu;
  return static_cast<uint32_t>(x | x >> 24) & 0xFFFFu;
}

// The lowest bit of each of eight bytes: byte i times 2^(7 (8 - i)) has it at bit 56 + i, and no other product reaches so high.
uint32_t bit_byte(uint64_t x) { return static_cast<uint32_t>(((x & 0x0101010101010101u) * 0x0102040810204080u) >> 56); }

class Writer {
 public:
  explicit Writer(std::byte* to) : to_(to) {}
  void copy(const std::byte* from, size_t bytes) {
    std::memcpy(to_, from, bytes);
    to_ += bytes;
  }
  void word(uint32_t value) { copy(reinterpret_cast<const std::byte*>(&value), sizeof(value)); }

  // Runs of 2 h columns in h bytes: the first half in the low nibbles, the second in the high ones.
  void nibbles(const std::byte* from, size_t bytes, size_t h) {
    for (size_t run = 0; run < bytes; run += h) {
      for (int shift = 0; shift <= 4; shift += 4) {
        for (size_t i = 0; i < h; i += 8) word(nibble_word(eight_bytes(from + run + i) >> shift));
      }
    }
  }

  // 64 bytes; 32 of them hold 128 columns: bits 2 j and 2 j + 1 of byte l are column 32 j + l.
  void pairs(const std::byte* from) {
    for (size_t run = 0; run < 64; run += 32) {
      for (int shift = 0; shift < 8; shift += 2) {
        for (size_t i = 0; i < 32; i += 16) {
          const uint32_t low = pair_half_word(eight_bytes(from + run + i) >> shift);
          word(low | pair_half_word(eight_bytes(from + run + i + 8) >> shift) << 16);
        }
      }
    }
  }

  // 32 bytes: bit j of byte l is column 32 j + l.
  void bits(const std::byte* from) {
    for (int shift = 0; shift < 8; ++shift) {
      uint32_t value = 0;
      for (size_t i = 0; i < 4; ++i) value |= bit_byte(eight_bytes(from + 8 * i) >> shift) << (8 * i);
      word(value);
    }
  }

 private:
  std::byte* to_;
};

}  // namespace

void arrange(Dtype codes, const std::byte* block, std::byte* unit) {
  Writer to(unit);
  switch (codes) {
    case Dtype::q8_0: return to.copy(block, 34);
    case Dtype::q4_0:
    case Dtype::iq4_nl: return to.copy(block, 2), to.nibbles(block + 2, 16, 16);
    case Dtype::q4_1: return to.copy(block, 4), to.nibbles(block + 4, 16, 16);
    case Dtype::q5_0: return to.copy(block, 6), to.nibbles(block + 6, 16, 16);
    case Dtype::q5_1: return to.copy(block, 8), to.nibbles(block + 8, 16, 16);
    case Dtype::mxfp4: return to.copy(block, 1), to.nibbles(block + 1, 16, 16);
    case Dtype::nvfp4: return to.copy(block, 4), to.nibbles(block + 4, 32, 8);
    case Dtype::q2_k: return to.copy(block + 80, 4), to.copy(block, 16), to.pairs(block + 16);
    case Dtype::q3_k: return to.copy(block + 108, 2), to.copy(block + 96, 12), to.bits(block), to.pairs(block + 32);
    case Dtype::q4_k: return to.copy(block, 16), to.nibbles(block + 16, 128, 32);
    case Dtype::q5_k: return to.copy(block, 16), to.bits(block + 16), to.nibbles(block + 48, 128, 32);
    case Dtype::q6_k:
      return to.copy(block + 208, 2), to.copy(block + 192, 16), to.pairs(block + 128), to.nibbles(block, 128, 64);
    case Dtype::iq4_xs: return to.copy(block, 8), to.nibbles(block + 8, 128, 16);
    default: break;
  }
  assertion_failed("one of GGUF's blocks", __FILE__, __LINE__);
}

}  // namespace yoke::kernels::format
