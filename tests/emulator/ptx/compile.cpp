#include "tests/emulator/ptx/compile.h"

#include <algorithm>
#include <set>
#include <stdexcept>

#include "tests/emulator/ptx/forms.h"
#include "tests/emulator/ptx/machine.h"

namespace yoke::emulator {
namespace {

struct Unknown {
  std::string why;
};

uint64_t align(uint64_t value, uint64_t alignment) { return (value + alignment - 1) / alignment * alignment; }

const std::map<std::string_view, Special>& special_names() {
  static const std::map<std::string_view, Special> names = {
      {"%tid.x", Special::tid_x}, {"%tid.y", Special::tid_y}, {"%tid.z", Special::tid_z},
      {"%ntid.x", Special::ntid_x}, {"%ntid.y", Special::ntid_y}, {"%ntid.z", Special::ntid_z},
      {"%ctaid.x", Special::ctaid_x}, {"%ctaid.y", Special::ctaid_y}, {"%ctaid.z", Special::ctaid_z},
      {"%nctaid.x", Special::nctaid_x}, {"%nctaid.y", Special::nctaid_y}, {"%nctaid.z", Special::nctaid_z},
      {"%laneid", Special::laneid}, {"%warpid", Special::warpid}, {"%nwarpid", Special::nwarpid},
      {"%lanemask_eq", Special::lanemask_eq}, {"%lanemask_lt", Special::lanemask_lt}, {"%lanemask_le", Special::lanemask_le},
      {"%lanemask_gt", Special::lanemask_gt}, {"%lanemask_ge", Special::lanemask_ge},
      {"%smid", Special::smid}, {"%nsmid", Special::nsmid}, {"%gridid", Special::gridid},
      {"%dynamic_smem_size", Special::dynamic_shared}, {"%total_smem_size", Special::total_shared},
      {"%cluster_ctaid.x", Special::zero}, {"%cluster_ctaid.y", Special::zero}, {"%cluster_ctaid.z", Special::zero},
      {"%cluster_ctarank", Special::zero}, {"%cluster_nctaid.x", Special::one}, {"%cluster_nctaid.y", Special::one},
      {"%cluster_nctaid.z", Special::one}, {"%cluster_nctarank", Special::one}, {"%clusterid.x", Special::ctaid_x},
      {"%nclusterid.x", Special::nctaid_x}, {"%is_explicit_cluster", Special::zero}};
  return names;
}

class Compiler {
 public:
  Compiler(const FunctionSyntax& function, const ModuleSymbols& module)
      : function_(function), module_(module), program_(std::make_unique<Program>()) {}

  std::unique_ptr<const Program> run() {
    program_->name = function_.name;
    program_->text = module_.text;
    program_->variables = module_.variables;
    program_->max_threads = function_.max_threads;
    program_->predicates = 2 + static_cast<uint32_t>(function_.registers.size());
    widths_ = function_.registers;
    sink_ = constant(0, true, 1);
    zero_ = constant(0, true);
    lay_out_params();
    lay_out_shared();
    lay_out_local();
    for (size_t i = 0; i < function_.statements.size(); ++i) {
      starts_.push_back(static_cast<uint32_t>(code_.size()));
      statement(function_.statements[i]);
    }
    starts_.push_back(static_cast<uint32_t>(code_.size()));
    Instruction end;
    end.kind = Kind::leave;
    end.line = function_.statements.empty() ? function_.line : function_.statements.back().line;
    code_.push_back(end);
    finish();
    return std::move(program_);
  }

 private:
  void lay_out_params() {
    uint64_t at = 0;
    for (const VariableSyntax& param : function_.params) {
      at = align(at, param.alignment);
      program_->parameters.push_back({std::string(param.name), static_cast<uint32_t>(at), static_cast<uint32_t>(param.bytes)});
      symbols_[param.name] = at;
      at += param.bytes;
    }
    program_->param_bytes = static_cast<uint32_t>(at);
  }

  std::set<std::string_view> used_symbols() const {
    std::set<std::string_view> used;
    for (const Statement& statement : function_.statements) {
      for (const Operand& operand : statement.operands) {
        if (operand.kind == Operand::Kind::symbol) used.insert(operand.name);
      }
    }
    return used;
  }

