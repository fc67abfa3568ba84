// The element types of ggml by their numbers: ggml.h of ggml-org/llama.cpp. What we do not read is refused by its name.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/dtype.h"

namespace yoke::model {

struct GgmlType {
  uint32_t number;
  std::string_view name;
  std::optional<Dtype> dtype;  // nothing: not read by this build
};

inline constexpr GgmlType kGgmlTypes[] = {
    {0, "F32", Dtype::f32},   {1, "F16", Dtype::f16}, {2, "Q4_0", Dtype::q4_0},  {3, "Q4_1", Dtype::q4_1},
    {4, "Q4_2", {}},          {5, "Q4_3", {}},        {6, "Q5_0", Dtype::q5_0},           {7, "Q5_1", Dtype::q5_1},
    {8, "Q8_0", Dtype::q8_0}, {9, "Q8_1", {}},        {10, "Q2_K", Dtype::q2_k},          {11, "Q3_K", Dtype::q3_k},
    {12, "Q4_K", Dtype::q4_k},         {13, "Q5_K", Dtype::q5_k},       {14, "Q6_K", Dtype::q6_k},          {15, "Q8_K", {}},
    {16, "IQ2_XXS", {}},      {17, "IQ2_XS", {}},     {18, "IQ3_XXS", {}},       {19, "IQ1_S", {}},
    {20, "IQ4_NL", Dtype::iq4_nl},       {21, "IQ3_S", {}},      {22, "IQ2_S", {}},         {23, "IQ4_XS", Dtype::iq4_xs},
    {24, "I8", Dtype::i8},           {25, "I16", Dtype::i16},        {26, "I32", Dtype::i32},           {27, "I64", Dtype::i64},
    {28, "F64", Dtype::f64},          {29, "IQ1_M", {}},      {30, "BF16", Dtype::bf16}, {31, "Q4_0_4_4", {}},
    {32, "Q4_0_4_8", {}},     {33, "Q4_0_8_8", {}},   {34, "TQ1_0", {}},         {35, "TQ2_0", {}},
    {36, "IQ4_NL_4_4", {}},   {37, "IQ4_NL_4_8", {}}, {38, "IQ4_NL_8_8", {}},    {39, "MXFP4", Dtype::mxfp4},
    {40, "NVFP4", Dtype::nvfp4},
};

constexpr const GgmlType* ggml_type(uint32_t number) {
  for (const GgmlType& row : kGgmlTypes) {
    if (row.number == number) return &row;
  }
  return nullptr;
}

}  // namespace yoke::model
