#include "model/text/decoder_steps.h"

#include <algorithm>
#include <optional>

#include "model/text/byte_alphabet.h"
#include "model/text/utf8.h"

namespace yoke::model::text {
namespace {

using Tokens = std::vector<std::string>;

std::string join(const Tokens& tokens) {
  std::string text;
  for (const std::string& token : tokens) text += token;
  return text;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  if (from.empty()) return;
  std::string out;
  size_t done = 0;
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, done)) {
    out.append(text, done, at - done);
    out += to;
    done = at + from.size();
  }
  out.append(text, done);
  text = std::move(out);
}

// English as it is written, from words with a space before each. The pairs and their order are the reference's.
void clean_up(std::string& text) {
  constexpr std::pair<std::string_view, std::string_view> kPairs[] = {
      {" .", "."},    {" ?", "?"},   {" !", "!"},          {" ,", ","},   {" ' ", "'"},   {" n't", "n't"},
      {" 'm", "'m"},  {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kPairs) replace_all(text, from, to);
}

// Steps that do the same to each token, whatever stands beside it.
class EachToken : public DecoderStep {
 public:
  void apply(Tokens& tokens) const override {
    for (std::string& token : tokens) token = piece(std::move(token));
  }
};

class ByteLevel : public DecoderStep {
 public:
  void apply(Tokens& tokens) const override {
    std::string bytes;
    for (std::string& token : tokens) bytes += piece(std::move(token));
    tokens = {well_formed(bytes)};
  }
  std::string piece(std::string token) const override { return bytes_of_entry(token).value_or(token); }
  bool joins() const override { return true; }
};

// The byte that an entry <0xNN> stands for.
std::optional<uint8_t> byte_of(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return std::nullopt;
  int value = 0;
  for (const char digit : token.substr(3, 2)) {
    const auto at = std::string_view("0123456789abcdef").find(static_cast<char>(digit | 0x20));
    const bool letter_or_digit = (digit >= '0' && digit <= '9') || (digit | 0x20) >= 'a';
    if (at == std::string_view::npos || !letter_or_digit) return std::nullopt;
    value = value * 16 + static_cast<int>(at);
  }
  return static_cast<uint8_t>(value);
}

class ByteFallback : public DecoderStep {
 public:
  void apply(Tokens& tokens) const override {
    Tokens out;
    std::string run;
    const auto flush = [&] {
      if (run.empty()) return;
      if (is_well_formed(run)) {
        out.push_back(run);
      } else {
        out.insert(out.end(), run.size(), std::string(kReplacementCharacter));
      }
      run.clear();
    };
    for (std::string& token : tokens) {
      if (const auto byte = byte_of(token)) {
        run.push_back(static_cast<char>(*byte));
      } else {
        flush();
        out.push_back(std::move(token));
      }
    }
    flush();
    tokens = std::move(out);
  }
  std::string piece(std::string token) const override {
    const auto byte = byte_of(token);
    return byte ? std::string(1, static_cast<char>(*byte)) : token;
  }
};

class Fuse : public DecoderStep {
 public:
  void apply(Tokens& tokens) const override { tokens = {join(tokens)}; }
  std::string piece(std::string token) const override { return token; }
  bool joins() const override { return true; }
};

class Spaces : public DecoderStep {
 public:
  void apply(Tokens& tokens) const override {
    for (size_t i = 1; i < tokens.size(); ++i) tokens[i].insert(0, 1, ' ');
  }
  std::string piece(std::string token) const override { return " " + token; }
  bool drops_first_space(bool) const override { return true; }
};

class Replace : public EachToken {
 public:
  explicit Replace(Replacement replacement) : replacement_(std::move(replacement)) {}
  std::string piece(std::string token) const override { return replacement_.apply(token); }

 private:
  Replacement replacement_;
};

class Strip : public EachToken {
 public:
  Strip(char32_t content, size_t start, size_t stop) : start_(start), stop_(stop) { append_char(content_, content); }

  std::string piece(std::string token) const override {
    std::string_view left = token;
    for (size_t i = 0; i < start_ && left.starts_with(content_); ++i) left.remove_prefix(content_.size());
    for (size_t i = 0; i < stop_ && left.ends_with(content_); ++i) left.remove_suffix(content_.size());
    return std::string(left);
  }
  bool drops_first_space(bool joined) const override { return joined && start_ > 0 && content_ == " "; }

 private:
  std::string content_;
  size_t start_, stop_;
};

class Metaspace : public DecoderStep {
 public:
  Metaspace(char32_t replacement, bool prefixed) : prefixed_(prefixed) { append_char(mark_, replacement); }

  void apply(Tokens& tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) replace_all(tokens[i], mark_, i == 0 && prefixed_ ? "" : " ");
  }
  std::string piece(std::string token) const override {
    replace_all(token, mark_, " ");
    return token;
  }
  bool drops_first_space(bool) const override { return prefixed_; }

 private:
  std::string mark_;
  bool prefixed_;
};

