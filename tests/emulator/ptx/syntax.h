// The text of a PTX module as a tree; names of registers are resolved to numbers, opcodes are not looked at.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::emulator {

enum class Width : uint8_t { predicate, word, wide };  // registers of 1, up to 32 and 64 bits

struct Operand {
  enum class Kind : uint8_t { reg, immediate, symbol, vector, sink, special };
  Kind kind = Kind::immediate;
  uint32_t reg = 0;           // number of the register
  uint64_t value = 0;         // immediate: bits
  bool is_float = false;      // immediate: 0f or 0d literal (value: its bits)
  std::string_view name;      // symbol or special
  bool address = false;       // stood in brackets
  int64_t offset = 0;         // [reg + offset], symbol + offset
  bool negated = false;       // !p
  std::vector<Operand> elements;  // vector
  // d|p
  bool has_second = false;
  bool second_is_sink = false;
  uint32_t second = 0;
};

struct Statement {
  uint32_t line = 0;
  std::string_view opcode;  // with suffixes
  std::vector<Operand> operands;
  bool guarded = false, guard_negated = false;
  uint32_t guard = 0;
};

enum class Space : uint8_t { generic, global, shared, local, param, constant };

struct VariableSyntax {
  std::string_view name;
  Space space = Space::global;
  uint32_t line = 0, alignment = 1;
  uint64_t bytes = 0;  // 0: extern, sized at launch
  std::vector<std::byte> initial;
};

struct LabelSyntax {
  std::string_view name;
  uint32_t statement = 0;  // index of the statement after it
};

struct BranchTable {
  std::string_view name;
  std::vector<std::string_view> labels;
};

struct FunctionSyntax {
  std::string_view name;
  uint32_t line = 0;
  bool is_kernel = true;
  std::vector<VariableSyntax> params;
  std::vector<VariableSyntax> variables;  // .shared and .local within the body
  std::vector<Width> registers;
  std::vector<Statement> statements;
  std::vector<LabelSyntax> labels;
  std::vector<BranchTable> tables;
  uint32_t max_threads = 1024;
};

struct ModuleSyntax {
  std::vector<VariableSyntax> variables;
  std::vector<FunctionSyntax> functions;
};

// The views point into text. Throws std::runtime_error("line N: ...").
ModuleSyntax parse_module(std::string_view text);

}  // namespace yoke::emulator
