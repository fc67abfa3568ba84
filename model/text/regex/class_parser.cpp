#include "model/text/regex/class_parser.h"

#include <fmt/format.h>

#include <string>

#include "model/text/regex/escapes.h"

namespace yoke::model::text::regex {
namespace {

// Reads one class; nested ones are further readers.
class ClassReader {
 public:
  ClassReader(Reader& reader, int depth) : reader_(reader), depth_(depth) {}

  // Behind '[' and '^'.
  unicode::CodeSet read() {
    if (reader_.starts_with("]")) add_character_or_range();  // at the beginning it stands for itself
    while (!reader_.accept("]")) {
      if (reader_.at_end()) reader_.refuse_syntax("a class has no ']'");
      if (reader_.accept("&&")) {
        intersect();
      } else if (reader_.starts_with("[")) {
        add_bracket();
      } else {
        add_character_or_range();
      }
    }
    return take();
  }

 private:
  void intersect() {
    const unicode::CodeSet side = unicode::make_set(std::move(side_));
    common_ = common_ ? unicode::intersect(*common_, side) : side;
    side_.clear();
  }

  unicode::CodeSet take() {
    if (common_) {
      intersect();
      return *std::move(common_);
    }
    return unicode::make_set(std::move(side_));
  }

  void add(const unicode::CodeSet& set) {
    side_.insert(side_.end(), set.begin(), set.end());
    if (side_.size() > kCompactAbove && side_.size() > 2 * compacted_) {  // "[\p{L}\p{L}\p{L}..." stays small
      side_ = unicode::make_set(std::move(side_));
      compacted_ = side_.size();
    }
  }

  // [:name:] or a class in this one.
  void add_bracket() {
    if (reader_.starts_with("[:")) {
      if (const auto set = read_posix()) return add(*set);
    }
    if (depth_ == 0) reader_.refuse_syntax("classes are nested too deeply");
    reader_.accept("[");
    const bool negative = reader_.accept("^");
    const unicode::CodeSet set = ClassReader(reader_, depth_ - 1).read();
    add(negative ? unicode::complement(set) : set);
  }

  // None where no ":]" closes it: then it is a class with a colon.
  std::optional<unicode::CodeSet> read_posix() {
    constexpr size_t kLongestName = 20;
    const size_t place = reader_.place();
    reader_.accept("[:");
    const bool negative = reader_.accept("^");
    std::string name;
    while (!reader_.at_end() && name.size() < kLongestName && reader_.peek() >= 'a' && reader_.peek() <= 'z') {
      name.push_back(static_cast<char>(reader_.read()));
    }
    if (!reader_.accept(":]")) {
      reader_.go_back(place);
      return std::nullopt;
    }
    const auto found = unicode::property(name == "punct" ? "posixpunct" : name);
    if (!found) reader_.refuse_syntax(fmt::format("'[:{}:]' is no class of POSIX", name));
    return negative ? unicode::complement(*found) : *found;
  }

  CharacterOrSet read_one() {
    if (!reader_.accept("\\")) return reader_.read();
    if (reader_.accept("b")) return char32_t{'\b'};  // only here
    return read_escape(reader_);
  }

  void add_character_or_range() {
    const CharacterOrSet first = read_one();
    if (const auto* set = std::get_if<unicode::CodeSet>(&first)) return add(*set);
    const char32_t code = std::get<char32_t>(first);
    const size_t dash = reader_.place();
    if (!reader_.accept("-")) return add({{code, code}});
    // Before the end, '&&' or a nested class a dash stands for itself.
    if (reader_.at_end() || reader_.starts_with("]") || reader_.starts_with("[") || reader_.starts_with("&&")) {
      reader_.go_back(dash);
      return add({{code, code}});
    }
    const CharacterOrSet last = read_one();
    if (!std::holds_alternative<char32_t>(last)) reader_.refuse_syntax("a range of a class ends with a class");
    if (std::get<char32_t>(last) < code) reader_.refuse_syntax("a range of a class ends before it begins");
    add({{code, std::get<char32_t>(last)}});
  }

  static constexpr size_t kCompactAbove = 4096;

  Reader& reader_;
  const int depth_;
  std::vector<unicode::Range> side_;         // of what stands between two '&&'
  std::optional<unicode::CodeSet> common_;  // of the sides before
  size_t compacted_ = 0;
};

}  // namespace

unicode::CodeSet read_class(Reader& reader, bool ignores_case, int depth) {
  const bool negative = reader.accept("^");
  unicode::CodeSet set = ClassReader(reader, depth).read();
  // The reference takes the variants of what is listed, then the complement.
  if (ignores_case) set = unicode::with_case_variants(set);
  return negative ? unicode::complement(set) : set;
}

}  // namespace yoke::model::text::regex
