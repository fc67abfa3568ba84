#include "transport/nccl/library.h"

#include <dlfcn.h>
#include <elf.h>
#include <fmt/format.h>
#include <link.h>

#include <cstring>

#include "core/cuda/driver.h"
#include "core/error.h"

namespace yoke::transport::nccl {
namespace {

struct Loaded {
  Functions table;
  std::string why;  // empty: usable
};

std::string version_words(int version) { return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100); }

std::string load(Functions& table) {
  if (std::string why = cuda::unavailable(); !why.empty()) return "NCCL joins GPUs, and there is none: " + why;
  void* library = dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL);  // never closed: it has threads of its own
  if (!library) return fmt::format("no NCCL: {}; install libnccl2 2.28 or newer, or use the communicator ucx", dlerror());
#define YOKE_NCCL_LOAD(result, name, params)                                                                         \
  table.name = reinterpret_cast<decltype(table.name)>(dlsym(library, #name));                                        \
  if (!table.name) return "libnccl.so.2 has no " #name ": install libnccl2 2.28 or newer, or use the communicator ucx";
  YOKE_NCCL_FUNCTIONS(YOKE_NCCL_LOAD)
#undef YOKE_NCCL_LOAD
  int version = 0;
  table.ncclGetVersion(&version);
  if (version >= kOldestNccl) return {};
  return fmt::format("NCCL {} is too old: install libnccl2 2.28 or newer, or use the communicator ucx", version_words(version));
}

const Loaded& loaded() {
  static const Loaded* const once = [] {  // leaked, as the library is
    auto* loaded = new Loaded;
    loaded->why = load(loaded->table);
    return loaded;
  }();
  return *once;
}

// The GNU build-id among the notes of one segment (elf(5)); empty: not there.
std::string build_id_of(const char* notes, size_t bytes) {
  for (size_t at = 0; at + sizeof(ElfW(Nhdr)) <= bytes;) {
    ElfW(Nhdr) header;
    std::memcpy(&header, notes + at, sizeof header);
    const size_t name = at + sizeof header;
    const size_t contents = name + (header.n_namesz + 3) / 4 * 4;
    if (contents + header.n_descsz > bytes) break;
    if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 && std::memcmp(notes + name, "GNU", 4) == 0) {
      std::string text;
      for (size_t i = 0; i < header.n_descsz; ++i) text += fmt::format("{:02x}", static_cast<unsigned char>(notes[contents + i]));
      return text;
    }
    at = contents + (header.n_descsz + 3) / 4 * 4;
  }
  return {};
}

struct Search {
  const void* base;
  Identity found;
};

int visit(dl_phdr_info* object, size_t, void* data) {
  auto& search = *static_cast<Search*>(data);
  if (reinterpret_cast<const void*>(object->dlpi_addr) != search.base) return 0;
  search.found.path = object->dlpi_name;
  for (int i = 0; i < object->dlpi_phnum && search.found.build_id.empty(); ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    search.found.build_id = build_id_of(reinterpret_cast<const char*>(object->dlpi_addr + segment.p_vaddr), segment.p_memsz);
  }
  return 1;
}

}  // namespace

std::string library_unavailable() { return loaded().why; }

const Functions& functions() {
  if (!loaded().why.empty()) throw Error{Code::unsupported, loaded().why, "communicator"};
  return loaded().table;
}

Identity identity() {
  const Functions& nccl = functions();
  Search search{};
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(nccl.ncclGetVersion), &info)) search.base = info.dli_fbase;
  dl_iterate_phdr(visit, &search);
  nccl.ncclGetVersion(&search.found.version);
  if (search.found.build_id.empty()) search.found.build_id = "none";
  return search.found;
}

std::string describe(const Identity& identity) {
  return fmt::format("NCCL {} (build-id {}, {})", version_words(identity.version), identity.build_id, identity.path);
}

void check_equal(const std::vector<Identity>& by_rank) {
  for (size_t rank = 1; rank < by_rank.size(); ++rank) {
    if (by_rank[rank].version == by_rank[0].version && by_rank[rank].build_id == by_rank[0].build_id) continue;
    throw Error{Code::unsupported,
                fmt::format("rank 0 has {} and rank {} has {}: install the same libnccl2 on both, or use the communicator ucx",
                            describe(by_rank[0]), rank, describe(by_rank[rank])),
                "communicator"};
  }
}

}  // namespace yoke::transport::nccl
