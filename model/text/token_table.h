// The bytes of every token of a vocabulary, in one block. Filled once, then const; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::model::text {

class TokenTable {
 public:
  void add(std::string_view bytes, bool special) {
    block_ += bytes;
    ends_.push_back(block_.size());
    special_.push_back(special);
  }

  int32_t size() const { return static_cast<int32_t>(ends_.size()); }
  bool holds(int32_t id) const { return id >= 0 && id < size(); }
  bool is_special(int32_t id) const { return holds(id) && special_[id]; }
  std::string_view bytes(int32_t id) const {
    if (!holds(id)) return {};
    const size_t begin = id == 0 ? 0 : ends_[id - 1];
    return std::string_view(block_).substr(begin, ends_[id] - begin);
  }

 private:
  std::string block_;
  std::vector<size_t> ends_;
  std::vector<bool> special_;
};

}  // namespace yoke::model::text
