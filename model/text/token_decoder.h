// From tokens back to text: the decoder of a tokenizer.json, as a chain of steps, each over the whole list of tokens' texts.
// The names and their meaning are those of Hugging Face tokenizers (decoders). Immutable; any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::model::text {

class DecoderStep {
 public:
  virtual ~DecoderStep() = default;
  virtual void apply(std::vector<std::string>& tokens) const = 0;
  // What one token of the middle of a text becomes: for streams, which cannot look at the whole list.
  virtual std::string piece(std::string token) const = 0;
  // It puts the tokens together: what comes behind it sees one text.
  virtual bool joins() const { return false; }
  // Takes a space off the beginning of the text. `joined`: a step before put the tokens together.
  virtual bool drops_first_space(bool) const { return false; }
};

class TokenDecoder {
 public:
  explicit TokenDecoder(std::vector<std::unique_ptr<const DecoderStep>> steps) : steps_(std::move(steps)) {}

  std::string decode(std::vector<std::string> tokens) const;
  std::string piece(std::string_view token) const;
  bool drops_first_space() const;

 private:
  std::vector<std::unique_ptr<const DecoderStep>> steps_;
};

}  // namespace yoke::model::text
