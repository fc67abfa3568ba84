#include "model/text/regex/emitter.h"

#include <fmt/format.h>

#include <utility>

namespace yoke::model::text::regex {
namespace {

constexpr std::string_view kCallout = "(?C1)";

std::string list_of(const ClassSet& classes) {
  std::string list;
  for (size_t first = 0; first < classes.size(); ++first) {
    if (!classes[first]) continue;
    size_t last = first;
    while (last + 1 < classes.size() && classes[last + 1]) ++last;
    list += first == last ? fmt::format("\\x{:02x}", first) : fmt::format("\\x{:02x}-\\x{:02x}", first, last);
    first = last;
  }
  return list;
}

std::string written(const ClassSet& classes) {
  if (classes.none()) return "(?!)";
  const std::string list = list_of(classes);
  return classes.count() == 1 ? list : "[" + list + "]";
}

class Emitter {
 public:
  Emitter(const Expression& expression, const Alphabet& alphabet, Form form)
      : expression_(expression), alphabet_(alphabet), form_(form) {}

  std::string run() {
    const Node& root = expression_.root;
    if (root.kind != Node::Kind::choice) {
      branch(root);
      return std::move(out_);
    }
    for (const Node& part : root.parts) {
      if (&part != &root.parts.front()) out_ += '|';
      branch(part);
    }
    return std::move(out_);
  }

 private:
  // An alternative of the whole.
  void branch(const Node& node) {
    const Node* lead = node.kind == Node::Kind::sequence && !node.parts.empty() ? &node.parts.front() : &node;
    const bool runs = lead->kind == Node::Kind::repeat && lead->max == Node::kUnbounded && lead->parts[0].kind == Node::Kind::set;
    if (form_ == Form::at_further && runs) out_ += fmt::format("(?<!{})", written(alphabet_.classes_of(lead->parts[0].set)));
    write(node);
  }

  void write(const Node& node) {
    switch (node.kind) {
      case Node::Kind::set: out_ += written(alphabet_.classes_of(node.set)); break;
      case Node::Kind::sequence:
        for (const Node& part : node.parts) write_in_sequence(part);
        break;
      case Node::Kind::choice:
        for (const Node& part : node.parts) {
          if (&part != &node.parts.front()) out_ += '|';
          write(part);
        }
        break;
      case Node::Kind::repeat: repeat(node); break;
      case Node::Kind::atomic: group("(?>", node.parts[0]); break;
      case Node::Kind::look: look(node); break;
      case Node::Kind::line_begin: out_ += fmt::format("(?:\\A|(?<={})(?!\\z))", set(expression_.newline)); break;
      case Node::Kind::line_end: out_ += fmt::format("(?:\\z|(?={}))", set(expression_.newline)); break;
      case Node::Kind::text_begin: out_ += "\\A"; break;
      case Node::Kind::text_end: out_ += "\\z"; break;
      case Node::Kind::text_end_or_newline: out_ += fmt::format("(?={}?\\z)", set(expression_.newline)); break;
      case Node::Kind::word_border: out_ += fmt::format("(?:(?<={0})(?!{0})|(?<!{0})(?={0}))", set(expression_.word)); break;
      case Node::Kind::no_word_border: out_ += fmt::format("(?:(?<={0})(?={0})|(?<!{0})(?!{0}))", set(expression_.word)); break;
    }
  }

  std::string set(uint32_t index) const { return written(alphabet_.classes_of(index)); }

  void group(std::string_view head, const Node& inside) {
    out_ += head;
    write(inside);
    out_ += ')';
  }

