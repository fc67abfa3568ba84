#include "model/chunk_hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

#include "core/error.h"

namespace yoke::model {
namespace {

constexpr uint64_t kLeastChunkBytes = 32 << 10;

uint64_t known(uint64_t hash) { return hash == 0 ? 1 : hash; }

}  // namespace

struct RunningHash::State {
  XXH3_state_t* xxh;
};

uint64_t chunk_hash(std::span<const std::byte> bytes) { return known(XXH3_64bits(bytes.data(), bytes.size())); }

RunningHash::RunningHash() : state_(new State{XXH3_createState()}) {
  YOKE_ASSERT(state_->xxh != nullptr && XXH3_64bits_reset(state_->xxh) == XXH_OK);
}

RunningHash::~RunningHash() {
  XXH3_freeState(state_->xxh);
  delete state_;
}

void RunningHash::add(std::span<const std::byte> bytes) {
  YOKE_ASSERT(XXH3_64bits_update(state_->xxh, bytes.data(), bytes.size()) == XXH_OK);
}

uint64_t RunningHash::value() const { return known(XXH3_64bits_digest(state_->xxh)); }

uint64_t chunk_bytes(const TensorInfo& tensor) {
  if (tensor.shape.size() < 2 || tensor.bytes == 0) return kMostChunkBytes;
  const bool planes = tensor.shape.size() > 2;  // merged experts: [experts, outputs, ...]
  const uint64_t matrices = planes ? static_cast<uint64_t>(tensor.shape[0]) : 1;
  const uint64_t lines = matrices * static_cast<uint64_t>(tensor.shape[planes ? 1 : 0]);
  if (lines == 0 || tensor.bytes % lines != 0) return kMostChunkBytes;
  const uint64_t line = tensor.bytes / lines;
  const uint64_t most = std::clamp(tensor.bytes / matrices / 256, kLeastChunkBytes, kMostChunkBytes);
  if (line > most) return most;
  uint64_t bytes = line;
  while (bytes * 2 <= most) bytes *= 2;
  return bytes;
}

uint64_t chunk_count(const TensorInfo& tensor) {
  const uint64_t each = chunk_bytes(tensor);
  return tensor.bytes / each + (tensor.bytes % each != 0);
}

}  // namespace yoke::model
