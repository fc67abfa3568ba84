#include "model/text/regex/parser.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/text/regex/class_parser.h"
#include "model/text/regex/escapes.h"
#include "model/text/regex/quantifier.h"

namespace yoke::model::text::regex {
namespace {

struct Options {
  bool ignores_case = false, dot_takes_all = false, is_extended = false;
};

Node list_of(Node::Kind kind, std::vector<Node> parts) {
  if (parts.size() == 1) return std::move(parts[0]);
  return Node{.kind = kind, .parts = std::move(parts)};
}

Node repeated(Node part, uint32_t min, uint32_t max, Node::Greed greed) {
  Node node{.kind = Node::Kind::repeat, .min = min, .max = max, .greed = greed};
  node.parts.push_back(std::move(part));
  return node;
}

class Parser {
 public:
  explicit Parser(std::string_view source) : reader_(source) {}

  Expression parse() {
    expression_.root = read_choice();
    if (!reader_.at_end()) reader_.refuse_syntax("')' has no '('");
    return std::move(expression_);
  }

 private:
  Node set_node(const unicode::CodeSet& set) { return Node{.kind = Node::Kind::set, .set = expression_.sets.add(set)}; }

  Node character(char32_t code) {
    const unicode::CodeSet set = {{code, code}};
    return set_node(options_.ignores_case ? unicode::with_case_variants(set) : set);
  }

  // The alternatives of a group, up to its ')' or the end.
  Node read_choice() {
    if (++nested_ > kMostNested) reader_.refuse_syntax(fmt::format("groups are nested more than {} deep", kMostNested));
    const Options outside = options_;
    std::vector<Node> parts;
    do {
      parts.push_back(read_sequence());
    } while (reader_.accept("|"));
    options_ = outside;
    --nested_;
    return list_of(Node::Kind::choice, std::move(parts));
  }

  Node read_sequence() {
    std::vector<Node> parts;
    for (skip_free(); !reader_.at_end() && !reader_.starts_with("|") && !reader_.starts_with(")"); skip_free()) {
      if (reader_.accept("(?#")) {
        reader_.read_until(")", "a comment");
        continue;
      }
      if (read_own_options()) {  // they hold for all that follows in the group, further alternatives too
        parts.push_back(read_choice());
        break;
      }
      parts.push_back(read_quantifiers(read_atom()));
    }
    return list_of(Node::Kind::sequence, std::move(parts));
  }

  // Spaces and comments of (?x).
  void skip_free() {
    while (options_.is_extended && !reader_.at_end()) {
      const char32_t next = reader_.peek();
      if (next == '#') {
        while (!reader_.at_end() && reader_.read() != '\n') {}
      } else if (next == ' ' || (next >= '\t' && next <= '\r')) {
        reader_.read();
      } else {
        break;
      }
    }
  }

  Node read_atom() {
    const size_t begin = reader_.place();
    const char32_t c = reader_.read();
    switch (c) {
      case '(': return read_group();
      case '[': return set_node(read_class(reader_, options_.ignores_case, kMostNested));
      case '.': return set_node(options_.dot_takes_all ? any_set() : unicode::complement(newline_set()));
      case '^': return border(Node::Kind::line_begin);
      case '$': return border(Node::Kind::line_end);
      case '\\': return read_behind_backslash();
      case '*':
      case '+':
      case '?':
        reader_.go_back(begin);
        reader_.refuse_syntax("a quantifier has nothing before it");
      default: return character(c);  // '{' too, where no interval follows a character
    }
  }

  struct Letter {
    char letter;
    Node::Kind kind;
  };
  static constexpr Letter kBorders[] = {{'A', Node::Kind::text_begin},  {'z', Node::Kind::text_end}, {'Z', Node::Kind::text_end_or_newline},
                                        {'b', Node::Kind::word_border}, {'B', Node::Kind::no_word_border}};

  Node read_behind_backslash() {
    if (reader_.at_end()) reader_.refuse_syntax("nothing stands behind the last backslash");
    const char32_t letter = reader_.peek();
    for (const Letter& row : kBorders) {
      if (letter != static_cast<char32_t>(row.letter)) continue;
      reader_.read();
      return border(row.kind);
    }
    if (reader_.accept("N")) return set_node(unicode::complement(newline_set()));
    if (reader_.accept("O")) return set_node(any_set());
    if (reader_.accept("R")) return line_break();
    constexpr std::string_view kUnknown = "GKXYgky";
    if (letter < 0x80 && kUnknown.find(static_cast<char>(letter)) != std::string_view::npos) {
      reader_.refuse_construct(fmt::format("'\\{}'", static_cast<char>(letter)));
    }
    const CharacterOrSet escape = read_escape(reader_);
    if (const auto* code = std::get_if<char32_t>(&escape)) return character(*code);
    const auto& set = std::get<unicode::CodeSet>(escape);
    if (set == word_set()) return set_node(wide_word_set());
    if (set == unicode::complement(word_set())) return set_node(unicode::complement(wide_word_set()));
    return set_node(set);
  }

