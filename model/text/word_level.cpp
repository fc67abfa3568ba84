#include "model/text/word_level.h"

namespace yoke::model::text {
namespace {

class WordLevel : public Subword {
 public:
  WordLevel(TokenIndex words, int32_t unknown) : words_(std::move(words)), unknown_(unknown) {}

  void encode(const std::vector<std::string_view>& words, std::vector<int32_t>& ids) const override {
    for (const std::string_view word : words) {
      const int32_t id = words_.find(word);
      ids.push_back(id == kNoToken ? unknown_ : id);
    }
  }

 private:
  TokenIndex words_;
  int32_t unknown_;
};

}  // namespace

std::unique_ptr<const Subword> make_word_level(TokenIndex words, int32_t unknown) {
  return std::make_unique<WordLevel>(std::move(words), unknown);
}

}  // namespace yoke::model::text
