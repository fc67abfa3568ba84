#include <bit>
#include <charconv>
#include <cstring>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <unordered_map>

#include "tests/emulator/ptx/lexer.h"
#include "tests/emulator/ptx/syntax.h"

namespace yoke::emulator {
namespace {

[[noreturn]] void fail(uint32_t line, const std::string& what) { throw std::runtime_error("line " + std::to_string(line) + ": " + what); }

struct Number {
  uint64_t bits = 0;
  bool is_float = false;
};

Number parse_number(const Token& token) {
  std::string_view text = token.text;
  Number number;
  int base = 10;
  if (text.starts_with("0f") || text.starts_with("0F") || text.starts_with("0d") || text.starts_with("0D")) {
    number.is_float = true;
    text.remove_prefix(2), base = 16;
  } else if (text.starts_with("0x") || text.starts_with("0X")) {
    text.remove_prefix(2), base = 16;
  } else if (text.starts_with("0b") || text.starts_with("0B")) {
    text.remove_prefix(2), base = 2;
  } else if (text.find('.') != std::string_view::npos) {
    number.is_float = true;
    number.bits = std::bit_cast<uint64_t>(std::stod(std::string(text)));
    return number;
  } else if (text.size() > 1 && text.starts_with('0')) {
    base = 8;
  }
  if (!number.is_float && (text.ends_with('U') || text.ends_with('u'))) text.remove_suffix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number.bits, base);
  if (error != std::errc{} || end != text.data() + text.size()) fail(token.line, "'" + std::string(token.text) + "' is no number");
  return number;
}

uint32_t type_bytes(std::string_view type) {
  if (type == ".b8" || type == ".u8" || type == ".s8") return 1;
  if (type == ".b16" || type == ".u16" || type == ".s16" || type == ".f16") return 2;
  if (type == ".b32" || type == ".u32" || type == ".s32" || type == ".f32" || type == ".f16x2") return 4;
  if (type == ".b64" || type == ".u64" || type == ".s64" || type == ".f64") return 8;
  return 0;
}

// Registers and predicates of one pair of braces.
struct Scope {
  struct Family {
    uint32_t first, count;
  };
  std::unordered_map<std::string_view, Family> families;  // %r of .reg .b32 %r<9>
  std::unordered_map<std::string_view, uint32_t> single;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : tokens_(tokenize(text)) {}

  ModuleSyntax run() {
    while (peek().kind != Token::Kind::end) module_item();
    return std::move(module_);
  }