  // Static variables first, the dynamic part behind them.
  void lay_out_shared() {
    std::vector<const VariableSyntax*> variables;
    const auto used = used_symbols();
    for (const VariableSyntax& variable : module_.shared) {
      if (used.contains(variable.name)) variables.push_back(&variable);
    }
    for (const VariableSyntax& variable : function_.variables) {
      if (variable.space == Space::shared) variables.push_back(&variable);
    }
    uint64_t at = 0, dynamic_alignment = 16;
    for (const VariableSyntax* variable : variables) {
      dynamic_alignment = std::max<uint64_t>(dynamic_alignment, variable->alignment);
      if (variable->bytes == 0) continue;
      at = align(at, variable->alignment);
      symbols_[variable->name] = at;
      at += variable->bytes;
    }
    program_->static_shared = static_cast<uint32_t>(at);
    program_->shared_alignment = static_cast<uint32_t>(dynamic_alignment);
    for (const VariableSyntax* variable : variables) {
      if (variable->bytes == 0) symbols_[variable->name] = align(at, dynamic_alignment);
    }
  }

  void lay_out_local() {
    uint64_t at = 0;
    for (const VariableSyntax& variable : function_.variables) {
      if (variable.space != Space::local) continue;
      at = align(at, variable.alignment);
      symbols_[variable.name] = at;
      at += variable.bytes;
    }
    program_->local_bytes = static_cast<uint32_t>(align(at, 16));
  }

  // A row that holds the value in all lanes; key tells apart rows that must not be shared.
  uint32_t constant(uint64_t value, bool wide, int key = 0) {
    if (!wide) value &= 0xffffffff;
    const auto [at, is_new] = constants_.try_emplace({value, wide, key}, static_cast<uint32_t>(program_->constants.size()));
    if (is_new) {
      for (uint32_t lane = 0; lane < 32; ++lane) {
        program_->constants.push_back(static_cast<uint32_t>(value));
        if (wide) program_->constants.push_back(static_cast<uint32_t>(value >> 32));
      }
    }
    return at->second;
  }

  uint32_t special(std::string_view name, bool wide) {
    const auto known = special_names().find(name);
    if (known == special_names().end()) throw Unknown{"unknown special register " + std::string(name)};
    const uint32_t row = constant(static_cast<uint64_t>(known->second), wide, 2);
    const auto same = [&](const Program::SpecialRow& r) { return r.offset == row; };
    if (std::none_of(program_->specials.begin(), program_->specials.end(), same)) program_->specials.push_back({known->second, row, wide});
    return row;
  }

  uint64_t address_of(const Operand& operand) const {
    if (const auto found = symbols_.find(operand.name); found != symbols_.end()) return found->second + static_cast<uint64_t>(operand.offset);
    if (const auto found = module_.addresses.find(operand.name); found != module_.addresses.end()) {
      return found->second + static_cast<uint64_t>(operand.offset);
    }
    throw Unknown{"unknown symbol " + std::string(operand.name)};
  }

  uint32_t temporary(Width width) {
    widths_.push_back(width);
    return static_cast<uint32_t>(widths_.size() - 1);
  }

  // Before the current instruction: low half of a wide register.
  uint32_t cut(uint32_t reg) {
    const uint32_t narrow = temporary(Width::word);
    helper("mov.cut", narrow, reg);
    return narrow;
  }

  void helper(const char* name, uint32_t to, uint32_t from) {
    Instruction& i = code_.emplace_back();
    i.handler = find_form(name, 2)->handler;
    i.line = line_, i.guard = guard_, i.guard_flip = guard_flip_;
    uses_.push_back({&i.op[0], to, static_cast<uint32_t>(code_.size() - 1), true, guard_ == kTruePredicate});
    uses_.push_back({&i.op[1], from, static_cast<uint32_t>(code_.size() - 1), false, true});
  }

  // What an operand becomes: a fixed row or a register still to be placed.
  struct Row {
    bool is_reg = false;
    uint32_t value = 0;
  };

