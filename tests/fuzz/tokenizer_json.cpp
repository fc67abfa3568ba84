// The input is a tokenizer.json. What is accepted encodes and decodes a few texts.
#include "core/error.h"
#include "model/text/detokenizer.h"
#include "model/text/tokenizer_json/tokenizer_json.h"

namespace {

using namespace yoke::model::text;

constexpr std::string_view kTexts[] = {"the cat <e> sat",
                                       " \u2581a  b\n\n", "caf\u00e9 cafe\u0301 \U0001F600 12", "\xFF\xE2\x82 <s>\xC3", ""};

void use(const Tokenizer& tokenizer) {
  for (const std::string_view text : kTexts) {
    std::vector<TokenId> ids = tokenizer.encode(text, AddedTokens::all);
    tokenizer.encode(text, AddedTokens::all_but_special);
    tokenizer.encode_pieces({{std::string(text), false}, {std::string(text), true}});
    ids = tokenizer.frame_pair(ids, tokenizer.frame(ids).ids).ids;
    ids.insert(ids.end(), {-1, 0, 1, 1 << 30});
    tokenizer.decode(ids, true);
    Detokenizer detokenizer(tokenizer, false);
    for (const TokenId id : ids) detokenizer.push(id);
    detokenizer.finish();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    use(*read_tokenizer_json({reinterpret_cast<const char*>(data), size}, "tokenizer.json", {}));
  } catch (const yoke::Error& error) {
    if (error.code() != yoke::Code::bad_file && error.code() != yoke::Code::unsupported) throw;
  }
  return 0;
}
