#include "node/loader.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

#include "core/clock.h"
#include "core/error.h"
#include "model/chunk_hash.h"
#include "node/direct_file.h"
#include "node/region_writer.h"

namespace yoke::node {
namespace {

using parallel::Slice;

// Each reads into a buffer of its own and then packs: 16 x 2.5 MiB of the 96 MiB that the ledger sets aside for buffers. Disks are at
// full speed with fewer; a Spark's, at 7 to 10 GB/s, needs so many cores to pack what comes.
constexpr int kReaders = 16;
// How far reading may run ahead of telling.
constexpr uint64_t kMostUntoldBytes = 48 << 20;

// How many pack at once. Not std::counting_semaphore: that of g++ 12 may miss a release (GCC bug 104928).
class Packers {
 public:
  explicit Packers(int most) : free_(most) {}

  class Turn {
   public:
    explicit Turn(Packers& packers) : packers_(packers) {
      std::unique_lock guard(packers_.mutex_);
      packers_.freed_.wait(guard, [&] { return packers_.free_ > 0; });
      --packers_.free_;
    }
    ~Turn() {
      const std::lock_guard guard(packers_.mutex_);
      ++packers_.free_;
      packers_.freed_.notify_one();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Packers& packers_;
  };

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  int free_;
};

class Loading {
 public:
  Loading(const std::vector<Slice>& slices, const model::Checkpoint& checkpoint, const Pool& pool, const LoadOptions& options)
      : checkpoint_(checkpoint), options_(options),
        plan_(plan_reads(slices, {.whole_chunks = options.manifest != nullptr, .read_bytes = options.read_bytes})),
        packers_(std::clamp(options.threads, 1, kReaders)), writer_(slices, pool, std::clamp(options.threads, 1, kReaders)) {
    files_.resize(checkpoint.files.size());
    for (const Read& read : plan_.reads) open_file(read.file);
  }

  uint64_t run(const std::function<void(const LoadProgress&)>& progress, const std::function<bool()>& cancelled) {
    {
      std::vector<std::jthread> readers;
      for (int i = 0; i < kReaders; ++i) start_reader(readers);
      watch(progress, cancelled);
    }
    if (failure_) std::rethrow_exception(failure_);
    packing_ -= writer_.times().waiting;  // so far: what the end waits for is nobody's packing
    writer_.finish();
    uint64_t requested = 0;
    for (const auto& file : files_) {
      if (!file) continue;
      file->check_unchanged();
      requested += file->requested_bytes();
    }
    if (progress) progress({plan_.bytes, plan_.bytes});
    if (options_.times) *options_.times = times();
    return requested;
  }

 private:
  void open_file(size_t index) {
    if (files_.at(index)) return;
    files_[index] = std::make_unique<DirectFile>(
        checkpoint_.files[index], DirectFile::Expected{checkpoint_.file_bytes[index], checkpoint_.file_modified_ns[index]});
  }

  void start_reader(std::vector<std::jthread>& readers) {
    try {
      const std::lock_guard guard(mutex_);  // held until it is counted
      readers.emplace_back([this] { work(); });
      ++running_;
    } catch (const std::system_error&) {  // those that could be started are enough
      if (readers.empty()) throw;
    }
  }

  // The caller's thread: tells, asks once at least, and waits for the readers. A failure, of theirs or of what it calls, ends them.
  void watch(const std::function<void(const LoadProgress&)>& progress, const std::function<bool()>& cancelled) {
    std::unique_lock guard(mutex_);
    do {
      changed_.wait(guard, [&] { return running_ == 0 || done_ != told_; });
      const uint64_t done = done_;
      if (!failure_) {
        guard.unlock();
        tell(done, progress, cancelled);
        guard.lock();
      }
      told_ = done;
      changed_.notify_all();
    } while (running_ > 0);
  }

  void tell(uint64_t done, const std::function<void(const LoadProgress&)>& progress, const std::function<bool()>& cancelled) {
    try {
      if (cancelled && cancelled()) throw Error{Code::aborted, "loading the model was given up because the coordinator asked for it"};
      if (progress && done < plan_.bytes) progress({done, plan_.bytes});
    } catch (...) {
      fail(std::current_exception());
    }
  }

  void work() {
    DirectBuffer buffer;
    try {
      while (const Read* read = next()) {
        const TimePoint begin = system_clock().now();
        const std::span<const std::byte> bytes = files_[read->file]->read(read->offset, read->bytes, buffer);
        const TimePoint have = system_clock().now();
        Duration packing{};
        {
          const Packers::Turn turn(packers_);
          const TimePoint turned = system_clock().now();
          take(*read, bytes);
          packing = system_clock().now() - turned;
        }
        const std::lock_guard guard(mutex_);
        reading_ += have - begin;
        packing_ += packing;
        done_ += read->bytes;
        changed_.notify_all();
      }
    } catch (...) {
      fail(std::current_exception());
    }
    const std::lock_guard guard(mutex_);
    --running_;
    changed_.notify_all();
  }

