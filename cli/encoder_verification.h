// Compares an encoder's rows with a golden. Comparing is a pure consumer of rows; fetching is apart.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "cli/encoder_golden.h"
#include "cli/verification.h"
#include "coordinator/pooling.h"

namespace yoke::cli {

class EncoderComparison {
 public:
  // check_shape() let the golden pass.
  EncoderComparison(const EncoderGolden& golden, const EncoderShape& shape, Bound bound);

  void row(std::span<const float> row);       // of input_ids: rows 0, 1, ... in order
  void pair_row(std::span<const float> row);  // of input_ids with pair_token_type_ids
  bool wants_pair() const { return golden_.tensors.contains("pair_last_hidden_state"); }
  // tokens: rows; agree: those whose hidden states are within the bound, in both runs. Error{peer_lost} when rows are missing.
  Verdict verdict();

 private:
  bool compare(const std::string& name, size_t offset, std::span<const float> got);
  void compare_row(const std::string& name, int64_t row, std::span<const float> got);
  void compare_pooled();

  const EncoderGolden& golden_;
  const EncoderShape shape_;
  std::map<std::string, double> allowed_;  // difference, by tensor
  std::map<std::string, double> worst_;
  std::vector<bool> agrees_;               // by row
  int64_t rows_ = 0;
  int64_t pair_rows_ = 0;
  std::vector<float> first_;               // row 0, whole
  coordinator::Pool mean_{coordinator::PoolingMode::mean};
  RowHash hash_;                           // of the hidden states
};

// POST /yoke/v1/logits for all rows, once without and, where the golden has a pair, once with token types.
Verdict verify_golden(RestClient& client, const EncoderGolden& golden, Bound bound, const EncoderShape& shape);

}  // namespace yoke::cli
