#include "node/read_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <tuple>

#include "core/error.h"
#include "model/chunk_hash.h"

namespace yoke::node {
namespace {

using model::TensorInfo;

// Two tensors this far apart are read at once: files pad to a sector at most.
constexpr uint64_t kMostGapBytes = 4096;

using Parts = std::span<const TensorPart* const>;

// Lines of a tensor that follow each other, and who needs some of them.
struct Run {
  Range lines;
  Parts parts;
};

std::vector<Run> runs_of(Parts parts) {
  std::vector<Run> runs;
  size_t begin = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    const Range lines = parts[i]->lines();
    if (!runs.empty() && lines.begin <= runs.back().lines.end) {
      runs.back().lines.end = std::max(runs.back().lines.end, lines.end);
    } else {
      begin = i;
      runs.push_back({lines, {}});
    }
    runs.back().parts = parts.subspan(begin, i + 1 - begin);
  }
  return runs;
}

[[noreturn]] void refuse_size(const TensorInfo& tensor, const char* what, uint64_t bytes, uint64_t most) {
  throw Error{Code::unsupported, fmt::format("{}: {} takes {}, this build loads up to {} at a time", tensor.name, what, format_bytes(bytes),
                                             format_bytes(most))};
}

// Lines at whose multiples a run is cut: whole units of packing and whole chunks, where a read holds so many. All are powers of two
// as a rule; where they are not, pieces are packed one after the other and chunks are read twice, and nothing else changes.
int64_t cut_lines(const Run& run, const TensorInfo& tensor, uint64_t line_bytes, uint64_t read_bytes) {
  int64_t lines = std::max<int64_t>(1, static_cast<int64_t>(model::chunk_bytes(tensor) / line_bytes));
  for (const TensorPart* part : run.parts) lines = std::max(lines, part->unit * part->step);
  const int64_t most = static_cast<int64_t>(read_bytes / line_bytes);
  if (most == 0) refuse_size(tensor, "one row", line_bytes, read_bytes);
  while (lines > most) lines = (lines + 1) / 2;
  return most / lines * lines;
}

class Planning {
 public:
  Planning(ReadPlan& plan, const ReadPlanOptions& options) : plan_(plan), options_(options) {}

  void add_tensor(Parts parts) {
    for (const Run& run : runs_of(parts)) add_run(run, *parts[0]);
  }

 private:
  void add_run(const Run& run, const TensorPart& any) {
    const bool whole = std::any_of(run.parts.begin(), run.parts.end(), [](const TensorPart* p) { return p->whole; });
    const uint64_t bytes = static_cast<uint64_t>(run.lines.size()) * any.line_bytes;
    if (whole) {
      if (bytes > kReadBytes) refuse_size(*any.tensor, "what belongs together", bytes, kReadBytes);
      return add_extent(run.lines, run.parts, any);
    }
    const int64_t at_once = cut_lines(run, *any.tensor, any.line_bytes, options_.read_bytes);
    for (int64_t line = run.lines.begin; line < run.lines.end;) {
      const int64_t end = std::min((line / at_once + 1) * at_once, run.lines.end);
      add_extent({line, end}, run.parts, any);
      line = end;
    }
  }

  void add_extent(Range lines, Parts parts, const TensorPart& any) {
    Extent extent{.tensor = any.tensor,
                  .line_bytes = any.line_bytes,
                  .lines = lines,
                  .begin = static_cast<uint64_t>(lines.begin) * any.line_bytes,
                  .end = static_cast<uint64_t>(lines.end) * any.line_bytes};
    for (const TensorPart* part : parts) {
      if (!part->indices_in(lines).empty()) extent.parts.push_back(part);
    }
    if (options_.whole_chunks) {
      const uint64_t chunk = model::chunk_bytes(*any.tensor);
      extent.begin = extent.begin / chunk * chunk;
      extent.end = std::min((extent.end + chunk - 1) / chunk * chunk, any.tensor->bytes);
    }
    const uint64_t offset = any.tensor->offset + extent.begin, end = any.tensor->offset + extent.end;
    Read* last = plan_.reads.empty() ? nullptr : &plan_.reads.back();
    if (last == nullptr || !joins(*last, any.tensor->file, offset, end)) {
      plan_.reads.push_back({.file = any.tensor->file, .offset = offset});
      last = &plan_.reads.back();
    }
    const uint64_t bytes = std::max(last->offset + last->bytes, end) - last->offset;
    plan_.bytes += bytes - last->bytes;
    last->bytes = bytes;
    last->extents.push_back(std::move(extent));
  }

  bool joins(const Read& read, size_t file, uint64_t offset, uint64_t end) const {
    return read.file == file && offset >= read.offset && offset <= read.offset + read.bytes + kMostGapBytes && end - read.offset <= options_.read_bytes;
  }

  ReadPlan& plan_;
  const ReadPlanOptions& options_;
};

}  // namespace

ReadPlan plan_reads(const std::vector<parallel::Slice>& slices, const ReadPlanOptions& options) {
  ReadPlan plan;
  std::vector<const TensorPart*> parts;
  for (const parallel::Slice& slice : slices) {
    for (const TensorPart& part : parts_of(slice)) parts.push_back(&plan.parts.emplace_back(part));
  }
  const auto place = [](const TensorPart* p) { return std::tuple(p->tensor->file, p->tensor->offset, p->tensor, p->lines().begin); };
  std::sort(parts.begin(), parts.end(), [&](const TensorPart* a, const TensorPart* b) { return place(a) < place(b); });
  Planning planning(plan, options);
  for (size_t begin = 0; begin < parts.size();) {
    size_t end = begin + 1;
    while (end < parts.size() && parts[end]->tensor == parts[begin]->tensor) ++end;
    for (size_t i = begin; i < end; ++i) YOKE_ASSERT(parts[i]->line_bytes == parts[begin]->line_bytes);
    planning.add_tensor(Parts(parts).subspan(begin, end - begin));
    begin = end;
  }
  return plan;
}

}  // namespace yoke::node
