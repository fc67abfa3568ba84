// From syntax to a program: symbols get addresses, registers rows of the file, opcodes handlers.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/emulator/ptx/program.h"
#include "tests/emulator/ptx/syntax.h"

namespace yoke::emulator {

struct ModuleSymbols {
  std::vector<VariableSyntax> shared;                // of module scope
  std::map<std::string_view, uint64_t> addresses;    // of .global and .const variables
  const std::vector<std::string>* text = nullptr;    // lines
  const std::vector<Variable>* variables = nullptr;
};

std::unique_ptr<const Program> compile(const FunctionSyntax& function, const ModuleSymbols& module);

// A place in the code that names a register; patched with its row. `position` is the index of the instruction.
struct RegisterUse {
  uint32_t* place;
  uint32_t reg;
  uint32_t position;
  bool defines;     // else reads
  bool whole;       // defines it for every active lane: the instruction has no guard
};

// Gives each register that occurs a row from `first` on; rows are shared by registers that are never alive at once.
// Returns the words behind the last row.
uint32_t allocate_registers(const std::vector<RegisterUse>& uses, const std::vector<Width>& widths, const std::vector<Instruction>& code, uint32_t first);

}  // namespace yoke::emulator
