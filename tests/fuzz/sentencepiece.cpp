// The input is a SentencePiece model; its last bytes are also among the texts that it encodes, and some ids are decoded. Whatever
// the file, it is a tokenizer or a refusal, and the tokenizer's ids are its own.
#include "core/error.h"
#include "model/text/sentencepiece/sentencepiece_tokenizer.h"
#include "tests/fuzz/open_or_refuse.h"

namespace {

using namespace yoke;
using namespace yoke::model::text;

void use(const Tokenizer& tokenizer, std::string_view end) {
  const std::string texts[] = {"The river  opens\ta caf\u00E9, \uFF26\u6C34 </s>[S]<0x41>", std::string(end), std::string(300, 'a')};
  for (const std::string& text : texts) {
    for (const AddedTokens match : {AddedTokens::all, AddedTokens::all_but_special, AddedTokens::none}) {
      const std::vector<TokenId> ids = tokenizer.encode(text, match);
      for (const TokenId id : ids) YOKE_ASSERT(id >= 0 && id < tokenizer.vocab_size());
      tokenizer.decode(ids, match == AddedTokens::all);
    }
    tokenizer.encode_pieces({{"<s>[S]", false}, {text, true}, {"</s>", false}});
  }
  std::vector<TokenId> ids;
  for (TokenId id = -1; id <= tokenizer.vocab_size() && id < 300; ++id) ids.push_back(id);
  tokenizer.decode(ids, false);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes = fuzz::text_of(data, size);
  fuzz::read_or_refuse([&] {
    const auto tokenizer = open_sentencepiece(bytes, "tokenizer.model", {});
    use(*tokenizer, std::string_view(bytes).substr(size - std::min<size_t>(size, 64)));
  });
  return 0;
}
