// A template's string: bytes, and for each stretch of them whether the caller (a client's message) or the template wrote it.
// Concatenation and slicing keep that apart. A value; any thread may read one that no thread changes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::model::text::jinja {

class Text {
 public:
  struct Run {
    size_t end;  // of the bytes, exclusive; it begins where the run before it ends
    bool from_caller;
  };

  Text() = default;
  Text(std::string_view bytes, bool from_caller) { append(bytes, from_caller); }

  std::string_view bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  bool from_caller() const;                             // any of it
  const std::vector<Run>& runs() const { return runs_; }  // neighbours differ; none is empty

  void append(std::string_view bytes, bool from_caller);
  void append(const Text& other) { append(other, 0, other.size()); }
  void append(const Text& other, size_t begin, size_t end);
  Text slice(size_t begin, size_t end) const;  // bytes [begin, end)

 private:
  std::string bytes_;
  std::vector<Run> runs_;
};

}  // namespace yoke::model::text::jinja