  Row source(const Operand& operand, bool wide, bool flexible) {
    switch (operand.kind) {
      case Operand::Kind::reg: {
        const Width width = widths_[operand.reg];
        if (width == Width::predicate) throw Unknown{"a predicate where a value should stand"};
        if ((width == Width::wide) == wide) return {true, operand.reg};
        if (flexible && !wide) return {true, cut(operand.reg)};
        throw Unknown{"a source of the wrong width"};
      }
      case Operand::Kind::immediate: return {false, constant(operand.value, wide)};
      case Operand::Kind::symbol: return {false, constant(address_of(operand), wide)};
      case Operand::Kind::special: return {false, special(operand.name, wide)};
      case Operand::Kind::sink: return {false, sink_};
      case Operand::Kind::vector: break;
    }
    throw Unknown{"a list where a value should stand"};
  }

  Row destination(const Operand& operand, bool wide, bool flexible, bool extends_sign) {
    if (operand.kind == Operand::Kind::sink) return {false, sink_};
    if (operand.kind != Operand::Kind::reg) throw Unknown{"a destination that is no register"};
    const Width width = widths_[operand.reg];
    if (width == Width::predicate) throw Unknown{"a predicate where a register should stand"};
    if ((width == Width::wide) == wide) return {true, operand.reg};
    if (!flexible || wide) throw Unknown{"a destination of the wrong width"};
    const uint32_t narrow = temporary(Width::word);
    extensions_.push_back({operand.reg, narrow, extends_sign});
    return {true, narrow};
  }

  uint32_t predicate_index(const Operand& operand) const {
    if (operand.kind == Operand::Kind::sink) return kSinkPredicate;
    if (operand.kind != Operand::Kind::reg || widths_[operand.reg] != Width::predicate) throw Unknown{"no predicate where one should stand"};
    return 2 + operand.reg;
  }

  uint32_t predicate_source(const Operand& operand) const {
    if (operand.kind == Operand::Kind::immediate) return kTruePredicate << 1 | (operand.value == 0);
    return predicate_index(operand) << 1 | operand.negated;
  }

  uint32_t second_predicate(const Operand& operand) const {
    if (!operand.has_second || operand.second_is_sink) return kSinkPredicate;
    if (widths_[operand.second] != Width::predicate) throw Unknown{"no predicate behind |"};
    return 2 + operand.second;
  }

  // What is collected for one instruction before it is placed: hidden ones may have to go before it.
  struct Draft {
    struct Slot {
      Row row;
      bool defines;
    };
    std::vector<Slot> ops, list;
    Instruction instruction;
    std::optional<Row> address, second_address;
  };

  Row address(const Operand& operand, int32_t& offset, bool& narrow) {
    if (!operand.address) throw Unknown{"an operand without brackets where an address should stand"};
    if (operand.kind != Operand::Kind::reg) return source(operand, true, false);
    narrow = widths_[operand.reg] == Width::word;
    if (operand.offset != static_cast<int32_t>(operand.offset)) throw Unknown{"an offset beyond 32 bits"};
    offset = static_cast<int32_t>(operand.offset);
    return {true, operand.reg};
  }

  void vector(Draft& draft, const Operand& operand, const Form& form, char letter) {
    const bool defines = letter == 'v' || letter == 'V', wide = letter == 'V' || letter == 'W';
    const auto add = [&](const Operand& element) {
      draft.list.push_back({defines ? destination(element, wide, true, form.extends_sign) : source(element, wide, true), defines});
    };
    const size_t elements = operand.kind == Operand::Kind::vector ? operand.elements.size() : 1;
    if (form.vector != 0 && form.vector != elements) throw Unknown{"a list of " + std::to_string(elements) + " elements"};
    if (operand.kind != Operand::Kind::vector) return add(operand);
    for (const Operand& element : operand.elements) add(element);
  }

  uint32_t label(std::string_view name) const {
    for (const LabelSyntax& label : function_.labels) {
      if (label.name == name) return label.statement;
    }
    throw Unknown{"unknown label " + std::string(name)};
  }

