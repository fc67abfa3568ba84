// mma.sync and ldmatrix: operands to and from the functions of tensor_ops.h.
#include <cstring>
#include <deque>
#include <mutex>

#include "tests/emulator/ptx/lanes.h"
#include "tests/emulator/ptx/memory_forms.h"
#include "tests/emulator/ptx/tensor_ops.h"

namespace yoke::emulator {
namespace {

// The forms that were met, so that an instruction names one by a number. They live as long as the process.
struct MetForms {
  std::mutex mutex;
  std::deque<MmaForm> forms;
};
MetForms& met() {
  static auto* const forms = new MetForms;
  return *forms;
}

uint16_t remember(const MmaForm& form) {
  const std::lock_guard lock(met().mutex);
  met().forms.push_back(form);
  return static_cast<uint16_t>(met().forms.size() - 1);
}

const MmaForm& form_of(const Instruction& i) {
  const std::lock_guard lock(met().mutex);
  return met().forms[i.detail];
}

uint32_t uniform(const Warp& w, uint32_t row, const char* what) {
  const uint32_t* values = w.row<uint32_t>(row);
  for (uint32_t lane = 1; lane < 32; ++lane) {
    if (values[lane] != values[0]) throw LaneFault{kLaunchFailure, lane, std::string("mma: ") + what + " differs between lanes"};
  }
  return values[0];
}

// list: d, a, b, c. op: scale_a, byte_a, thread_a, scale_b, byte_b, thread_b.
void multiply(Warp& w, const Instruction& i, uint32_t) {
  const MmaForm& form = form_of(i);
  std::array<Lanes, 16> sources, made;
  const uint32_t inputs = form.a_registers + form.b_registers + form.c_registers;
  for (uint32_t r = 0; r < inputs; ++r) std::memcpy(sources[r].data(), w.row<uint32_t>(i.list[form.d_registers + r]), sizeof(Lanes));
  const std::span<const Lanes> all(sources);
  Lanes scale_a, scale_b;
  std::array<uint32_t, 4> selectors{};
  if (form.has_scales()) {
    std::memcpy(scale_a.data(), w.row<uint32_t>(i.op[0]), sizeof scale_a);
    std::memcpy(scale_b.data(), w.row<uint32_t>(i.op[3]), sizeof scale_b);
    selectors = {uniform(w, i.op[1], "byte-id-a"), uniform(w, i.op[2], "thread-id-a"), uniform(w, i.op[4], "byte-id-b"), uniform(w, i.op[5], "thread-id-b")};
  }
  const std::string wrong = mma(form, all.subspan(0, form.a_registers), all.subspan(form.a_registers, form.b_registers),
                                all.subspan(form.a_registers + form.b_registers, form.c_registers), std::span(made).first(form.d_registers),
                                form.has_scales() ? &scale_a : nullptr, form.has_scales() ? &scale_b : nullptr, selectors[0], selectors[1], selectors[2],
                                selectors[3]);
  if (!wrong.empty()) throw LaneFault{kLaunchFailure, 0, wrong};
  for (uint32_t r = 0; r < form.d_registers; ++r) std::memcpy(w.row<uint32_t>(i.list[r]), made[r].data(), sizeof(Lanes));
}

template <bool transposed>
void load_matrix(Warp& w, const Instruction& i, uint32_t) {
  std::byte* host[32];
  const uint32_t rows_mask = i.count == 4 ? kAllLanes : (uint32_t{1} << 8 * i.count) - 1;
  resolve(w, i, rows_mask, sizeof(MatrixRow), Access::read, host);
  std::array<MatrixRow, 32> rows;
  for_lanes(rows_mask, [&](uint32_t lane) { std::memcpy(rows[lane].data(), host[lane], sizeof(MatrixRow)); });
  std::array<Lanes, 4> made;
  ldmatrix(std::span(rows).first(8 * i.count), transposed, std::span(made).first(i.count));
  for (uint32_t r = 0; r < i.count; ++r) std::memcpy(w.row<uint32_t>(i.list[r]), made[r].data(), sizeof(Lanes));
}

// The reverse of ldmatrix: row r of matrix m is gathered from the fragments and goes to lane 8 m + r's address.
template <bool transposed>
void store_matrix(Warp& w, const Instruction& i, uint32_t) {
  std::byte* host[32];
  const uint32_t rows_mask = i.count == 4 ? kAllLanes : (uint32_t{1} << 8 * i.count) - 1;
  resolve(w, i, rows_mask, sizeof(MatrixRow), Access::write, host);
  for (uint32_t m = 0; m < i.count; ++m) {
    const uint32_t* fragment = w.row<uint32_t>(i.list[m]);
    for (uint32_t row = 0; row < 8; ++row) {
      for (uint32_t column = 0; column < 8; ++column) {
        const uint32_t r = transposed ? column : row, c = transposed ? row : column;
        const auto half = static_cast<uint16_t>(fragment[r * 4 + c / 2] >> 16 * (c % 2));
        std::memcpy(host[8 * m + row] + 2 * column, &half, 2);
      }
    }
  }
}

std::optional<Form> matrix_form(std::string_view opcode) {
  Suffix suffix(opcode);
  const bool load = suffix.peek() == "ldmatrix";
  if (!suffix.take_one_of({"ldmatrix", "stmatrix"}) || !suffix.take("sync") || !suffix.take("aligned") || !suffix.take("m8n8")) return std::nullopt;
  Form form;
  form.kind = Kind::aligned;
  if (suffix.take("x1")) form.vector = 1;
  else if (suffix.take("x2")) form.vector = 2;
  else if (suffix.take("x4")) form.vector = 4;
  else return std::nullopt;
  const bool transposed = suffix.take("trans");
  form.space = suffix.take("shared") ? Space::shared : Space::generic;
  if (!suffix.take("b16") || !suffix.done()) return std::nullopt;
  form.shape = load ? "vm" : "mw";
  if (load) form.handler = transposed ? load_matrix<true> : load_matrix<false>;
  else form.handler = transposed ? store_matrix<true> : store_matrix<false>;
  return form;
}

}  // namespace

std::optional<Form> tensor_form(std::string_view opcode) {
  if (opcode.starts_with("ldmatrix.") || opcode.starts_with("stmatrix.")) return matrix_form(opcode);
  const auto mma = mma_form(opcode);
  if (!mma) return std::nullopt;
  Form form;
  form.kind = Kind::aligned;
  form.handler = multiply;
  form.shape = mma->has_scales() ? "vwwwajaj" : "vwww";
  form.detail = remember(*mma);
  return form;
}

}  // namespace yoke::emulator