  Node border(Node::Kind kind) {
    if (kind == Node::Kind::word_border || kind == Node::Kind::no_word_border) {
      expression_.word = expression_.sets.add(wide_word_set());
    } else {
      expression_.newline = expression_.sets.add(newline_set());
    }
    return Node{.kind = kind};
  }

  Node line_break() {
    Node pair{.kind = Node::Kind::sequence};
    pair.parts.push_back(set_node({{'\r', '\r'}}));
    pair.parts.push_back(set_node(newline_set()));
    Node either{.kind = Node::Kind::choice};
    either.parts.push_back(std::move(pair));
    either.parts.push_back(set_node({{'\n', '\r'}, {0x85, 0x85}, {0x2028, 0x2029}}));
    Node node{.kind = Node::Kind::atomic};
    node.parts.push_back(std::move(either));
    return node;
  }

  struct Head {
    std::string_view text;
    Node::Kind kind;
    bool ahead, negative;
  };
  static constexpr Head kHeads[] = {{"?:", Node::Kind::sequence, true, false}, {"?>", Node::Kind::atomic, true, false},
                                    {"?=", Node::Kind::look, true, false},     {"?!", Node::Kind::look, true, true},
                                    {"?<=", Node::Kind::look, false, false},   {"?<!", Node::Kind::look, false, true}};

  // Behind '('. What a group captures is nobody's business here.
  Node read_group() {
    for (const Head& head : kHeads) {
      if (!reader_.accept(head.text)) continue;
      Node inside = read_to_close();
      if (head.kind == Node::Kind::sequence) return inside;
      Node node{.kind = head.kind, .ahead = head.ahead, .negative = head.negative};
      node.parts.push_back(std::move(inside));
      return node;
    }
    if (reader_.starts_with("*")) reader_.refuse_construct("a '(*' verb or callout");
    if (!reader_.accept("?")) return read_to_close();
    if (reader_.accept("<") || reader_.accept("P<")) {
      reader_.read_until(">", "a group's name");
      return read_to_close();
    }
    if (reader_.accept("'")) {
      reader_.read_until("'", "a group's name");
      return read_to_close();
    }
    const Options outside = options_;
    if (!read_letters() || !reader_.accept(":")) reader_.refuse_construct("a group with '(?'");
    Node inside = read_to_close();
    options_ = outside;
    return inside;
  }

  Node read_to_close() {
    Node inside = read_choice();
    if (!reader_.accept(")")) reader_.refuse_syntax("a group has no ')'");
    return inside;
  }

  // (?i) alone; leaves anything else where it is.
  bool read_own_options() {
    const size_t begin = reader_.place();
    const Options before = options_;
    if (reader_.accept("(?") && read_letters() && reader_.accept(")")) return true;
    reader_.go_back(begin);
    options_ = before;
    return false;
  }

  // The letters between "(?" and ')' or ':', applied to the options; whether there were any and all are known.
  bool read_letters() {
    const size_t begin = reader_.place();
    for (bool on = true; !reader_.at_end(); reader_.read()) {
      switch (reader_.peek()) {
        case '-': on = false; break;
        case 'i': options_.ignores_case = on; break;
        case 'm':
        case 's': options_.dot_takes_all = on; break;
        case 'x': options_.is_extended = on; break;
        default: return reader_.place() > begin;
      }
    }
    return false;
  }

  Node read_quantifiers(Node atom) {
    for (int stacked = 0;; ++stacked) {
      skip_free();
      const std::optional<Quantifier> quantifier = read_quantifier(reader_);
      if (!quantifier) return atom;
      if (!may_repeat(atom)) reader_.refuse_syntax("a quantifier stands behind what takes no characters");
      if (stacked == kMostStacked) reader_.refuse_syntax(fmt::format("more than {} quantifiers upon one another", kMostStacked));
      atom = repeated(std::move(atom), quantifier->min, quantifier->max, quantifier->greed);
      if (quantifier->is_optional) atom = repeated(std::move(atom), 0, 1, Node::Greed::greedy);
    }
  }

  static bool may_repeat(const Node& atom) {
    return atom.kind == Node::Kind::set || atom.kind == Node::Kind::sequence || atom.kind == Node::Kind::choice ||
           atom.kind == Node::Kind::repeat || atom.kind == Node::Kind::atomic;
  }

  Reader reader_;
  Expression expression_;
  Options options_;
  int nested_ = 0;
};

// Characters of the expression when counted repeats are written out, as PCRE2 does with groups.
uint64_t expanded_size(const Node& node) {
  uint64_t size = 1;
  for (const Node& part : node.parts) size += expanded_size(part);
  if (node.kind != Node::Kind::repeat || node.parts[0].kind == Node::Kind::set) return std::min(size, kMostExpanded + 1);
  const uint64_t times = std::max<uint64_t>(node.max == Node::kUnbounded ? node.min : node.max, 1);
  return std::min(size * times, kMostExpanded + 1);
}

}  // namespace

Expression parse(std::string_view source) {
  Expression expression = Parser(source).parse();
  if (expanded_size(expression.root) > kMostExpanded) {
    throw Error{Code::unsupported, fmt::format("regular expression of {} bytes whose counted repeats make it longer than {} characters",
                                               source.size(), kMostExpanded)};
  }
  return expression;
}

}  // namespace yoke::model::text::regex
