// How checkpoints spell the names of their tensors: rows of a table that maps a role to the module that holds it. A
// name is
//   PREFIX module SUFFIX            or
//   PREFIX layers. N . module SUFFIX
// where the suffix belongs to the layout of the weight (layouts.h) and `{}` in a module is an expert's number.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/catalogue.h"

namespace yoke::model {

enum class Family : uint8_t { decoder, encoder, gguf };

// How a weight lies in the tensors of its module.
enum class Fusion : uint8_t {
  whole,          // alone
  concatenated,   // rows behind each other: q, k, v; gate, up
  planes,         // [experts, rows, cols]
  planes_joined,  // [experts, 2 x rows, cols], gate before up
  interleaved,    // gpt-oss: gate in the even outputs, up in the odd ones; plain floats lie transposed, [experts, in,
                  // out]
  transposed,     // gpt-oss: plain floats as [experts, in, out]
};

struct NameRow {
  Role role;
  Family family;
  std::string_view module;  // of a vector: the whole name
  Fusion fusion = Fusion::whole;
  bool at_root = false;  // behind the whole file's prefix, not the model's
};

// Where a file's names begin.
struct Spelling {
  Family family = Family::decoder;
  std::string root;    // "", or "language_model." of a multimodal model
  std::string model;   // "model.", "bert.", ...
  std::string layers;  // "model.layers.", "blk.", ...
};

// Told by the embedding, which every model has; nothing where there is none. `text_tower` allows the prefixes of
// multimodal models.
std::optional<Spelling> spelling_of(const std::map<std::string, TensorInfo>& tensors, bool text_tower);

// Rows of a role in the order in which they are tried.
std::span<const NameRow* const> names_of(Role role, Family family);

// The module's full name.
std::string full_name(const NameRow& row, const Spelling& spelling, int layer, int expert);

}  // namespace yoke::model
