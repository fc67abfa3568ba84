// ld and st.
#include <array>
#include <cstring>

#include "tests/emulator/ptx/forms.h"
#include "tests/emulator/ptx/lanes.h"
#include "tests/emulator/ptx/memory_forms.h"

namespace yoke::emulator {
namespace {

// Strong accesses are the host's atomic ones: its threads, or other blocks, may look on.
enum class Order { weak, relaxed, ordered };

template <class T, Order O>
T load_element(const std::byte* from) {
  T value;
  if constexpr (O == Order::weak) std::memcpy(&value, from, sizeof value);
  else value = __atomic_load_n(reinterpret_cast<const T*>(from), O == Order::ordered ? __ATOMIC_ACQUIRE : __ATOMIC_RELAXED);
  return value;
}

template <class T, Order O>
void store_element(std::byte* to, T value) {
  if constexpr (O == Order::weak) std::memcpy(to, &value, sizeof value);
  else __atomic_store_n(reinterpret_cast<T*>(to), value, O == Order::ordered ? __ATOMIC_RELEASE : __ATOMIC_RELAXED);
}

template <class T, Order O, uint32_t n>
void load(Warp& w, const Instruction& i, uint32_t mask) {
  std::byte* host[32];
  const bool adjacent = resolve(w, i, mask, sizeof(T) * n, O == Order::weak ? Access::read : Access::atomic_read, host);
  if (O == Order::weak && adjacent) {
    const std::byte* const from = host[0];
    for (uint32_t element = 0; element < n; ++element) {
      Raw<T>* d = w.row<Raw<T>>(i.list[element]);
      for (uint32_t lane = 0; lane < 32; ++lane) d[lane] = put<T>(load_element<T, Order::weak>(from + sizeof(T) * (n * lane + element)));
    }
    return;
  }
  for (uint32_t element = 0; element < n; ++element) {
    Raw<T>* d = w.row<Raw<T>>(i.list[element]);
    if (mask == kAllLanes) {
      for (uint32_t lane = 0; lane < 32; ++lane) d[lane] = put<T>(load_element<T, O>(host[lane] + sizeof(T) * element));
    } else {
      for_lanes(mask, [&](uint32_t lane) { d[lane] = put<T>(load_element<T, O>(host[lane] + sizeof(T) * element)); });
    }
  }
}

template <class T, Order O, uint32_t n>
void store(Warp& w, const Instruction& i, uint32_t mask) {
  std::byte* host[32];
  const bool adjacent = resolve(w, i, mask, sizeof(T) * n, O == Order::weak ? Access::write : Access::atomic, host);
  for (uint32_t element = 0; element < n; ++element) {
    const Raw<T>* a = w.row<Raw<T>>(i.list[element]);
    if (O == Order::weak && adjacent) {
      std::byte* const to = host[0];
      for (uint32_t lane = 0; lane < 32; ++lane) store_element<T, Order::weak>(to + sizeof(T) * (n * lane + element), get<T>(a[lane]));
    } else {
      for_lanes(mask, [&](uint32_t lane) { store_element<T, O>(host[lane] + sizeof(T) * element, get<T>(a[lane])); });
    }
  }
}

// By order, then by log2 of the vector's length.
using Handlers = std::array<std::array<Handler, 4>, 3>;

template <class T, Order O>
constexpr std::array<Handler, 4> loads() {
  return {load<T, O, 1>, load<T, O, 2>, sizeof(T) <= 8 ? load<T, O, 4> : nullptr, sizeof(T) <= 4 ? load<T, O, 8> : nullptr};
}
template <class T, Order O>
constexpr std::array<Handler, 4> stores() {
  return {store<T, O, 1>, store<T, O, 2>, sizeof(T) <= 8 ? store<T, O, 4> : nullptr, sizeof(T) <= 4 ? store<T, O, 8> : nullptr};
}

struct Type {
  std::string_view name;
  Handlers load, store;
  bool wide, is_signed;
  uint32_t bytes;
};

template <class T>
constexpr Type type(std::string_view name) {
  using U = std::make_unsigned_t<T>;
  return {name,
          {loads<T, Order::weak>(), loads<T, Order::relaxed>(), loads<T, Order::ordered>()},
          {stores<U, Order::weak>(), stores<U, Order::relaxed>(), stores<U, Order::ordered>()},
          sizeof(T) == 8,
          std::is_signed_v<T>,
          sizeof(T)};
}

constexpr Type kTypes[] = {type<uint8_t>("u8"),   type<uint8_t>("b8"),   type<int8_t>("s8"),    type<uint16_t>("u16"), type<uint16_t>("b16"),
                           type<int16_t>("s16"),  type<uint16_t>("f16"), type<uint32_t>("u32"), type<uint32_t>("b32"), type<int32_t>("s32"),
                           type<uint32_t>("f32"), type<uint64_t>("u64"), type<uint64_t>("b64"), type<int64_t>("s64"),  type<uint64_t>("f64")};

const Type* find_type(std::string_view name) {
  for (const Type& type : kTypes) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

}  // namespace

Space take_space(Suffix& suffix) {
  if (suffix.take("global")) return Space::global;
  if (suffix.take("shared")) return Space::shared;
  if (suffix.take("local")) return Space::local;
  if (suffix.take("param")) return Space::param;
  if (suffix.take("const")) return Space::constant;
  return Space::generic;
}

bool take_scope(Suffix& suffix) { return suffix.take_one_of({"cta", "cluster", "gpu", "sys"}); }

// {ld|st}{.weak|.volatile|.relaxed.scope|.acquire.scope|.release.scope|.mmio.relaxed.sys}{.space}{.cop}{.v2|.v4|.v8}.type
std::optional<Form> load_store_form(std::string_view opcode, size_t operands) {
  Suffix suffix(opcode);
  const bool is_load = suffix.peek() == "ld";
  if (!suffix.take_one_of({"ld", "st"})) return std::nullopt;
  auto order = Order::weak;
  suffix.take("mmio");
  if (suffix.take("volatile")) {
    order = Order::relaxed;
  } else if (suffix.take("relaxed")) {
    order = Order::relaxed;
    if (!take_scope(suffix)) return std::nullopt;
  } else if (suffix.take(is_load ? "acquire" : "release")) {
    order = Order::ordered;
    if (!take_scope(suffix)) return std::nullopt;
  } else {
    suffix.take("weak");
  }
  Form form;
  form.space = take_space(suffix);
  suffix.take_one_of({"ca", "cg", "cs", "lu", "cv", "wb", "wt"});
  uint8_t log = 0;
  if (suffix.take("v2")) log = 1;
  else if (suffix.take("v4")) log = 2;
  else if (suffix.take("v8")) log = 3;
  const Type* type = find_type(suffix.next());
  if (type == nullptr || !suffix.done() || type->bytes << log > 32) return std::nullopt;
  form.vector = static_cast<uint8_t>(1 << log);
  form.extends_sign = type->is_signed;
  form.shape = is_load ? (type->wide ? "Vm" : "vm") : (type->wide ? "mW" : "mw");
  if (operands == 3) form.shape += "A";  // a cache policy
  form.handler = (is_load ? type->load : type->store)[static_cast<size_t>(order)][log];
  return form;
}

}  // namespace yoke::emulator
