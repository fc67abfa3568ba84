// Element types and the table of block formats: what a tensor's bytes mean. One row a type; readers, ledger, slices and
// kernels all read this table.
#pragma once

#include <cstdint>
#include <string_view>

namespace yoke {

enum class Dtype : uint8_t { f32, f16, bf16, i32, i64, u8, q8_0, q4_0, q4_1 };

struct DtypeInfo {
  Dtype dtype;
  std::string_view name;       // as users see it
  int block_elements;          // elements along K that share one block; 1 for plain types
  int block_bytes;             // bytes of one block
  bool weight;                 // a product may read it as its weight
};

// GGUF's blocks: ggml-common.h of ggml-org/llama.cpp. q8_0: f16 d, 32 x int8. q4_0: f16 d, 16 bytes of nibbles (low half:
// elements 0..15, high half: 16..31), value d * (q - 8). q4_1: f16 d, f16 m, nibbles likewise, value d * q + m.
inline constexpr DtypeInfo kDtypes[] = {
    {Dtype::f32, "F32", 1, 4, true},    {Dtype::f16, "F16", 1, 2, true},    {Dtype::bf16, "BF16", 1, 2, true},
    {Dtype::i32, "I32", 1, 4, false},   {Dtype::i64, "I64", 1, 8, false},   {Dtype::u8, "U8", 1, 1, false},
    {Dtype::q8_0, "Q8_0", 32, 34, true}, {Dtype::q4_0, "Q4_0", 32, 18, true}, {Dtype::q4_1, "Q4_1", 32, 20, true},
};

constexpr const DtypeInfo& info(Dtype dtype) {
  for (const DtypeInfo& row : kDtypes) {
    if (row.dtype == dtype) return row;
  }
  return kDtypes[0];
}

constexpr std::string_view name(Dtype dtype) { return info(dtype).name; }

// Bytes of a row of k elements; k must be a multiple of block_elements.
constexpr uint64_t row_bytes(Dtype dtype, int64_t k) {
  return static_cast<uint64_t>(k / info(dtype).block_elements) * static_cast<uint64_t>(info(dtype).block_bytes);
}

// Kernels read weights packed in panels of this many outputs (docs/bits.md rule 1: lanes run over outputs). Packing keeps
// each weight's format and pads the last panel with zero rows.
inline constexpr int64_t kPanelRows = 16;
constexpr uint64_t packed_matrix_bytes(Dtype dtype, int64_t rows, int64_t cols) {
  return static_cast<uint64_t>((rows + kPanelRows - 1) / kPanelRows * kPanelRows) * row_bytes(dtype, cols);
}

// Tokens of one block of the paged KV cache.
inline constexpr int64_t kKvBlockTokens = 16;

// The group g of docs/bits.md rule 3 that a down projection of this type demands of the cut of its features.
constexpr int64_t feature_cut_group(Dtype dtype) { return info(dtype).block_elements == 32 ? 32 : 16; }

}  // namespace yoke
