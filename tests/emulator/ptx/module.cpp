#include <algorithm>
#include <cstring>
#include <map>

#include "tests/emulator/ptx/compile.h"
#include "tests/emulator/ptx/emulator.h"

namespace yoke::emulator {
namespace {

constexpr size_t kVariableAlignment = 256;

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return lines;
}

}  // namespace

struct Module::Contents {
  std::string text;
  std::vector<std::string> lines;
  std::vector<std::unique_ptr<std::byte[]>> storage;
  std::vector<Variable> variables;
  std::vector<std::unique_ptr<Function>> functions;

  void place(const VariableSyntax& syntax) {
    // Red zones on both sides; room to align.
    auto bytes = std::make_unique<std::byte[]>(syntax.bytes + 3 * kVariableAlignment);
    auto address = reinterpret_cast<uint64_t>(bytes.get()) + kVariableAlignment;
    address = (address + kVariableAlignment - 1) / kVariableAlignment * kVariableAlignment;
    auto* const host = reinterpret_cast<std::byte*>(address);
    std::memset(host, 0, syntax.bytes);
    if (!syntax.initial.empty()) std::memcpy(host, syntax.initial.data(), syntax.initial.size());
    variables.push_back({std::string(syntax.name), address + kDeviceTag, syntax.bytes, host, syntax.space != Space::constant});
    storage.push_back(std::move(bytes));
  }
};

Module::Module(std::unique_ptr<Contents> contents) : contents_(std::move(contents)) {}
Module::~Module() = default;

std::unique_ptr<Module> Module::parse(std::string_view ptx) {
  auto contents = std::make_unique<Contents>();
  contents->text = ptx;
  contents->lines = lines_of(contents->text);
  const ModuleSyntax syntax = parse_module(contents->text);
  ModuleSymbols symbols;
  symbols.text = &contents->lines;
  symbols.variables = &contents->variables;
  for (const VariableSyntax& variable : syntax.variables) {
    if (variable.space == Space::shared) {
      symbols.shared.push_back(variable);
    } else {
      contents->place(variable);
      symbols.addresses[variable.name] = contents->variables.back().device_address;
    }
  }
  for (const FunctionSyntax& function : syntax.functions) {
    if (function.is_kernel) contents->functions.push_back(std::make_unique<Function>(compile(function, symbols)));
  }
  return std::unique_ptr<Module>(new Module(std::move(contents)));
}

const Function* Module::find(std::string_view name) const {
  for (const auto& function : contents_->functions) {
    if (function->name() == name) return function.get();
  }
  return nullptr;
}

std::vector<std::string> Module::names() const {
  std::vector<std::string> names;
  for (const auto& function : contents_->functions) names.push_back(function->name());
  return names;
}

const std::vector<Variable>& Module::variables() const { return contents_->variables; }

Function::Function(std::unique_ptr<const Program> program) : program_(std::move(program)) {}
Function::~Function() = default;
const std::string& Function::name() const { return program_->name; }
uint32_t Function::param_bytes() const { return program_->param_bytes; }
const std::vector<Parameter>& Function::parameters() const { return program_->parameters; }
uint32_t Function::static_shared() const { return program_->static_shared; }
uint32_t Function::local_bytes() const { return program_->local_bytes; }
uint32_t Function::max_threads() const { return program_->max_threads; }
const std::vector<std::string>& Function::unknown_forms() const { return program_->unknown_forms; }

}  // namespace yoke::emulator
