#include "model/manifest_scan.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

#include "model/chunk_hash.h"
#include "model/file_reader.h"

namespace yoke::model {
namespace {

constexpr uint64_t kPieceBytes = 4 << 20;
constexpr std::chrono::milliseconds kProgressEvery{100};

// Chunks of one tensor that lie side by side.
struct Piece {
  const TensorInfo* tensor;
  uint64_t first, count;
  uint64_t* hashes;
};

class Scanning {
 public:
  Scanning(const Checkpoint& checkpoint, Manifest& manifest) {
    for (const auto& path : checkpoint.files) files_.push_back(std::make_unique<FileReader>(path));
    for (const auto& [name, tensor] : checkpoint.tensors) {
      add(tensor, manifest.hashes.at(name));
      total_ += tensor.bytes;
    }
    std::sort(pieces_.begin(), pieces_.end(), [](const Piece& a, const Piece& b) { return place(a) < place(b); });
  }

  void run(const ManifestScan& how) {
    {
      std::vector<std::jthread> threads;
      running_ = std::max(1, how.threads);
      for (int i = running_; i > 0; --i) threads.emplace_back([this] { work(); });
      std::unique_lock guard(mutex_);
      while (running_ > 0) {
        changed_.wait_for(guard, kProgressEvery, [&] { return running_ == 0; });
        if (how.progress) how.progress(done_, total_);
      }
    }
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  static std::pair<size_t, uint64_t> place(const Piece& p) { return {p.tensor->file, p.tensor->offset + p.first * chunk_bytes(*p.tensor)}; }

  void add(const TensorInfo& tensor, std::vector<uint64_t>& hashes) {
    const uint64_t at_once = std::max<uint64_t>(1, kPieceBytes / chunk_bytes(tensor));
    for (uint64_t first = 0; first < hashes.size(); first += at_once) {
      pieces_.push_back({&tensor, first, std::min<uint64_t>(at_once, hashes.size() - first), hashes.data() + first});
    }
  }

  void work() {
    std::vector<std::byte> buffer;
    try {
      while (const Piece* piece = next()) {
        const uint64_t bytes = hash(*piece, buffer);
        const std::lock_guard guard(mutex_);
        done_ += bytes;
      }
    } catch (...) {
      const std::lock_guard guard(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
    const std::lock_guard guard(mutex_);
    --running_;
    changed_.notify_all();
  }

  const Piece* next() {
    const std::lock_guard guard(mutex_);
    return failure_ || claimed_ == pieces_.size() ? nullptr : &pieces_[claimed_++];
  }

  uint64_t hash(const Piece& piece, std::vector<std::byte>& buffer) const {
    const uint64_t each = chunk_bytes(*piece.tensor), begin = piece.first * each;
    const uint64_t bytes = std::min(piece.count * each, piece.tensor->bytes - begin);
    buffer.resize(bytes);
    files_[piece.tensor->file]->read(piece.tensor->offset + begin, buffer);
    for (uint64_t i = 0; i < piece.count; ++i) {
      piece.hashes[i] = chunk_hash(std::span(buffer).subspan(i * each, std::min(each, bytes - i * each)));
    }
    return bytes;
  }

  std::vector<std::unique_ptr<FileReader>> files_;
  std::vector<Piece> pieces_;
  uint64_t total_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t claimed_ = 0;
  uint64_t done_ = 0;
  int running_ = 0;
  std::exception_ptr failure_;
};

}  // namespace

Manifest scan(const Checkpoint& checkpoint, const ManifestScan& how) {
  Manifest manifest = start_manifest(checkpoint);
  Scanning(checkpoint, manifest).run(how);
  return manifest;
}

std::vector<BadChunk> differences(const Checkpoint& checkpoint, const Manifest& recorded, const Manifest& found) {
  std::vector<BadChunk> bad;
  for (const auto& [name, hashes] : found.hashes) {
    const auto known = recorded.hashes.find(name);
    if (known == recorded.hashes.end() || known->second.size() != hashes.size()) continue;  // find_manifest() refused it
    const TensorInfo& tensor = checkpoint.tensors.at(name);
    for (uint64_t i = 0; i < hashes.size(); ++i) {
      if (known->second[i] == 0 || known->second[i] == hashes[i]) continue;
      const uint64_t begin = tensor.offset + i * chunk_bytes(tensor);
      bad.push_back({&tensor, i, begin, std::min(begin + chunk_bytes(tensor), tensor.offset + tensor.bytes)});
    }
  }
  return bad;
}

}  // namespace yoke::model
