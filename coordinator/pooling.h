// From an encoder's rows to one vector, as Sentence Transformers does it (arXiv 1908.10084): what the model's folder says, and the
// arithmetic, in f64 and in the rows' order, so that equal rows give equal bits. Pure but for read_pooling.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace yoke::coordinator {

// The names are those of the pooling module's file; `first` is its cls, `last` its lasttoken.
enum class PoolingMode { mean, mean_sqrt_length, weighted_mean, max, first, last };

// How a model's own files make a vector of a text.
struct Pooling {
  PoolingMode mode = PoolingMode::mean;
  bool normalise = true;      // to length 1
  int64_t max_tokens = 0;     // of a text with its special tokens; 0: the model's context
  bool lower_case = false;    // the text, before it is tokenised
  std::map<std::string, std::string, std::less<>> prompts;  // what stands before a text, by the name of its purpose
  std::string default_prompt;                               // where a request names none
  bool pools_prompts = true;  // false: the prompt's rows would have to be left out, which this build does not do
};

// What modules.json and the files that it leads to say: sentence_bert_config.json (and tokenizer_config.json where that gives no
// length), 1_Pooling/config.json, config_sentence_transformers.json. Where there is no modules.json: the mean of all rows with length 1.
// Error{unsupported} for another way or another module behind it, by name; Error{bad_file}.
Pooling read_pooling(const std::filesystem::path& folder);

// One text's rows, one by one in their order.
class Pool {
 public:
  explicit Pool(PoolingMode mode) : mode_(mode) {}
  // The positions, of a text of `tokens` tokens, whose rows it wants, ascending.
  std::vector<int64_t> wanted(int64_t tokens) const;
  void add(std::span<const float> row);  // all of one length
  std::vector<float> vector() const;     // of one row at least

 private:
  PoolingMode mode_;
  std::vector<double> sums_;  // max: the largest so far
  int64_t rows_ = 0;
};

// Divided by its L2 norm; a vector of zeros stays.
std::vector<float> normalised(std::span<const float> vector);

// 1 / (1 + exp(-logit)): what a reranker with one label calls relevance.
float sigmoid(float logit);

}  // namespace yoke::coordinator
