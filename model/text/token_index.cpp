#include "model/text/token_index.h"

#include <bit>
#include <functional>

#include "core/error.h"

namespace yoke::model::text {
namespace {

uint32_t hash_of(std::string_view text) { return static_cast<uint32_t>(std::hash<std::string_view>{}(text)); }

}  // namespace

void TokenIndex::reserve(size_t entries, size_t bytes) {
  block_.reserve(bytes);
  if (entries * 2 > slots_.size()) grow(std::bit_ceil(entries * 2));
}

size_t TokenIndex::slot_of(std::string_view text, uint32_t hash) const {
  size_t at = hash & (slots_.size() - 1);
  for (; slots_[at].id != kNoToken; at = (at + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[at];
    if (slot.hash == hash && std::string_view(block_).substr(slot.begin, slot.bytes) == text) break;
  }
  return at;
}

void TokenIndex::grow(size_t slots) {
  std::vector<Slot> before(slots);
  before.swap(slots_);
  for (const Slot& slot : before) {
    if (slot.id == kNoToken) continue;
    size_t at = slot.hash & (slots - 1);
    while (slots_[at].id != kNoToken) at = (at + 1) & (slots - 1);
    slots_[at] = slot;
  }
}

bool TokenIndex::add(std::string_view text, int32_t id) {
  YOKE_ASSERT(id >= 0 && block_.size() + text.size() <= UINT32_MAX);
  if ((entries_ + 1) * 2 > slots_.size()) grow(slots_.size() * 2);
  const uint32_t hash = hash_of(text);
  Slot& slot = slots_[slot_of(text, hash)];
  if (slot.id != kNoToken) return false;
  slot = {hash, static_cast<uint32_t>(block_.size()), static_cast<uint32_t>(text.size()), id};
  block_ += text;
  ++entries_;
  return true;
}

int32_t TokenIndex::find(std::string_view text) const {
  return slots_[slot_of(text, hash_of(text))].id;
}

}  // namespace yoke::model::text
