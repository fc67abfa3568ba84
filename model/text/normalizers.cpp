#include "model/text/normalizers.h"

#include "model/text/byte_alphabet.h"
#include "model/text/character_kinds.h"
#include "model/text/unicode/properties.h"
#include "model/text/utf8.h"

namespace yoke::model::text {
namespace {

class Sequence : public Normalizer {
 public:
  explicit Sequence(std::vector<NormalizerStep> steps) : steps_(std::move(steps)) {}
  std::string apply(std::string text) const override {
    for (const auto& step : steps_) text = step->apply(std::move(text));
    return text;
  }

 private:
  std::vector<NormalizerStep> steps_;
};

class NormalFormStep : public Normalizer {
 public:
  explicit NormalFormStep(unicode::NormalForm form) : form_(form) {}
  std::string apply(std::string text) const override { return unicode::normalise(text, form_); }

 private:
  unicode::NormalForm form_;
};

class Lowercase : public Normalizer {
 public:
  std::string apply(std::string text) const override { return unicode::lower(text); }
};

class Prepend : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  std::string apply(std::string text) const override { return text.empty() ? text : prefix_ + text; }

 private:
  std::string prefix_;
};

class Replace : public Normalizer {
 public:
  explicit Replace(Replacement replacement) : replacement_(std::move(replacement)) {}
  std::string apply(std::string text) const override { return replacement_.apply(text); }

 private:
  Replacement replacement_;
};

class Strip : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  std::string apply(std::string text) const override {
    if (right_) text.resize(text.size() - space_at_end(text));
    if (left_) text.erase(0, space_at_begin(text));
    return text;
  }

 private:
  bool left_, right_;
};

// Each character becomes one other, itself, or nothing.
constexpr char32_t kDropped = 0xFFFFFFFF;
template <char32_t (*kMap)(char32_t)>
class EachCharacter : public Normalizer {
 public:
  std::string apply(std::string text) const override {
    std::string out;
    out.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
      const Utf8Char c = read_char(text, at);
      const char32_t mapped = kMap(c.code);
      if (mapped != kDropped) append_char(out, mapped);
      at += c.bytes;
    }
    return out;
  }
};

char32_t without_marks(char32_t code) {
  using unicode::Category;
  if (code < 0x300) return code;
  const Category category = unicode::category(code);
  return category == Category::Mn || category == Category::Mc || category == Category::Me ? kDropped : code;
}

// As the reference's Nmt, after SentencePiece's rules nmt_nfkc.
char32_t nmt(char32_t code) {
  const bool control = (code >= 0x1 && code <= 0x8) || code == 0xB || (code >= 0xE && code <= 0x1F) || code == 0x7F || code == 0x8F ||
                       code == 0x9F;
  if (control) return kDropped;
  const bool space = code == 0x9 || code == 0xA || code == 0xC || code == 0xD || code == 0x1680 || (code >= 0x200B && code <= 0x200F) ||
                     code == 0x2028 || code == 0x2029 || code == 0x2581 || code == 0xFEFF || code == 0xFFFD;
  return space ? U' ' : code;
}

class ByteLevel : public Normalizer {
 public:
  std::string apply(std::string text) const override {
    std::string out;
    out.reserve(text.size() * 2);
    for (const char c : text) out += byte_alphabet()[static_cast<uint8_t>(c)];
    return out;
  }
};

}  // namespace

NormalizerStep make_normalizer_sequence(std::vector<NormalizerStep> steps) { return std::make_unique<Sequence>(std::move(steps)); }
NormalizerStep make_normal_form(unicode::NormalForm form) { return std::make_unique<NormalFormStep>(form); }
NormalizerStep make_lowercase() { return std::make_unique<Lowercase>(); }
NormalizerStep make_prepend(std::string prefix) { return std::make_unique<Prepend>(std::move(prefix)); }
NormalizerStep make_replace(Replacement replacement) { return std::make_unique<Replace>(std::move(replacement)); }
NormalizerStep make_strip(bool left, bool right) { return std::make_unique<Strip>(left, right); }
NormalizerStep make_strip_accents() { return std::make_unique<EachCharacter<without_marks>>(); }
NormalizerStep make_nmt() { return std::make_unique<EachCharacter<nmt>>(); }
NormalizerStep make_byte_level_normalizer() { return std::make_unique<ByteLevel>(); }

}  // namespace yoke::model::text