 private:
  const Token& peek(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  const Token& next() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool is(std::string_view text) const { return peek().kind != Token::Kind::string && peek().text == text; }
  bool accept(std::string_view text) { return is(text) && (next(), true); }
  void expect(std::string_view text) {
    if (!accept(text)) fail(peek().line, "expected '" + std::string(text) + "' before '" + std::string(peek().text) + "'");
  }
  bool at_end() const { return peek().kind == Token::Kind::end; }
  void skip_to(std::string_view text) {
    while (!at_end() && !is(text)) next();
    expect(text);
  }
  void skip_line() {
    for (const uint32_t line = peek().line; !at_end() && peek().line == line;) next();
  }
  void skip_braces() {
    skip_to("{");
    for (int depth = 1; depth > 0 && !at_end();) depth += is("{") ? 1 : is("}") ? -1 : 0, next();
  }

  void module_item() {
    if (is(".version") || is(".target") || is(".address_size") || is(".file")) return skip_line();
    if (is(".section")) return skip_braces();
    if (accept(".pragma") || accept(".alias")) return skip_to(";");
    bool external = false;
    while (is(".visible") || is(".extern") || is(".weak") || is(".common")) external |= next().text == ".extern";
    if (accept(".entry")) return function(true);
    if (accept(".func")) return function(false);
    if (is(".shared") || is(".global") || is(".const")) {
      module_.variables.push_back(variable(external));
      return expect(";");
    }
    fail(peek().line, "'" + std::string(peek().text) + "' is nothing that a module may hold");
  }

  // From the state space up to, not including, the semicolon, comma or parenthesis.
  VariableSyntax variable(bool external) {
    static const std::map<std::string_view, Space> kSpaces = {
        {".shared", Space::shared}, {".global", Space::global}, {".const", Space::constant}, {".local", Space::local}, {".param", Space::param}};
    VariableSyntax result;
    result.line = peek().line;
    result.space = kSpaces.at(next().text);
    uint32_t element = 0, alignment = 0;
    while (peek().kind == Token::Kind::word && peek().text.starts_with('.')) {
      if (accept(".align")) {
        alignment = static_cast<uint32_t>(parse_number(next()).bits);
      } else if (is(".ptr") || is(".attribute") || is(".managed") || is(".unified")) {
        next();
        if (accept("(")) skip_to(")");
      } else if (const uint32_t bytes = type_bytes(peek().text)) {
        element = bytes, next();
      } else if (is(".global") || is(".shared") || is(".const") || is(".local")) {
        next();  // what a .ptr parameter points to
      } else {
        fail(peek().line, "unknown type '" + std::string(peek().text) + "'");
      }
    }
    if (element == 0) fail(result.line, "a variable without type");
    result.name = next().text;
    result.alignment = std::max(alignment, element);
    result.bytes = element;
    while (accept("[")) {
      result.bytes *= is("]") ? 0 : parse_number(next()).bits;
      expect("]");
    }
    if (external && result.bytes != 0 && result.space != Space::shared) fail(result.line, "an extern variable: there is no linker here");
    if (accept("=")) initialise(result, element);
    return result;
  }

  void initialise(VariableSyntax& variable, uint32_t element) {
    const bool list = accept("{");
    do {
      const bool minus = accept("-");
      if (peek().kind != Token::Kind::number) fail(peek().line, "an initial value that is no number");
      uint64_t bits = parse_number(next()).bits;
      if (minus) bits = 0 - bits;
      const auto* bytes = reinterpret_cast<const std::byte*>(&bits);
      variable.initial.insert(variable.initial.end(), bytes, bytes + element);  // little-endian, as all machines that this runs on
    } while (list && accept(","));
    if (list) expect("}");
    if (variable.bytes == 0) variable.bytes = variable.initial.size();
    if (variable.initial.size() > variable.bytes) fail(variable.line, "more initial values than the variable holds");
  }

  void function(bool is_kernel) {
    FunctionSyntax result;
    result.is_kernel = is_kernel;
    result.line = peek().line;
    if (accept("(")) skip_to(")");  // the value returned by a .func
    result.name = next().text;
    if (accept("(")) {
      while (!accept(")")) {
        if (is(".reg")) skip_parameter();
        else result.params.push_back(variable(false));
        accept(",");
      }
    }
    while (!is("{") && !is(";")) directive(result);
    if (accept(";")) return;  // a declaration
    function_ = &result;
    scopes_.clear();
    block();
    module_.functions.push_back(std::move(result));
  }

  void skip_parameter() {
    while (!at_end() && !is(",") && !is(")")) next();
  }

  void directive(FunctionSyntax& function) {
    if (at_end()) fail(peek().line, "a function without body");
    if (is(".maxntid") || is(".reqntid")) {
      next();
      uint64_t threads = parse_number(next()).bits;
      while (accept(",")) threads *= parse_number(next()).bits;
      function.max_threads = static_cast<uint32_t>(threads);
      return;
    }
    next();
  }

  void block() {
    expect("{");
    scopes_.emplace_back();
    while (!is("}")) {
      if (at_end()) fail(peek().line, "a function without '}'");
      if (is("{")) block();
      else item();
    }
    expect("}");
    scopes_.pop_back();
  }

  void item() {
    if (is(".loc")) return skip_line();
    if (accept(".pragma")) return skip_to(";");
    if (accept(".reg")) return registers();
    if (accept(".param")) return skip_to(";");  // arguments of a call, which is an unknown form anyway
    if (is(".shared") || is(".local")) {
      function_->variables.push_back(variable(false));
      return expect(";");
    }
    if (is(".global") || is(".const")) {
      module_.variables.push_back(variable(false));
      return expect(";");
    }
    if (accept(";")) return;
    if (peek(1).text == ":" && peek(1).kind == Token::Kind::punctuation) return label();
    statement();
  }

  void label() {
    const std::string_view name = next().text;
    next();
    if (accept(".branchtargets")) {
      BranchTable table{name, {}};
      do {
        table.labels.push_back(next().text);
      } while (accept(","));
      expect(";");
      function_->tables.push_back(std::move(table));
      return;
    }
    if (is(".callprototype") || is(".calltargets")) return skip_to(";");
    function_->labels.push_back({name, static_cast<uint32_t>(function_->statements.size())});
  }

  void registers() {
    const Token type = next();
    Width width = Width::word;
    if (type.text == ".pred") width = Width::predicate;
    else if (type_bytes(type.text) == 8) width = Width::wide;
    else if (type_bytes(type.text) == 0) fail(type.line, "registers of type '" + std::string(type.text) + "'");
    do {
      const std::string_view name = next().text;
      const auto first = static_cast<uint32_t>(function_->registers.size());
      uint64_t count = 1;
      if (accept("<")) {
        count = parse_number(next()).bits;
        if (count > 1'000'000) fail(type.line, "more than a million registers");
        expect(">");
        scopes_.back().families[name] = {first, static_cast<uint32_t>(count)};
      } else {
        scopes_.back().single[name] = first;
      }
      function_->registers.insert(function_->registers.end(), count, width);
    } while (accept(","));
    expect(";");
  }

  std::optional<uint32_t> find_register(std::string_view name) const {
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
      if (const auto found = scope->single.find(name); found != scope->single.end()) return found->second;
      size_t digits = name.size();
      while (digits > 0 && name[digits - 1] >= '0' && name[digits - 1] <= '9') --digits;
      if (digits == name.size()) continue;
      const auto family = scope->families.find(name.substr(0, digits));
      if (family == scope->families.end()) continue;
      uint32_t index = 0;
      std::from_chars(name.data() + digits, name.data() + name.size(), index);
      if (index < family->second.count) return family->second.first + index;
    }
    return std::nullopt;
  }

