#include "tests/emulator/nccl/settings.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>

namespace yoke::emulator::nccl {
namespace {

constexpr int kVersion = 22809;

struct Word {
  const char* text;
  Fault fault;
};
constexpr Word kWords[] = {{"hang", Fault::hang},
                           {"slow", Fault::slow},
                           {"error", Fault::error},
                           {"die", Fault::die},
                           {"wedge", Fault::wedge}};

Fault parse(const std::string& text) {
  for (const Word& word : kWords) {
    if (text == word.text) return word.fault;
  }
  std::fprintf(stderr, "emulator: YOKE_EMULATOR_NCCL_FAULT: '%s' is none of hang, slow, error, die, wedge\n", text.c_str());
  std::abort();
}

}  // namespace

bool allowed() {
  const char* value = std::getenv("YOKE_CUDA_EMULATOR");
  return value && std::strcmp(value, "1") == 0;
}

int version() {
  const char* value = std::getenv("YOKE_EMULATOR_NCCL_VERSION");
  return value ? std::atoi(value) : kVersion;
}

Fault fault_of(int rank, uint64_t call) {
  const char* value = std::getenv("YOKE_EMULATOR_NCCL_FAULT");
  std::istringstream list(value ? value : "");
  for (std::string entry; std::getline(list, entry, ',');) {
    std::istringstream fields(entry);
    std::string what, of_rank, at_call;
    std::getline(fields, what, ':');
    std::getline(fields, of_rank, ':');
    std::getline(fields, at_call, ':');
    const Fault fault = parse(what);
    if (std::atoi(of_rank.c_str()) == rank && std::strtoull(at_call.c_str(), nullptr, 10) == call) return fault;
  }
  return Fault::none;
}

}  // namespace yoke::emulator::nccl
