#include "kernels/device.h"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "core/units.h"

namespace yoke::kernels {
namespace {

constexpr uint64_t kAlignment = 256;

struct FreeBlock {
  void operator()(std::byte* block) const { std::free(block); }
};

class Repetition final : public Recording {
 public:
  explicit Repetition(std::function<void()> body) : body_(std::move(body)) {}
  void play() override { body_(); }
  int64_t launches() const override { return 0; }

 private:
  std::function<void()> body_;
};

}  // namespace

struct HostDevice::Blocks {
  std::vector<std::unique_ptr<std::byte, FreeBlock>> all;
};

HostDevice::HostDevice() : blocks_(std::make_unique<Blocks>()) {}
HostDevice::~HostDevice() = default;

std::byte* HostDevice::allocate(uint64_t bytes, Memory) {
  const uint64_t whole = round_up(static_cast<int64_t>(std::max<uint64_t>(bytes, 1)), static_cast<int64_t>(kAlignment));
  auto* block = static_cast<std::byte*>(std::aligned_alloc(kAlignment, whole));
  if (block == nullptr) throw Error{Code::does_not_fit, fmt::format("{} of memory cannot be had", format_bytes(bytes))};
  blocks_->all.emplace_back(block);
  return block;
}

void HostDevice::upload(std::byte* to, std::span<const std::byte> from) {
  if (to != from.data() && !from.empty()) std::memcpy(to, from.data(), from.size());
}

void HostDevice::download(std::span<std::byte> to, const std::byte* from) {
  if (to.data() != from && !to.empty()) std::memcpy(to.data(), from, to.size());
}

std::unique_ptr<Recording> HostDevice::record(const std::function<void()>& body) { return std::make_unique<Repetition>(body); }

}  // namespace yoke::kernels