  void statement() {
    Statement result;
    result.line = peek().line;
    if (accept("@")) {
      result.guarded = true;
      result.guard_negated = accept("!");
      const Token name = next();
      const auto reg = find_register(name.text);
      if (!reg) fail(name.line, "unknown predicate '" + std::string(name.text) + "'");
      result.guard = *reg;
    }
    if (peek().kind != Token::Kind::word) fail(peek().line, "'" + std::string(peek().text) + "' where an instruction should stand");
    result.opcode = next().text;
    while (!accept(";")) {
      if (at_end()) fail(result.line, "an instruction without ';'");
      result.operands.push_back(operand());
      if (!is(";")) expect(",");
    }
    function_->statements.push_back(std::move(result));
  }

  Operand operand() {
    if (is("{") || is("(")) return vector();
    if (accept("[")) {
      Operand result = operand();
      if (is(",")) {  // of a texture or a tensor map
        Operand list;
        list.kind = Operand::Kind::vector;
        list.elements.push_back(std::move(result));
        while (accept(",")) list.elements.push_back(operand());
        result = std::move(list);
      }
      result.address = true;
      expect("]");
      return result;
    }
    const bool negated = accept("!");
    Operand result = scalar();
    result.negated = negated;
    if (accept("|")) {
      result.has_second = true;
      const Operand second = scalar();
      result.second_is_sink = second.kind == Operand::Kind::sink;
      if (!result.second_is_sink && second.kind != Operand::Kind::reg) fail(peek().line, "'|' without a predicate behind it");
      result.second = second.reg;
    }
    while (is("+") || is("-")) {
      const bool minus = next().text == "-";
      const bool negative = accept("-") != minus;
      const auto value = static_cast<int64_t>(parse_number(next()).bits);
      result.offset += negative ? -value : value;
    }
    return result;
  }

  Operand vector() {
    Operand result;
    result.kind = Operand::Kind::vector;
    const std::string_view close = next().text == "{" ? "}" : ")";
    while (!accept(close)) {
      if (at_end()) fail(peek().line, "a list without end");
      result.elements.push_back(operand());
      accept(",");
    }
    return result;
  }

  Operand scalar() {
    Operand result;
    if (is("-") || peek().kind == Token::Kind::number) {
      const bool minus = accept("-");
      const Number number = parse_number(next());
      result.value = minus ? 0 - number.bits : number.bits;
      result.is_float = number.is_float;
      return result;
    }
    const Token token = next();
    if (token.kind != Token::Kind::word) fail(token.line, "'" + std::string(token.text) + "' where an operand should stand");
    result.name = token.text;
    if (token.text == "_") {
      result.kind = Operand::Kind::sink;
    } else if (token.text == "WARP_SZ") {
      result.value = 32;
    } else if (const auto reg = find_register(token.text)) {
      result.kind = Operand::Kind::reg;
      result.reg = *reg;
    } else {
      result.kind = token.text.starts_with('%') ? Operand::Kind::special : Operand::Kind::symbol;
    }
    return result;
  }

  std::vector<Token> tokens_;
  size_t at_ = 0;
  ModuleSyntax module_;
  FunctionSyntax* function_ = nullptr;
  std::vector<Scope> scopes_;
};

}  // namespace

ModuleSyntax parse_module(std::string_view text) { return Parser(text).run(); }

}  // namespace yoke::emulator