  void repeat(const Node& node) {
    const Node& part = node.parts[0];
    const bool counts = form_ == Form::counted && !in_look_behind_;
    if (part.kind == Node::Kind::set && !alphabet_.classes_of(part.set).none()) {
      write(part);
    } else {
      group(counts ? fmt::format("(?:{}", kCallout) + "(?:" : "(?:", part);
      if (counts) out_ += ')';
    }
    out_ += bounds(node.min, node.max);
    switch (node.greed) {
      case Node::Greed::greedy: break;
      case Node::Greed::lazy: out_ += '?'; break;
      case Node::Greed::possessive: out_ += '+'; break;
    }
    if (counts) out_ += kCallout;
  }

  static std::string bounds(uint32_t min, uint32_t max) {
    if (max == Node::kUnbounded) return min == 0 ? "*" : min == 1 ? "+" : fmt::format("{{{},}}", min);
    return min == 0 && max == 1 ? "?" : fmt::format("{{{},{}}}", min, max);
  }

  void look(const Node& node) {
    if (node.ahead) return group(node.negative ? "(?!" : "(?=", node.parts[0]);
    const bool outside = std::exchange(in_look_behind_, true);
    out_ += node.negative ? "(?<!" : "(?<=";
    begin_behind(node.parts[0]);
    out_ += ')';
    in_look_behind_ = outside;
  }

  // PCRE2 looks behind by fixed lengths only. A repeat at the beginning is as good as the fewest times that it asks for.
  void begin_behind(const Node& node) {
    if (node.kind == Node::Kind::choice) {
      for (const Node& part : node.parts) {
        if (&part != &node.parts.front()) out_ += '|';
        begin_behind(part);
      }
    } else if (node.kind == Node::Kind::sequence && !node.parts.empty() && node.parts[0].kind == Node::Kind::repeat) {
      begin_behind(node.parts[0]);
      for (size_t i = 1; i < node.parts.size(); ++i) write_in_sequence(node.parts[i]);
    } else if (node.kind == Node::Kind::repeat && node.greed != Node::Greed::possessive) {
      group("(?:", node.parts[0]);
      out_ += fmt::format("{{{}}}", node.min);
    } else {
      write(node);
    }
  }

  void write_in_sequence(const Node& part) { part.kind == Node::Kind::choice ? group("(?:", part) : write(part); }

  const Expression& expression_;
  const Alphabet& alphabet_;
  const Form form_;
  bool in_look_behind_ = false;
  std::string out_;
};

struct First {
  ClassSet classes;
  bool may_be_empty = true;
};

First first_of(const Node& node, const Alphabet& alphabet) {
  First first;
  switch (node.kind) {
    case Node::Kind::set: return {alphabet.classes_of(node.set), false};
    case Node::Kind::sequence:
      for (const Node& part : node.parts) {
        const First next = first_of(part, alphabet);
        first.classes |= next.classes;
        if (!next.may_be_empty) {
          first.may_be_empty = false;
          break;
        }
      }
      return first;
    case Node::Kind::choice:
      first.may_be_empty = false;
      for (const Node& part : node.parts) {
        const First next = first_of(part, alphabet);
        first.classes |= next.classes;
        first.may_be_empty |= next.may_be_empty;
      }
      return first;
    case Node::Kind::repeat:
      first = first_of(node.parts[0], alphabet);
      first.may_be_empty |= node.min == 0;
      return first;
    case Node::Kind::atomic: return first_of(node.parts[0], alphabet);
    case Node::Kind::look:
    case Node::Kind::line_begin:
    case Node::Kind::line_end:
    case Node::Kind::text_begin:
    case Node::Kind::text_end:
    case Node::Kind::text_end_or_newline:
    case Node::Kind::word_border:
    case Node::Kind::no_word_border: return first;
  }
  return first;
}

}  // namespace

std::string emit(const Expression& expression, const Alphabet& alphabet, Form form) {
  return Emitter(expression, alphabet, form).run();
}

ClassSet first_classes(const Expression& expression, const Alphabet& alphabet) {
  const First first = first_of(expression.root, alphabet);
  return first.may_be_empty ? ClassSet().set() : first.classes;
}

}  // namespace yoke::model::text::regex
