#include "cli/golden.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "model/tensor_file.h"

namespace yoke::cli {
namespace {

[[noreturn]] void refuse(const Golden& golden, const std::string& what) {
  throw Error{Code::bad_file, fmt::format("{}: {}", golden.file, what), "golden"};
}

// logits [T, vocab] or last_logits [vocab]; neither is an error.
void read_logits(const model::TensorFile& file, Golden& golden) {
  const int64_t prompt = static_cast<int64_t>(golden.input_ids.size());
  if (const model::TensorInfo* all = file.find("logits")) {
    if (all->shape.size() != 2 || all->shape[0] != prompt) {
      refuse(golden, fmt::format("logits must be [{}, vocab], a row a prompt token", prompt));
    }
    golden.logits = file.read<float>("logits");
    golden.vocab = all->shape[1];
  } else if (const model::TensorInfo* last = file.find("last_logits")) {
    if (last->shape.size() != 1) refuse(golden, "last_logits must be [vocab]");
    golden.logits = file.read<float>("last_logits");
    golden.vocab = last->shape[0];
    golden.first_row = prompt - 1;
  }
}

}  // namespace

std::vector<int32_t> Golden::fed_tokens() const {
  std::vector<int32_t> tokens = input_ids;
  tokens.insert(tokens.end(), greedy_ids.begin(), greedy_ids.end() - 1);
  return tokens;
}

double Golden::range() const {
  if (logits.empty()) return 0;
  const auto [lowest, highest] = std::minmax_element(logits.begin(), logits.end());
  return static_cast<double>(*highest) - *lowest;
}

Golden read_golden(const std::filesystem::path& path) {
  const model::TensorFile file(path);
  Golden golden;
  golden.file = path.string();
  golden.input_ids = file.read<int32_t>("input_ids");
  golden.greedy_ids = file.read<int32_t>("greedy_ids");
  golden.greedy_margin = file.read<float>("greedy_margin");
  if (golden.input_ids.empty() || golden.greedy_ids.empty()) refuse(golden, "input_ids and greedy_ids must not be empty");
  if (golden.greedy_margin.size() != golden.greedy_ids.size()) {
    refuse(golden, fmt::format("{} greedy_ids but {} greedy_margin", golden.greedy_ids.size(), golden.greedy_margin.size()));
  }
  read_logits(file, golden);
  return golden;
}

}  // namespace yoke::cli
