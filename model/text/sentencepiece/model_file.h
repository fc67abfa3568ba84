// A SentencePiece model: its pieces and how a text is prepared for them. Read from a .model file, which is the Protocol Buffers
// message ModelProto of sentencepiece_model.proto (github.com/google/sentencepiece), or made from what a GGUF says.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::model::text {

inline constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581: a space in a piece

struct SentencePieceModel {
  // The numbers are the file's.
  enum class PieceType { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };
  enum class Kind { unigram = 1, bpe = 2, word = 3, character = 4 };

  struct Piece {
    std::string text;
    float score = 0;
    PieceType type = PieceType::normal;
  };
  // What becomes of a text before it is cut (or of one that is decoded).
  struct Preparation {
    std::string charsmap;  // model/text/charsmap.h; empty: characters stay as they are
    bool add_dummy_prefix = true;
    bool remove_extra_whitespaces = true;
    bool escape_whitespaces = true;
  };

  std::vector<Piece> pieces;  // their places are their ids
  Kind kind = Kind::unigram;
  bool byte_fallback = false;
  bool whitespace_as_suffix = false;
  std::string bos_piece = "<s>", eos_piece = "</s>", unknown_piece = "<unk>", pad_piece = "<pad>";
  Preparation normalizer, denormalizer;
};

inline constexpr size_t kMostSentencePieceBytes = 256 << 20;

// Error{bad_file} with the place or the piece for what is no such file or does not fit together, Error{too_large}.
SentencePieceModel read_sentencepiece_model(std::string_view bytes, const std::string& file);

// Pieces that are no UTF-8 or there twice, scores that are no numbers, byte pieces that are none or not all there, a second
// unknown piece: Error{bad_file} names the piece. GGUF files fill vocabularies up with pieces that are `repeated`.
enum class Repeated { refused, allowed };
void check_sentencepiece_model(const SentencePieceModel& model, const std::string& file, Repeated repeated);

// Nothing but spaces, marks of spaces and ends of lines.
bool is_space_piece(std::string_view text);

// What a piece like <0x0A> writes; -1 for a text of another form.
int byte_of_piece(std::string_view text);

}  // namespace yoke::model::text