  void branch_table(Draft& draft, std::string_view name) {
    for (const BranchTable& table : function_.tables) {
      if (table.name != name) continue;
      for (const std::string_view target : table.labels) draft.list.push_back({{false, label(target)}, false});
      return;
    }
    throw Unknown{"unknown table " + std::string(name)};
  }

  void missing(Draft& draft, char letter) {
    if (letter == 'P') draft.ops.push_back({{false, kTruePredicate << 1}, false});
    else draft.ops.push_back({{false, zero_}, false});
  }

  void encode(Draft& draft, const Operand& operand, const Form& form, char letter) {
    Instruction& i = draft.instruction;
    const auto value = [&](Row row, bool defines) { draft.ops.push_back({row, defines}); };
    switch (letter) {
      case 'd': case 'D': return value(destination(operand, letter == 'D', false, false), true);
      case 'e': return value(destination(operand, false, true, form.extends_sign), true);
      case 'a': case 'A': return value(source(operand, letter == 'A', false), false);
      case 'b': return value(source(operand, false, true), false);
      case 'p': return value({false, predicate_index(operand)}, true);
      case 'P': return value({false, predicate_source(operand)}, false);
      case 'q':
        value({false, predicate_index(operand)}, true);
        return value({false, second_predicate(operand)}, true);
      case 'r':
        value(destination(operand, false, false, false), true);
        return value({false, second_predicate(operand)}, true);
      case 'm': draft.address = address(operand, i.offset, i.narrow_address); return;
      case 'n': draft.second_address = address(operand, i.second_offset, i.second_narrow); return;
      case 'v': case 'V': case 'w': case 'W': return vector(draft, operand, form, letter);
      case 'j':
        if (operand.kind != Operand::Kind::vector || operand.elements.size() != 2) throw Unknown{"a pair of selectors is missing"};
        for (const Operand& element : operand.elements) value(source(element, false, false), false);
        return;
      case 'i':
        if (operand.kind != Operand::Kind::immediate || operand.value > 0xffff) throw Unknown{"a number should stand in the text"};
        i.detail = static_cast<uint16_t>(operand.value);
        return;
      case 'l': i.target = label(operand.name); return;
      case 't': return branch_table(draft, operand.name);
      default: throw Unknown{"a shape that the loader does not know"};
    }
  }

  // mov has pseudo names where operands, not suffixes, decide.
  std::string opcode_of(const Statement& statement) const {
    std::string opcode(statement.opcode);
    if (!opcode.starts_with("mov.") || statement.operands.size() != 2) return opcode;
    const Operand &d = statement.operands[0], &s = statement.operands[1];
    const std::string type = opcode.ends_with("64") ? "b64" : opcode.ends_with("16") ? "b16" : "b32";
    if (s.kind == Operand::Kind::vector) return "mov.pack." + type + "." + std::to_string(s.elements.size());
    if (d.kind == Operand::Kind::vector) return "mov.unpack." + type + "." + std::to_string(d.elements.size());
    if (s.kind == Operand::Kind::special) {
      if (s.name == "%clock" || s.name == "%clock_hi") return "mov.clock.32";
      if (s.name == "%clock64") return "mov.clock.64";
      if (s.name == "%globaltimer_lo") return "mov.time.32";
      if (s.name == "%globaltimer") return "mov.time.64";
    }
    return opcode;
  }

  void operands(Draft& draft, const Statement& statement, const Form& form) {
    size_t next = 0;
    bool optional = false;
    for (const char letter : form.shape) {
      if (letter == '?') {
        optional = true;
      } else if (letter == 'z') {
        draft.ops.push_back({{false, zero_}, false});
      } else if (next < statement.operands.size()) {
        encode(draft, statement.operands[next++], form, letter);
      } else if (optional) {
        missing(draft, letter);
      } else {
        throw Unknown{"too few operands"};
      }
    }
    const bool is_clock = form.shape.size() == 1 && next == 1 && statement.operands.size() == 2;
    if (next != statement.operands.size() && !is_clock) throw Unknown{"too many operands"};
    if (draft.ops.size() > draft.instruction.op.size()) throw Unknown{"more operands than an instruction has room for"};
  }

