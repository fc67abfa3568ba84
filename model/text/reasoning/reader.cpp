#include "model/text/reasoning/reader.h"

#include "model/text/detokenizer.h"
#include "model/text/reasoning/harmony_reader.h"

namespace yoke::model::text::reasoning {
namespace {

// Text, and the tags that are tokens of their own.
class TagReader : public Reader {
 public:
  TagReader(const Tokenizer& tokenizer, const Tags& tags) : tokenizer_(tokenizer), tags_(tags), text_(tokenizer, /*skip_special=*/true) {}

  bool read(TokenId token, std::vector<Run>& runs) override {
    if (token == tags_.open_id) return sign(token, tags_.open, Sign::open, runs);
    if (token == tags_.close_id) return sign(token, tags_.close, Sign::close, runs);
    runs.push_back({.text = text_.push(token)});
    return true;
  }
  void finish(std::vector<Run>& runs) override { runs.push_back({.text = text_.finish()}); }

 private:
  bool sign(TokenId token, const std::string& tag, Sign sign, std::vector<Run>& runs) {
    finish(runs);
    runs.push_back({.text = tag, .sign = sign, .special = tokenizer_.is_special(token)});
    return true;
  }

  const Tokenizer& tokenizer_;
  const Tags tags_;
  Detokenizer text_;
};

// Text alone.
class PlainReader : public Reader {
 public:
  PlainReader(const Tokenizer& tokenizer, bool skip_special) : text_(tokenizer, skip_special) {}

  bool read(TokenId token, std::vector<Run>& runs) override {
    runs.push_back({.text = text_.push(token)});
    return true;
  }
  void finish(std::vector<Run>& runs) override { runs.push_back({.text = text_.finish()}); }

 private:
  Detokenizer text_;
};

}  // namespace

std::unique_ptr<Reader> make_reader(const Tokenizer& tokenizer, const Format& format, bool marked) {
  if (marked) return std::make_unique<PlainReader>(tokenizer, /*skip_special=*/false);
  if (const auto* tags = std::get_if<Tags>(&format)) return std::make_unique<TagReader>(tokenizer, *tags);
  if (const auto* harmony = std::get_if<Harmony>(&format)) return std::make_unique<HarmonyReader>(tokenizer, *harmony);
  return std::make_unique<PlainReader>(tokenizer, /*skip_special=*/true);
}

}  // namespace yoke::model::text::reasoning