  const Read* next() {
    std::unique_lock guard(mutex_);
    changed_.wait(guard, [&] { return failure_ || claimed_bytes_ - told_ < kMostUntoldBytes; });
    if (failure_ || claimed_ == plan_.reads.size()) return nullptr;
    const Read* read = &plan_.reads[claimed_++];
    claimed_bytes_ += read->bytes;
    return read;
  }

  void fail(std::exception_ptr failure) {
    const std::lock_guard guard(mutex_);
    if (!failure_) failure_ = failure;
    changed_.notify_all();
  }

  LoadTimes times() const { return {.reading = reading_, .packing = packing_, .copies = writer_.times()}; }

  void take(const Read& read, std::span<const std::byte> bytes) {
    for (const Extent& extent : read.extents) {
      const uint64_t offset = extent.tensor->offset + extent.begin - read.offset;
      if (options_.manifest) check_chunks(extent, bytes.subspan(offset, extent.end - extent.begin));
      const std::byte* lines = bytes.data() + offset + (static_cast<uint64_t>(extent.lines.begin) * extent.line_bytes - extent.begin);
      for (const TensorPart* part : extent.parts) put_lines(*part, extent, lines);
    }
  }

  void put_lines(const TensorPart& part, const Extent& extent, const std::byte* lines) {
    const Range index = part.indices_in(extent.lines);
    const int64_t line = part.first + index.begin * part.step;
    writer_.put(part, index, lines + static_cast<uint64_t>(line - extent.lines.begin) * extent.line_bytes);
  }

  // Chunks at the edge of two reads may be hashed by both, to the same number.
  void check_chunks(const Extent& extent, std::span<const std::byte> bytes) const {
    const uint64_t each = model::chunk_bytes(*extent.tensor);
    std::vector<uint64_t>& hashes = options_.manifest->hashes.at(extent.tensor->name);
    for (uint64_t at = 0; at < bytes.size(); at += each) {
      const uint64_t chunk = (extent.begin + at) / each;
      const uint64_t hash = model::chunk_hash(bytes.subspan(at, std::min(each, bytes.size() - at)));
      std::atomic_ref<uint64_t> known(hashes.at(chunk));
      uint64_t nothing = 0;
      if (!known.compare_exchange_strong(nothing, hash) && nothing != hash) model::refuse_chunk(checkpoint_, *extent.tensor, chunk);
    }
  }

  const model::Checkpoint& checkpoint_;
  const LoadOptions& options_;
  const ReadPlan plan_;
  std::vector<std::unique_ptr<DirectFile>> files_;  // those that the plan reads
  Packers packers_;
  RegionWriter writer_;

  std::mutex mutex_;
  std::condition_variable changed_;
  size_t claimed_ = 0;
  uint64_t claimed_bytes_ = 0, done_ = 0, told_ = 0;
  int running_ = 0;
  std::exception_ptr failure_;
  Duration reading_{}, packing_{};
};

// What both halves share has one cache, which a rank holds once.
void add_kv_regions(const parallel::Plan& plan, int rank, const model::ModelConfig& config, uint64_t kv_blocks, std::vector<Region>& regions) {
  const parallel::RankPlan& r = plan.ranks[static_cast<size_t>(rank)];
  for (int64_t layer = r.layers.begin; layer < r.layers.end; ++layer) {
    int last = -1;
    for (const int half : r.halves) {
      const int held = parallel::kv_half(plan.layers[static_cast<size_t>(layer)], half);
      const uint64_t block = static_cast<uint64_t>(parallel::kv_shape(plan, config, layer, half).block_bytes());
      if (block == 0 || held == last) continue;
      last = held;
      regions.push_back({.name = parallel::kv_region_name(static_cast<int>(layer), held), .bytes = checked_multiply(kv_blocks, block, "the KV cache")});
    }
  }
}

}  // namespace

std::vector<Region> regions_of(const parallel::Plan& plan, int rank, const model::Catalogue& catalogue, uint64_t kv_blocks) {
  std::vector<Region> regions;
  for (const Slice& slice : parallel::slices_of(plan, rank, catalogue)) {
    regions.push_back({.name = slice.region(), .bytes = slice.pool_bytes()});
    if (slice.form == parallel::Form::packed) regions.back().shape = slice.shape();
  }
  add_kv_regions(plan, rank, catalogue.checkpoint().config, kv_blocks, regions);
  return regions;
}

uint64_t load(const std::vector<Slice>& slices, const model::Checkpoint& checkpoint, const Pool& pool,
              const std::function<void(const LoadProgress&)>& progress, const std::function<bool()>& cancelled, const LoadOptions& options) {
  return Loading(slices, checkpoint, pool, options).run(progress, cancelled);
}

uint64_t load(const parallel::Plan& plan, int rank, const model::Catalogue& catalogue, const Pool& pool,
              const std::function<void(const LoadProgress&)>& progress, const std::function<bool()>& cancelled, const LoadOptions& options) {
  return load(parallel::slices_of(plan, rank, catalogue), catalogue.checkpoint(), pool, progress, cancelled, options);
}

}  // namespace yoke::node
