// Runs PTX on the CPU: 32 lanes of a warp side by side, checked accesses, and faults that name kernel, block, thread and PTX line.
// tests/emulator/README.md says what it shows and what it cannot. Needs nothing but the standard library.
//
//   auto module = Module::parse(ptx_text);
//   AddressSpace memory;  memory.add(kDeviceTag + (uint64_t)host, host, bytes);
//   std::optional<Fault> fault = run(*module->find("kernel"), {.grid = {4}, .block = {128}, .params = bytes_of(params)}, memory, {});
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::emulator {

struct Dim3 {
  uint32_t x = 1, y = 1, z = 1;
};

// code is a CUresult: 1 bad launch, 700 address outside all ranges, 702 cancelled, 716 misaligned, 719 any other failure of the kernel,
// 801 a form that the interpreter does not know. text: kernel, block, thread, PTX line with its text, and what was wrong.
struct Fault {
  int code = 0;
  std::string text;
};

// Device memory lies at the host's address plus this, so that a host access to it faults as on the real machine. Module variables do.
inline constexpr uint64_t kDeviceTag = uint64_t{1} << 55;  // below the byte that aarch64 ignores

// What device code may touch. Ranges do not overlap; what lies between them is a red zone. Thread-safe, also while kernels run.
class AddressSpace {
 public:
  struct Range {
    uint64_t device = 0, bytes = 0;
    std::byte* host = nullptr;
    bool writable = true;
  };
  using Ranges = std::vector<Range>;  // ascending

  AddressSpace();
  // Throws std::invalid_argument if it overlaps another range or has no bytes.
  void add(uint64_t device_address, std::byte* host, uint64_t bytes, bool writable = true);
  // Throws std::invalid_argument if no range begins there.
  void remove(uint64_t device_address);
  // The range that holds this address.
  std::optional<Range> find(uint64_t device_address) const;

  std::shared_ptr<const Ranges> ranges() const;
  // Changes with every add and remove.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Ranges> ranges_;
  std::atomic<uint64_t> version_{0};
};

struct Program;  // program.h

struct Parameter {
  std::string name;
  uint32_t offset = 0, bytes = 0;
};

// A kernel; owned by its module. Immutable.
class Function {
 public:
  explicit Function(std::unique_ptr<const Program> program);
  ~Function();
  const std::string& name() const;
  uint32_t param_bytes() const;
  const std::vector<Parameter>& parameters() const;
  uint32_t static_shared() const;
  uint32_t local_bytes() const;  // a thread
  uint32_t max_threads() const;  // .maxntid or .reqntid; 1024 if neither stands there
  // Each as "line N: text: why"; a launch of a function that has one returns Fault 801.
  const std::vector<std::string>& unknown_forms() const;
  const Program& program() const { return *program_; }

 private:
  std::unique_ptr<const Program> program_;
};

// A .global or .const variable. Its memory belongs to the module and is readable by all its kernels; it is in no AddressSpace.
struct Variable {
  std::string name;
  uint64_t device_address = 0, bytes = 0;
  std::byte* host = nullptr;
  bool writable = true;  // by kernels
};

class Module {
 public:
  // Throws std::runtime_error with the line if the text is no PTX. Forms that are not known do not throw: see unknown_forms.
  static std::unique_ptr<Module> parse(std::string_view ptx);
  ~Module();
  const Function* find(std::string_view name) const;
  std::vector<std::string> names() const;
  const std::vector<Variable>& variables() const;

 private:
  struct Contents;
  explicit Module(std::unique_ptr<Contents> contents);
  std::unique_ptr<Contents> contents_;
};

struct Launch {
  Dim3 grid, block;
  uint32_t dynamic_shared = 0;  // bytes
  std::span<const std::byte> params;  // param_bytes() of them
  bool cooperative = false;           // all blocks are resident and take turns
};

// Right kernels give the same result with every setting of the first four.
struct Options {
  bool late_copies = false;    // cp.async copies at the wait that covers it; else where it stands
  bool reverse_warps = false;  // the block's last warp goes first
  bool race_check = false;     // accesses to shared memory that no barrier orders are faults
  uint64_t noise_seed = 0;     // perturb .approx results within their documented error; 0: correctly rounded
  int threads = 1;             // blocks are spread over so many
  uint64_t max_steps = 0;      // fault 702 after so many warp instructions of one block; 0: no limit
  std::function<bool()> cancelled;           // polled every millisecond or so, from each thread; true ends the run with fault 702
  std::atomic<uint64_t>* steps = nullptr;    // the warp instructions that ran are added to it
};

// Runs to the end on the calling thread (and options.threads - 1 others). After a fault memory holds whatever was written by then.
// Several runs may go on at once, of one function too. A kernel may wait for memory that a host thread or, if cooperative, another
// block writes.
std::optional<Fault> run(const Function& function, const Launch& launch, AddressSpace& memory, const Options& options);

}  // namespace yoke::emulator
