// How fast texts become token ids on one core: MB a second of processor time for each kind of text, the median of rounds.
//   bench_tokenize MODEL TEXTS [--rounds N] [--json FILE]
// TEXTS is JSON, {"KIND": ["document", ...]}; bench/tokenize.py makes it, runs this and the Python package `tokenizers` in turn.
#include <fmt/format.h>

#include <boost/json.hpp>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>

#include "core/error.h"
#include "model/text/model_text.h"

namespace {

using namespace yoke;

struct Options {
  std::string model, texts, json;
  int rounds = 5;
};

struct Result {
  double megabytes_per_s = 0;
  size_t bytes = 0, tokens = 0;
};

// Of processor time, which other programs on the machine do not take from it.
double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

Result measure(const model::text::Tokenizer& tokenizer, const boost::json::array& documents, int rounds) {
  std::vector<double> rates;
  Result result;
  for (int i = 0; i < rounds; ++i) {
    result = {};
    const double begin = processor_seconds();
    for (const auto& document : documents) {
      result.bytes += document.as_string().size();
      result.tokens += tokenizer.encode(document.as_string(), model::text::AddedTokens::all).size();
    }
    rates.push_back(static_cast<double>(result.bytes) / 1e6 / (processor_seconds() - begin));
  }
  std::ranges::nth_element(rates, rates.begin() + rounds / 2);
  result.megabytes_per_s = rates[static_cast<size_t>(rounds / 2)];
  return result;
}

void run(const Options& options) {
  std::ifstream file(options.texts, std::ios::binary);
  const std::string source(std::istreambuf_iterator<char>(file), {});
  const boost::json::value texts = boost::json::parse(source);
  const model::text::ModelText text = model::text::open_text(options.model);
  if (!text.tokenizer) throw Error{Code::unsupported, text.why_no_tokenizer};
  boost::json::object results;
  for (const auto& [kind, value] : texts.as_object()) {
    const Result result = measure(*text.tokenizer, value.as_array(), options.rounds);
    fmt::print("{:<14} {:>9} bytes {:>9} tokens {:>8.2f} MB/s\n", std::string_view(kind), result.bytes, result.tokens,
               result.megabytes_per_s);
    results[kind] = {{"tokens", result.tokens}, {"megabytes_per_s", result.megabytes_per_s}};
  }
  if (!options.json.empty()) std::ofstream(options.json) << boost::json::serialize(results) << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"text to token ids, MB a second on one core"};
  app.add_option("MODEL", options.model, "a folder with tokenizer.json, or a .gguf file")->required();
  app.add_option("TEXTS", options.texts, "JSON: documents by kind")->required();
  app.add_option("--rounds", options.rounds, "of which the median counts")->check(CLI::Range(1, 100));
  app.add_option("--json", options.json, "write the results there");
  CLI11_PARSE(app, argc, argv);
  try {
    run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_tokenize: {}\n", error.what());
    return 1;
  }
  return 0;
}
