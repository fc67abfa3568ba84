// The rows of the table of layouts: layouts.cpp reads them, docs/formats.md writes them down.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/dtype.h"
#include "model/quantisation.h"

namespace yoke::model {

// How the codes lie in their tensor.
enum class Words : uint8_t {
  elements,  // [out, in]
  pairs,     // u8 [out, in / 2]: E2M1
  blocks,    // u8 [out, in / 32, 16]: E2M1
  by_row,    // i32 [out, in / 8]
  gptq,      // i32 [in / 8, out]
  awq,       // i32 [in, out / 8]
};

enum class ScaleKind : uint8_t { none, nvfp4, mxfp4, square, fp8, int4_by_row, int4_by_column };

struct LayoutRow {
  std::string_view codes;  // suffixes behind the module's name; empty: the module's own name, or no such part
  Words words;
  Dtype dtype;             // of the codes' tensor; f8_e4m3 stands for both FP8 types, f32 for every plain float and GGUF block
  std::string_view scales;
  ScaleKind kind;
  std::string_view zeros, groups, global;
  bool global_divides;
  QuantMethod only;        // none: whatever the configuration says
};

inline constexpr auto kAny = QuantMethod::none;

// Rows that share the name of the codes stand in the order in which they are tried.
inline constexpr LayoutRow kLayouts[] = {
    // ModelOpt NVFP4; MXFP4 with both parts beside each other
    {".weight", Words::pairs, Dtype::u8, ".weight_scale", ScaleKind::nvfp4, "", "", ".weight_scale_2", false, kAny},
    {".weight", Words::pairs, Dtype::u8, ".weight_scale", ScaleKind::mxfp4, "", "", "", false, kAny},
    // compressed-tensors NVFP4, MXFP4, int4
    {".weight_packed", Words::pairs, Dtype::u8, ".weight_scale", ScaleKind::nvfp4, "", "", ".weight_global_scale", true, kAny},
    {".weight_packed", Words::pairs, Dtype::u8, ".weight_scale", ScaleKind::mxfp4, "", "", "", false, kAny},
    {".weight_packed", Words::by_row, Dtype::i32, ".weight_scale", ScaleKind::int4_by_row, ".weight_zero_point", ".weight_g_idx", "", false, kAny},
    // gpt-oss
    {"_blocks", Words::blocks, Dtype::u8, "_scales", ScaleKind::mxfp4, "", "", "", false, kAny},
    // FP8 in squares; with a scale for each row or for all (ModelOpt, compressed-tensors)
    {".weight", Words::elements, Dtype::f8_e4m3, ".weight_scale_inv", ScaleKind::square, "", "", "", false, kAny},
    {".weight", Words::elements, Dtype::f8_e4m3, ".weight_scale", ScaleKind::fp8, "", "", "", false, kAny},
    {".qweight", Words::awq, Dtype::i32, ".scales", ScaleKind::int4_by_column, ".qzeros", "", "", false, QuantMethod::awq},
    {".qweight", Words::gptq, Dtype::i32, ".scales", ScaleKind::int4_by_column, ".qzeros", ".g_idx", "", false, QuantMethod::gptq},
    // plain floats and GGUF's blocks, to which llama.cpp may add a factor
    {".weight", Words::elements, Dtype::f32, "", ScaleKind::none, "", "", ".scale", false, kAny},
    {"", Words::elements, Dtype::f32, "", ScaleKind::none, "", "", "", false, kAny},
};

}  // namespace yoke::model