  void statement(const Statement& statement) {
    line_ = statement.line;
    guard_ = statement.guarded ? 2 + statement.guard : kTruePredicate;
    guard_flip_ = statement.guard_negated ? kAllLanes : 0;
    extensions_.clear();
    try {
      const auto form = find_form(opcode_of(statement), statement.operands.size());
      if (!form) throw Unknown{"unknown form"};
      Draft draft;
      draft.instruction.handler = form->handler;
      draft.instruction.kind = form->kind;
      draft.instruction.space = form->space;
      draft.instruction.detail = form->detail;
      draft.instruction.mask_operand = form->mask_operand;
      draft.instruction.reduction = form->reduction;
      operands(draft, statement, *form);
      place(draft);
      for (const auto& [wide, narrow, is_signed] : extensions_) helper(is_signed ? "mov.extend.signed" : "mov.extend", wide, narrow);
    } catch (const Unknown& unknown) {
      program_->unknown_forms.push_back(program_->instruction_text(line_) + ": " + unknown.why);
    }
  }

  void place(const Draft& draft) {
    Instruction& i = code_.emplace_back(draft.instruction);
    const auto position = static_cast<uint32_t>(code_.size() - 1);
    i.line = line_, i.guard = guard_, i.guard_flip = guard_flip_;
    const auto put = [&](uint32_t& where, const Row& row, bool defines) {
      where = row.value;
      if (row.is_reg) uses_.push_back({&where, row.value, position, defines, guard_ == kTruePredicate});
    };
    for (size_t k = 0; k < draft.ops.size(); ++k) put(i.op[k], draft.ops[k].row, draft.ops[k].defines);
    if (draft.address) put(i.address, *draft.address, false);
    if (draft.second_address) put(i.second_address, *draft.second_address, false);
    if (!draft.list.empty()) {
      auto& list = program_->lists.emplace_back(draft.list.size());
      for (size_t k = 0; k < list.size(); ++k) put(list[k], draft.list[k].row, draft.list[k].defines);
      i.list = list.data();
      i.count = static_cast<uint8_t>(list.size());
    }
  }

  // Targets from statements to instructions, registers to rows.
  void finish() {
    for (Instruction& i : code_) {
      if (i.kind == Kind::branch) i.target = starts_[i.target];
      if (i.kind != Kind::branch_table) continue;
      for (uint32_t k = 0; k < i.count; ++k) const_cast<uint32_t*>(i.list)[k] = starts_[i.list[k]];
    }
    program_->code.assign(code_.begin(), code_.end());  // for the flow of control
    program_->file_words = allocate_registers(uses_, widths_, program_->code, static_cast<uint32_t>(program_->constants.size()));
    program_->code.assign(code_.begin(), code_.end());
  }

  struct Extension {
    uint32_t wide, narrow;
    bool is_signed;
  };

  const FunctionSyntax& function_;
  const ModuleSymbols& module_;
  std::unique_ptr<Program> program_;
  std::deque<Instruction> code_;
  std::vector<RegisterUse> uses_;
  std::vector<Width> widths_;
  std::vector<uint32_t> starts_;  // of each statement, in code_
  std::map<std::string_view, uint64_t> symbols_;
  std::map<std::tuple<uint64_t, bool, int>, uint32_t> constants_;
  std::vector<Extension> extensions_;
  uint32_t line_ = 0, guard_ = kTruePredicate, guard_flip_ = 0, sink_ = 0, zero_ = 0;
};

}  // namespace

std::string Program::instruction_text(uint32_t line) const {
  std::string result = "line " + std::to_string(line);
  if (text == nullptr || line == 0 || line > text->size()) return result;
  std::string_view source = (*text)[line - 1];
  const size_t begin = source.find_first_not_of(" \t");
  return begin == std::string_view::npos ? result : result + ": " + std::string(source.substr(begin));
}

std::unique_ptr<const Program> compile(const FunctionSyntax& function, const ModuleSymbols& module) { return Compiler(function, module).run(); }

}  // namespace yoke::emulator
