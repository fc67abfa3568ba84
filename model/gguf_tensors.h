// The tensor descriptions of a GGUF file, which follow its metadata.
#pragma once

#include <vector>

#include "model/checkpoint.h"
#include "model/file_reader.h"

namespace yoke::model {

// Reads `count` descriptions; the tensors' bytes begin behind them, at the next multiple of `alignment`. The result is
// in the order of the bytes, TensorInfo::file is 0, each lies aligned, within the file and apart from the others, each
// name comes once. Error{bad_file} otherwise, and for a dimension or a shape out of range; Error{unsupported} names a
// type that we do not read.
std::vector<TensorInfo> read_gguf_tensors(HeaderReader& reader, uint64_t count, uint64_t alignment);

}  // namespace yoke::model
