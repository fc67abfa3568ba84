// Element types and the table of block formats: what a tensor's bytes mean. One row a type; readers, ledger, slices and
// kernels all read this table. How codes and scales of several tensors make one weight: core/weight_format.h.
#pragma once

#include <cstdint>
#include <string_view>

namespace yoke {

enum class Dtype : uint8_t {
  // one element a code
  f64, f32, f16, bf16, i64, i32, i16, i8, u64, u32, u16, u8, boolean,
  f8_e4m3, f8_e5m2, f8_e8m0,  // OCP FP8 (e4m3 without infinities) and the power-of-two scale of MX formats
  e2m1,                       // OCP FP4, two a byte, the even element in the low nibble
  int4,                       // unsigned nibbles; the zero point belongs to the weight format
  // GGUF's blocks
  q4_0, q4_1, q5_0, q5_1, q8_0, q2_k, q3_k, q4_k, q5_k, q6_k, iq4_nl, iq4_xs, mxfp4, nvfp4,
};

struct DtypeInfo {
  Dtype dtype;
  std::string_view name;  // as users see it: safetensors' or ggml's
  int block_elements;     // elements along K that share one block; 1 for plain types, 2 where two share a byte
  int block_bytes;        // bytes of one block
  int scale_elements;     // elements along K that share a scale inside a block; 0 where there is none
  bool weight;            // a product may read it as its weight
};

// GGUF's blocks: ggml-common.h of ggml-org/llama.cpp; docs/formats.md writes each of them down.
inline constexpr DtypeInfo kDtypes[] = {
    {Dtype::f64, "F64", 1, 8, 0, false},         {Dtype::f32, "F32", 1, 4, 0, true},
    {Dtype::f16, "F16", 1, 2, 0, true},          {Dtype::bf16, "BF16", 1, 2, 0, true},
    {Dtype::i64, "I64", 1, 8, 0, false},         {Dtype::i32, "I32", 1, 4, 0, false},
    {Dtype::i16, "I16", 1, 2, 0, false},         {Dtype::i8, "I8", 1, 1, 0, false},
    {Dtype::u64, "U64", 1, 8, 0, false},         {Dtype::u32, "U32", 1, 4, 0, false},
    {Dtype::u16, "U16", 1, 2, 0, false},         {Dtype::u8, "U8", 1, 1, 0, false},
    {Dtype::boolean, "BOOL", 1, 1, 0, false},    {Dtype::f8_e4m3, "F8_E4M3", 1, 1, 0, true},
    {Dtype::f8_e5m2, "F8_E5M2", 1, 1, 0, true},  {Dtype::f8_e8m0, "F8_E8M0", 1, 1, 0, false},
    {Dtype::e2m1, "F4_E2M1", 2, 1, 0, true},     {Dtype::int4, "INT4", 2, 1, 0, true},
    {Dtype::q4_0, "Q4_0", 32, 18, 32, true},     {Dtype::q4_1, "Q4_1", 32, 20, 32, true},
    {Dtype::q5_0, "Q5_0", 32, 22, 32, true},     {Dtype::q5_1, "Q5_1", 32, 24, 32, true},
    {Dtype::q8_0, "Q8_0", 32, 34, 32, true},     {Dtype::q2_k, "Q2_K", 256, 84, 16, true},
    {Dtype::q3_k, "Q3_K", 256, 110, 16, true},   {Dtype::q4_k, "Q4_K", 256, 144, 32, true},
    {Dtype::q5_k, "Q5_K", 256, 176, 32, true},   {Dtype::q6_k, "Q6_K", 256, 210, 16, true},
    {Dtype::iq4_nl, "IQ4_NL", 32, 18, 32, true}, {Dtype::iq4_xs, "IQ4_XS", 256, 136, 32, true},
    {Dtype::mxfp4, "MXFP4", 32, 17, 32, true},   {Dtype::nvfp4, "NVFP4", 64, 36, 16, true},
};

constexpr const DtypeInfo& info(Dtype dtype) { return kDtypes[static_cast<int>(dtype)]; }

constexpr bool rows_follow_the_enum() {
  for (int i = 0; i < static_cast<int>(sizeof(kDtypes) / sizeof(kDtypes[0])); ++i) {
    if (static_cast<int>(kDtypes[i].dtype) != i) return false;
  }
  return true;
}
static_assert(rows_follow_the_enum());

constexpr std::string_view name(Dtype dtype) { return info(dtype).name; }

// Bytes of a row of k elements; k must be a multiple of block_elements.
constexpr uint64_t row_bytes(Dtype dtype, int64_t k) {
  return static_cast<uint64_t>(k / info(dtype).block_elements) * static_cast<uint64_t>(info(dtype).block_bytes);
}

// A float that a vector (norm, bias) may be stored as.
constexpr bool is_float(Dtype dtype) { return dtype == Dtype::f32 || dtype == Dtype::f16 || dtype == Dtype::bf16; }

// Kernels read weights packed in panels of this many outputs (docs/bits.md rule 1: lanes run over outputs).
inline constexpr int64_t kPanelRows = 16;

// Tokens of one block of the paged KV cache.
inline constexpr int64_t kKvBlockTokens = 16;

}  // namespace yoke
