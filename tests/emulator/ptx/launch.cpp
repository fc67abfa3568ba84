// run: a grid of blocks over threads.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <thread>

#include "tests/emulator/ptx/machine.h"

namespace yoke::emulator {
namespace {

constexpr uint64_t kMaxThreads = 1024, kMaxShared = 227 * 1024, kMaxCooperative = 4096;

std::optional<Fault> check(const Program& program, const Launch& launch) {
  const std::string kernel = "kernel " + program.name + ": ";
  const auto bad = [&](const std::string& what) { return Fault{kBadLaunch, kernel + what}; };
  if (!program.unknown_forms.empty()) {
    std::string text = kernel + "the interpreter does not know " + program.unknown_forms.front();
    if (program.unknown_forms.size() > 1) text += " (and " + std::to_string(program.unknown_forms.size() - 1) + " more)";
    return Fault{kUnsupported, text};
  }
  const auto& [grid, block] = std::pair(launch.grid, launch.block);
  const uint64_t threads = uint64_t{block.x} * block.y * block.z, blocks = uint64_t{grid.x} * grid.y * grid.z;
  if (threads == 0 || blocks == 0) return bad("an empty grid or block");
  if (threads > std::min<uint64_t>(kMaxThreads, program.max_threads) || block.z > 64) {
    return bad(std::to_string(threads) + " threads a block; at most " + std::to_string(std::min<uint64_t>(kMaxThreads, program.max_threads)));
  }
  if (grid.x > 0x7fffffff || grid.y > 65535 || grid.z > 65535) return bad("a grid beyond the limits of the hardware");
  if (launch.cooperative && blocks > kMaxCooperative) return bad(std::to_string(blocks) + " blocks cannot all be resident");
  if (uint64_t{program.static_shared} + launch.dynamic_shared > kMaxShared) return bad("more than 227 KiB of shared memory");
  if (launch.params.size() != program.param_bytes) {
    return bad(std::to_string(launch.params.size()) + " bytes of parameters; the kernel has " + std::to_string(program.param_bytes));
  }
  return std::nullopt;
}

// Blocks are taken from one counter; the first fault ends all.
class Run {
 public:
  Run(const Program& program, const Launch& launch, const AddressSpace& memory, const Options& options)
      : program_(program), launch_(launch), memory_(memory), options_(options), blocks_(uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z) {}

  std::optional<Fault> run() {
    const auto workers = static_cast<size_t>(std::clamp<uint64_t>(static_cast<uint64_t>(std::max(options_.threads, 1)), 1, blocks_));
    std::vector<std::thread> others;
    for (size_t i = 1; i < workers; ++i) others.emplace_back([this, i, workers] { work(i, workers); });
    work(0, workers);
    for (std::thread& thread : others) thread.join();
    if (error_) std::rethrow_exception(error_);
    return fault_;
  }

 private:
  void work(size_t worker, size_t workers) {
    try {
      if (launch_.cooperative) together(worker, workers);
      else one_by_one();
    } catch (const Fault& fault) {
      const std::lock_guard lock(mutex_);
      if (!fault_) fault_ = fault;
      stopped_ = true;
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
      stopped_ = true;
    }
  }

  void one_by_one() {
    Block block(program_, launch_, memory_, options_);
    for (uint64_t index = next_++; index < blocks_ && !stopped_; index = next_++) {
      block.begin(index);
      while (!stopped_ && turn(block)) {
      }
      add_steps(block);
    }
  }

  // Every worker has its share of the blocks, all begun, and goes round among them.
  void together(size_t worker, size_t workers) {
    std::deque<Block> blocks;
    for (uint64_t index = worker; index < blocks_; index += workers) {
      blocks.emplace_back(program_, launch_, memory_, options_).begin(index);
    }
    std::vector<Block*> running;
    for (Block& block : blocks) running.push_back(&block);
    while (!running.empty() && !stopped_) std::erase_if(running, [&](Block* block) { return !turn(*block); });
    for (const Block& block : blocks) add_steps(block);
  }

  static bool turn(Block& block) {
    const bool more = block.step();
    if (more && block.wants_rest) std::this_thread::yield();
    return more;
  }

  void add_steps(const Block& block) const {
    if (options_.steps != nullptr) options_.steps->fetch_add(block.steps, std::memory_order_relaxed);
  }

  const Program& program_;
  const Launch& launch_;
  const AddressSpace& memory_;
  const Options& options_;
  const uint64_t blocks_;
  std::atomic<uint64_t> next_{0};
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;
  std::optional<Fault> fault_;
  std::exception_ptr error_;
};

}  // namespace

std::optional<Fault> run(const Function& function, const Launch& launch, AddressSpace& memory, const Options& options) {
  if (auto bad = check(function.program(), launch)) return bad;
  return Run(function.program(), launch, memory, options).run();
}

}  // namespace yoke::emulator
