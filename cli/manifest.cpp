// yoke manifest: records the checksums of a model's files, or checks the files against what was recorded.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <memory>
#include <thread>

#include "cli/progress.h"
#include "cli/verbs.h"
#include "core/error.h"
#include "core/units.h"
#include "model/manifest_scan.h"

namespace yoke::cli {
namespace {

namespace json = boost::json;

struct ManifestOptions {
  std::string model;
  bool check = false;
  std::string output = "text";
  int threads = static_cast<int>(std::min(8u, std::max(1u, std::thread::hardware_concurrency())));
};

// More are counted and not listed.
constexpr size_t kMostListed = 20;

uint64_t tensor_bytes(const model::Checkpoint& checkpoint) {
  uint64_t bytes = 0;
  for (const auto& [name, tensor] : checkpoint.tensors) bytes += tensor.bytes;
  return bytes;
}

model::Manifest scan_with_progress(const model::Checkpoint& checkpoint, const ManifestOptions& options) {
  Progress progress;
  return model::scan(checkpoint, {.threads = options.threads, .progress = [&](uint64_t done, uint64_t total) {
                                    progress.show(options.check ? "checking " : "recording", done, total);
                                  }});
}

int record(const model::Checkpoint& checkpoint, const ManifestOptions& options) {
  const model::Manifest manifest = scan_with_progress(checkpoint, options);
  const auto path = model::record_anew(checkpoint, manifest);
  if (options.output == "json") {
    fmt::print("{}\n", json::serialize(json::object{{"manifest", path.string()}, {"chunks", manifest.chunks()}, {"bytes", tensor_bytes(checkpoint)}}));
  } else {
    fmt::print("recorded {} chunks, {}, in {}\n", manifest.chunks(), format_bytes(tensor_bytes(checkpoint)), path.string());
  }
  return 0;
}

json::array bad_list(const model::Checkpoint& checkpoint, const std::vector<model::BadChunk>& bad) {
  json::array list;
  for (const model::BadChunk& chunk : bad) {
    if (list.size() == kMostListed) break;
    list.push_back(json::object{{"file", checkpoint.files[chunk.tensor->file].string()}, {"begin", chunk.begin}, {"end", chunk.end},
                                {"tensor", chunk.tensor->name}});
  }
  return list;
}

void print_bad(const model::Checkpoint& checkpoint, const std::vector<model::BadChunk>& bad) {
  for (size_t i = 0; i < std::min(bad.size(), kMostListed); ++i) {
    fmt::print("{}: bytes {} to {} ({}) are not what was recorded\n", checkpoint.files[bad[i].tensor->file].string(), bad[i].begin, bad[i].end,
               bad[i].tensor->name);
  }
  if (bad.size() > kMostListed) fmt::print("and {} chunks more\n", bad.size() - kMostListed);
}

int check(const model::Checkpoint& checkpoint, const ManifestOptions& options) {
  const std::optional<model::Manifest> recorded = model::find_manifest(checkpoint);
  if (!recorded) throw Error{Code::not_found, fmt::format("no checksums of {} are recorded; run `yoke manifest {}`", options.model, options.model)};
  const model::Manifest found = scan_with_progress(checkpoint, options);
  const std::vector<model::BadChunk> bad = model::differences(checkpoint, *recorded, found);
  const uint64_t known = recorded->known(), chunks = found.chunks();
  if (options.output == "json") {
    fmt::print("{}\n", json::serialize(json::object{{"ok", bad.empty()}, {"chunks", chunks}, {"checked", known}, {"bad", bad.size()},
                                                    {"bad_chunks", bad_list(checkpoint, bad)}}));
  } else {
    print_bad(checkpoint, bad);
    fmt::print("{}: {} of {} chunks checked, {} bad\n", bad.empty() ? "ok" : "DAMAGED", known, chunks, bad.size());
  }
  return bad.empty() ? 0 : exit_code(Code::bad_file);
}

}  // namespace

void add_manifest(CLI::App& app, Action& action) {
  auto options = std::make_shared<ManifestOptions>();
  CLI::App* verb = app.add_subcommand("manifest", "record the checksums of a model's files, or check the files against them (--check)");
  verb->footer("A first load records them too, and every load after checks what it reads: docs/loading.md.\n"
               "Exit code with --check: 0 every recorded chunk is as it was, 1 not.");
  verb->add_option("MODEL", options->model, "a .gguf or .safetensors file, or a model's folder")->required();
  verb->add_flag("--check", options->check, "compare with what is recorded, write nothing");
  verb->add_option("-o,--output", options->output, "text or json")->check(CLI::IsMember({"text", "json"}));
  verb->add_option("--threads", options->threads, "that read and hash at once")->check(CLI::Range(1, 64));
  verb->callback([options, &action] {
    action = [options] {
      const model::Checkpoint checkpoint = model::open_checkpoint(options->model);
      return options->check ? check(checkpoint, *options) : record(checkpoint, *options);
    };
  });
}

}  // namespace yoke::cli
