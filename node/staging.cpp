#include "node/staging.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "core/error.h"
#include "core/units.h"
#include "kernels/format/panel.h"

namespace yoke::node {
namespace {

// A read of 2 MiB with its scales' room; large enough that a copy's start does not count.
constexpr uint64_t kBufferBytes = 4 << 20;
// More than threads that pack: so many copies run or wait meanwhile.
constexpr int kCopiesBeside = 3;
constexpr int kMostThreads = 16;

int slots_for(int threads) { return std::clamp(threads, 1, kMostThreads) + kCopiesBeside; }

// Zeros as far as one looks, memory as far as one writes.
class SparseZeros {
 public:
  explicit SparseZeros(uint64_t bytes) : bytes_(bytes) {
    void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data == MAP_FAILED) {
      throw Error{Code::does_not_fit, fmt::format("addresses to pack {} at: {}", format_bytes(bytes), std::strerror(errno))};
    }
    data_ = static_cast<std::byte*>(data);
  }
  ~SparseZeros() { munmap(data_, bytes_); }
  SparseZeros(const SparseZeros&) = delete;
  SparseZeros& operator=(const SparseZeros&) = delete;

  std::byte* data() const { return data_; }

  // Gives back the pages that lie inside [begin, end) as a whole: those at its edges have other panels too.
  void forget(uint64_t begin, uint64_t end) {
    const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    begin = (begin + page - 1) / page * page;
    end = end / page * page;
    if (begin < end) madvise(data_ + begin, end - begin, MADV_DONTNEED);
  }

 private:
  std::byte* data_ = nullptr;
  uint64_t bytes_;
};

uint64_t span_of(const Rectangle& r) { return r.count == 0 ? 0 : (r.count - 1) * r.pitch + r.width; }

Rectangle moved(Rectangle r, uint64_t by) {
  r.begin += by;
  return r;
}

}  // namespace

// A slot whose last copy is done, until its owner is.
class Staging::Buffer {
 public:
  explicit Buffer(Staging& staging) : staging_(staging) {
    const TimePoint begin = system_clock().now();
    {
      std::unique_lock guard(staging.mutex_);
      staging.freed_.wait(guard, [&] { return !staging.free_.empty(); });
      slot_ = staging.free_.front();
      staging.free_.erase(staging.free_.begin());
    }
    try {
      staging.copies_->wait(slot_);
    } catch (...) {
      give_back();
      throw;
    }
    staging.count(0, system_clock().now() - begin);
  }
  ~Buffer() { give_back(); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::byte* data() const { return staging_.copies_->buffer(slot_).data(); }

  void start(const std::byte* from, uint64_t from_pitch, const Rectangle& to) {
    staging_.copies_->start(slot_, from, from_pitch, to);
    staging_.count(to.width * to.count, Duration{});
  }
  void wait() {
    const TimePoint begin = system_clock().now();
    staging_.copies_->wait(slot_);
    staging_.count(0, system_clock().now() - begin);
  }

 private:
  void give_back() {
    const std::lock_guard guard(staging_.mutex_);
    staging_.free_.push_back(slot_);
    staging_.freed_.notify_one();
  }

  Staging& staging_;
  int slot_ = 0;
};

struct Staging::Image {
  Image(uint64_t bytes, int64_t indices) : zeros(bytes), left(indices) {}
  SparseZeros zeros;
  std::atomic<int64_t> left;     // indices of the part that are not put in place
  std::mutex mutex;
  std::vector<Rectangle> later;  // what pieces share: whole with the last of them

