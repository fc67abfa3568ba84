// From an encoder's rows to one vector, as Sentence Transformers does it (arXiv 1908.10084): which way the model's folder says,
// and the arithmetic, in f64 and in the rows' order, so that equal rows give equal bits. Pure but for read_pooling.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace yoke::coordinator {

enum class Pooling {
  mean,  // of all rows
  cls,   // the first row
};

// What modules.json and the pooling module's config.json beside the model say; mean where there is no modules.json.
// Error{unsupported} for another way or another module behind it, by name; Error{bad_file}.
Pooling read_pooling(const std::filesystem::path& folder);

// The mean of rows that come one by one.
class RowMean {
 public:
  void add(std::span<const float> row);  // all of one length
  std::vector<float> mean() const;       // of one row at least

 private:
  std::vector<double> sums_;
  int64_t rows_ = 0;
};

// Divided by its L2 norm; a vector of zeros stays.
std::vector<float> normalised(std::span<const float> vector);

// 1 / (1 + exp(-logit)): what a reranker with one label calls relevance.
float sigmoid(float logit);

}  // namespace yoke::coordinator
