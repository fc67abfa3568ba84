// ld, st and what goes with them. Device memory is read and written with atomic instructions of the host: its threads may look on.
#include <atomic>
#include <cstring>

#include "tests/emulator/ptx/forms.h"
#include "tests/emulator/ptx/lanes.h"
#include "tests/emulator/ptx/memory_forms.h"

namespace yoke::emulator {
namespace {

template <class T, bool ordered>
T load_element(const std::byte* from) {
  return __atomic_load_n(reinterpret_cast<const T*>(from), ordered ? __ATOMIC_ACQUIRE : __ATOMIC_RELAXED);
}

template <class T, bool ordered>
void load(Warp& w, const Instruction& i, uint32_t mask) {
  std::byte* host[32];
  const auto access = i.detail != 0 ? Access::atomic_read : Access::read;
  resolve(w, i, mask, static_cast<uint32_t>(sizeof(T)) * i.count, access, host);
  for (uint32_t element = 0; element < i.count; ++element) {
    Raw<T>* d = w.row<Raw<T>>(i.list[element]);
    if (mask == kAllLanes) {
      for (uint32_t lane = 0; lane < 32; ++lane) d[lane] = put<T>(load_element<T, ordered>(host[lane] + sizeof(T) * element));
    } else {
      for_lanes(mask, [&](uint32_t lane) { d[lane] = put<T>(load_element<T, ordered>(host[lane] + sizeof(T) * element)); });
    }
  }
}

template <class T, bool ordered>
void store(Warp& w, const Instruction& i, uint32_t mask) {
  std::byte* host[32];
  resolve(w, i, mask, static_cast<uint32_t>(sizeof(T)) * i.count, i.detail != 0 ? Access::atomic : Access::write, host);
  for (uint32_t element = 0; element < i.count; ++element) {
    const Raw<T>* a = w.row<Raw<T>>(i.list[element]);
    for_lanes(mask, [&](uint32_t lane) {
      __atomic_store_n(reinterpret_cast<T*>(host[lane] + sizeof(T) * element), get<T>(a[lane]), ordered ? __ATOMIC_RELEASE : __ATOMIC_RELAXED);
    });
  }
}

struct Type {
  std::string_view name;
  Handler load, load_acquire, store, store_release;
  bool wide, is_signed;
  uint32_t bytes;
};

template <class T>
constexpr Type type(std::string_view name) {
  using U = std::make_unsigned_t<T>;
  return {name, load<T, false>, load<T, true>, store<U, false>, store<U, true>, sizeof(T) == 8, std::is_signed_v<T>, sizeof(T)};
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
  bool ordered = false, strong = false;
  suffix.take("mmio");
  if (suffix.take("volatile")) {
    strong = true;
  } else if (suffix.take("relaxed")) {
    strong = true;
    if (!take_scope(suffix)) return std::nullopt;
  } else if (suffix.take(is_load ? "acquire" : "release")) {
    strong = ordered = true;
    if (!take_scope(suffix)) return std::nullopt;
  } else {
    suffix.take("weak");
  }
  Form form;
  form.space = take_space(suffix);
  suffix.take_one_of({"ca", "cg", "cs", "lu", "cv", "wb", "wt"});
  uint8_t count = 1;
  if (suffix.take("v2")) count = 2;
  else if (suffix.take("v4")) count = 4;
  else if (suffix.take("v8")) count = 8;
  const Type* type = find_type(suffix.next());
  if (type == nullptr || !suffix.done() || type->bytes * count > 32) return std::nullopt;
  form.vector = count;
  form.extends_sign = type->is_signed;
  form.detail = strong;
  form.shape = is_load ? (type->wide ? "Vm" : "vm") : (type->wide ? "mW" : "mw");
  if (operands == 3) form.shape += "A";  // a cache policy
  form.handler = is_load ? (ordered ? type->load_acquire : type->load) : (ordered ? type->store_release : type->store);
  return form;
}

}  // namespace yoke::emulator