  void copy_later(const Rectangle& bytes) {
    const auto same = [&](const Rectangle& r) { return r.begin == bytes.begin && span_of(r) == span_of(bytes); };
    const std::lock_guard guard(mutex);
    if (std::none_of(later.begin(), later.end(), same)) later.push_back(bytes);
  }
};

Staging::Staging(std::vector<const Region*> regions, PoolMemory& memory, int threads)
    : regions_(std::move(regions)), slots_(slots_for(threads)), copies_(memory.copies(slots_, kBufferBytes)) {
  YOKE_ASSERT(copies_ != nullptr);
  for (int slot = 0; slot < slots_; ++slot) free_.push_back(slot);
}

Staging::~Staging() = default;

uint64_t Staging::most_bytes(int threads) { return static_cast<uint64_t>(slots_for(threads)) * kBufferBytes; }

void Staging::count(uint64_t bytes, Duration waited) {
  const std::lock_guard guard(mutex_);
  times_.bytes += bytes;
  times_.waiting += waited;
}

void Staging::put(size_t slice, const TensorPart& part, Range index, const std::byte* line) {
  const Region& region = *regions_.at(slice);
  if (index.empty() || region.bytes == 0) return;
  const Footprint print = footprint(part, index);
  YOKE_ASSERT(print.bytes.begin + span_of(print.bytes) <= region.bytes);
  if (print.leaves_state) return put_image(slice, part, index, line, print);
  if (span_of(print.bytes) <= kBufferBytes) return put_band(region, part, index, line, print);
  put_scratch(region, part, index, line, print);
}

// The buffer stands for the region's bytes from the footprint's first on: put() is told where the region would begin.
void Staging::put_band(const Region& region, const TensorPart& part, Range index, const std::byte* line, const Footprint& print) {
  Buffer buffer(*this);
  std::byte* const begin = buffer.data();
  const Rectangle there = moved(print.bytes, region.offset);
  std::memset(begin, 0, span_of(print.bytes));
  if (print.shares) copies_->read(begin, there);
  node::put({.part = part, .index = index, .line = line, .region = begin - print.bytes.begin});
  buffer.start(begin, print.bytes.pitch, there);
  if (print.shares) buffer.wait();  // before the next one reads it
}

void Staging::put_scratch(const Region& region, const TensorPart& part, Range index, const std::byte* line, const Footprint& print) {
  const SparseZeros zeros(span_of(print.bytes));
  if (print.shares) copies_->read(zeros.data(), moved(print.bytes, region.offset));
  node::put({.part = part, .index = index, .line = line, .region = zeros.data() - print.bytes.begin});
  copy(zeros.data(), print.bytes, region.offset, print.shares);
}

void Staging::put_image(size_t slice, const TensorPart& part, Range index, const std::byte* line, const Footprint& print) {
  const Region& region = *regions_[slice];
  const std::shared_ptr<Image> image = image_of(slice, part);
  std::byte* const data = image->zeros.data();
  node::put({.part = part, .index = index, .line = line, .region = data});
  const Rectangle& done = print.bytes;
  if (print.shares) {
    image->copy_later(done);
  } else {
    copy(data + done.begin, done, region.offset, false);
    if (done.width == done.pitch) image->zeros.forget(done.begin, done.begin + span_of(done));
  }
  if (image->left.fetch_sub(index.size()) != index.size()) return;
  for (const Rectangle& shared : image->later) copy(data + shared.begin, shared, region.offset, false);
  const uint64_t tables = kernels::format::tail_offsets(region.shape).tables, rest = region.bytes - tables;
  copy(data + tables, {tables, rest, rest, 1}, region.offset, false);
  const std::lock_guard guard(mutex_);
  images_.erase(slice);
}

std::shared_ptr<Staging::Image> Staging::image_of(size_t slice, const TensorPart& part) {
  const std::lock_guard guard(mutex_);
  std::shared_ptr<Image>& image = images_[slice];
  if (!image) image = std::make_shared<Image>(regions_[slice]->bytes, part.index.size());
  return image;
}

// `image` is where bytes.begin lies. Runs are gathered, as many as a buffer holds; one that is longer goes in pieces.
void Staging::copy(const std::byte* image, const Rectangle& bytes, uint64_t region_offset, bool wait) {
  if (bytes.width == 0) return;
  const uint64_t width = std::min(bytes.width, kBufferBytes);
  for (uint64_t run = 0; run < bytes.count;) {
    const uint64_t runs = width < bytes.width ? 1 : std::min(kBufferBytes / width, bytes.count - run);
    for (uint64_t at = 0; at < bytes.width; at += width) {
      const uint64_t part = std::min(width, bytes.width - at);
      Buffer buffer(*this);
      for (uint64_t i = 0; i < runs; ++i) std::memcpy(buffer.data() + i * part, image + (run + i) * bytes.pitch + at, part);
      buffer.start(buffer.data(), part, {region_offset + bytes.begin + run * bytes.pitch + at, part, bytes.pitch, runs});
      if (wait) buffer.wait();
    }
    run += runs;
  }
}

void Staging::finish() {
  const TimePoint begin = system_clock().now();
  for (int slot = 0; slot < slots_; ++slot) copies_->wait(slot);
  count(0, system_clock().now() - begin);
}

CopyTimes Staging::times() const {
  const std::lock_guard guard(mutex_);
  CopyTimes times = times_;
  times.copying = copies_->time_copying();
  return times;
}

}  // namespace yoke::node
