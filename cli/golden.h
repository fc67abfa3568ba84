// A golden file: what a reference implementation computed for a prompt. safetensors with input_ids int32 [T], greedy_ids int32
// [N], greedy_margin f32 [N] (top-1 minus top-2 logit) and, where present, logits f32 [T, vocab] or last_logits f32 [vocab]
// (the prompt's last row). Unknown keys are ignored.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace yoke::cli {

struct Golden {
  std::string file;
  std::vector<int32_t> input_ids;
  std::vector<int32_t> greedy_ids;
  std::vector<float> greedy_margin;
  std::vector<float> logits;  // first_row .. T-1, each of vocab floats; empty where the file has none
  int64_t first_row = 0;
  int64_t vocab = 0;

  // The tokens fed: the prompt, then all greedy tokens but the last, each of which a decode step would feed.
  std::vector<int32_t> fed_tokens() const;
  // max - min over the golden's whole logits tensor: what mode `exact` measures differences by.
  double range() const;
};

// Error{bad_file} or Error{not_found} with the tensor and what was expected of it.
Golden read_golden(const std::filesystem::path& path);

}  // namespace yoke::cli
