// A golden file of an encoder. safetensors with input_ids int32 [T] and, where present: pair_token_type_ids int32 [T];
// last_hidden_state and pair_last_hidden_state (input_ids with those types) f32 [T, hidden]; cls, mean, cls_normalized,
// mean_normalized, pooler_output f32 [hidden]; logits, score f32 [labels]. Unknown keys are ignored.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace yoke::cli {

// How a row of the served model is made up (GET /yoke/v1/status): the hidden state, then what the head gives.
struct EncoderShape {
  int64_t hidden = 0;
  int64_t labels = 0;  // of its classifier; 0: it has none
  bool pooler = false;
  int64_t width() const { return hidden + (pooler ? hidden : labels); }
};

struct EncoderGolden {
  std::string file;
  std::vector<int32_t> input_ids;
  std::vector<int32_t> pair_token_type_ids;           // empty where the file has none
  std::map<std::string, std::vector<float>> tensors;  // of the names above, as far as they are there
};

// Whether the file is one: it has no greedy_ids, and a tensor that only encoders have.
bool is_encoder_golden(const std::filesystem::path& path);

// Error{bad_file} or Error{not_found} with the tensor and what was expected of it.
EncoderGolden read_encoder_golden(const std::filesystem::path& path);

// Error{bad_file} where the model cannot give one of the golden's tensors, or gives it in another size.
void check_shape(const EncoderGolden& golden, const EncoderShape& shape);

}  // namespace yoke::cli