class WordPiece : public DecoderStep {
 public:
  WordPiece(std::string prefix, bool cleanup) : prefix_(std::move(prefix)), cleanup_(cleanup) {}

  void apply(Tokens& tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (i > 0) tokens[i] = piece(std::move(tokens[i]));
      if (cleanup_) clean_up(tokens[i]);
    }
  }
  std::string piece(std::string token) const override {
    return token.starts_with(prefix_) ? token.substr(prefix_.size()) : " " + token;
  }
  bool drops_first_space(bool) const override { return true; }

 private:
  std::string prefix_;
  bool cleanup_;
};

class EndOfWord : public DecoderStep {
 public:
  explicit EndOfWord(std::string suffix) : suffix_(std::move(suffix)) {}

  void apply(Tokens& tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) replace_all(tokens[i], suffix_, i + 1 == tokens.size() ? "" : " ");
  }
  std::string piece(std::string token) const override {
    replace_all(token, suffix_, " ");
    return token;
  }

 private:
  std::string suffix_;
};

// Of connectionist temporal classification: repetitions are one, padding is none.
class Ctc : public DecoderStep {
 public:
  Ctc(std::string pad, std::string delimiter, bool cleanup)
      : pad_(std::move(pad)), delimiter_(std::move(delimiter)), cleanup_(cleanup) {}

  void apply(Tokens& tokens) const override {
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    for (std::string& token : tokens) token = piece(std::move(token));
    std::erase(tokens, "");
  }
  std::string piece(std::string token) const override {
    replace_all(token, pad_, "");
    if (!cleanup_) return token;
    clean_up(token);
    replace_all(token, delimiter_, " ");
    return token;
  }

 private:
  std::string pad_, delimiter_;
  bool cleanup_;
};

}  // namespace

Step make_byte_level_decoder() { return std::make_unique<ByteLevel>(); }
Step make_byte_fallback_decoder() { return std::make_unique<ByteFallback>(); }
Step make_fuse_decoder() { return std::make_unique<Fuse>(); }
Step make_space_decoder() { return std::make_unique<Spaces>(); }
Step make_replace_decoder(Replacement replacement) { return std::make_unique<Replace>(std::move(replacement)); }
Step make_strip_decoder(char32_t content, size_t start, size_t stop) { return std::make_unique<Strip>(content, start, stop); }
Step make_metaspace_decoder(char32_t replacement, bool prefixed) { return std::make_unique<Metaspace>(replacement, prefixed); }
Step make_word_piece_decoder(std::string prefix, bool cleanup) { return std::make_unique<WordPiece>(std::move(prefix), cleanup); }
Step make_bpe_decoder(std::string suffix) { return std::make_unique<EndOfWord>(std::move(suffix)); }
Step make_ctc_decoder(std::string pad, std::string delimiter, bool cleanup) {
  return std::make_unique<Ctc>(std::move(pad), std::move(delimiter), cleanup);
}

}  // namespace yoke::model::text
