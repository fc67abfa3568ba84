#include "model/text/sentencepiece/model_file.h"

#include <fmt/format.h>

#include <cmath>
#include <unordered_set>

#include "core/error.h"
#include "model/bad_file.h"
#include "model/text/sentencepiece/wire_reader.h"
#include "model/text/utf8.h"

namespace yoke::model::text {
namespace {

using Model = SentencePieceModel;

[[noreturn]] void refuse(const std::string& file, const std::string& what) { throw Error{Code::bad_file, file + ": " + what}; }

// Field numbers are those of sentencepiece_model.proto; fields that are not needed are passed over.
Model::Piece read_piece(std::string_view bytes, const std::string& file, size_t id) {
  WireReader reader(bytes, fmt::format("{}: piece {}", file, id));
  Model::Piece piece;
  while (reader.next()) {
    switch (reader.field()) {
      case 1: piece.text = reader.text(); break;
      case 2: piece.score = reader.number(); break;
      case 3: {
        const int64_t type = reader.integer();
        if (type < 1 || type > 6) refuse(file, fmt::format("piece {} has the type {}, expected 1 to 6", id, type));
        piece.type = static_cast<Model::PieceType>(type);
        break;
      }
    }
  }
  // Before there are more of them: an empty one takes two bytes of a file.
  if (piece.text.empty()) refuse(file, fmt::format("piece {} is empty", id));
  return piece;
}

void read_trainer(std::string_view bytes, const std::string& file, Model& model) {
  WireReader reader(bytes, file + ": trainer_spec");
  while (reader.next()) {
    switch (reader.field()) {
      case 3: {
        const int64_t kind = reader.integer();
        if (kind < 1 || kind > 4) refuse(file, fmt::format("model_type is {}, expected 1 to 4", kind));
        model.kind = static_cast<Model::Kind>(kind);
        break;
      }
      case 24: model.whitespace_as_suffix = reader.boolean(); break;
      case 35: model.byte_fallback = reader.boolean(); break;
      case 45: model.unknown_piece = reader.text(); break;
      case 46: model.bos_piece = reader.text(); break;
      case 47: model.eos_piece = reader.text(); break;
      case 48: model.pad_piece = reader.text(); break;
    }
  }
}

void read_preparation(std::string_view bytes, const std::string& what, Model::Preparation& preparation) {
  WireReader reader(bytes, what);
  while (reader.next()) {
    switch (reader.field()) {
      case 2: preparation.charsmap = reader.text(); break;
      case 3: preparation.add_dummy_prefix = reader.boolean(); break;
      case 4: preparation.remove_extra_whitespaces = reader.boolean(); break;
      case 5: preparation.escape_whitespaces = reader.boolean(); break;
    }
  }
}

std::string named(size_t id, const Model::Piece& piece) { return fmt::format("piece {} ({})", id, printable(piece.text)); }

void check_piece(const Model& model, size_t id, const std::string& file) {
  const Model::Piece& piece = model.pieces[id];
  if (!is_well_formed(piece.text)) refuse(file, named(id, piece) + " is no UTF-8");
  if (!std::isfinite(piece.score)) refuse(file, fmt::format("{} has the score {}, expected a number", named(id, piece), piece.score));
  if (piece.type != Model::PieceType::byte) return;
  if (byte_of_piece(piece.text) < 0) refuse(file, named(id, piece) + " is of the type byte, but not like <0x0A>");
  if (!model.byte_fallback) refuse(file, named(id, piece) + " is of the type byte, but byte_fallback is off");
}

bool is_ordinary(Model::PieceType type) {
  return type == Model::PieceType::normal || type == Model::PieceType::user_defined || type == Model::PieceType::unused;
}

}  // namespace

bool is_space_piece(std::string_view text) {
  while (!text.empty()) {
    const bool mark = text.starts_with(kSpaceMark);
    if (!mark && text.find_first_of(" \t\n\r") != 0) return false;
    text.remove_prefix(mark ? kSpaceMark.size() : 1);
  }
  return true;
}

int byte_of_piece(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text.back() != '>') return -1;
  int byte = 0;
  for (const char digit : text.substr(3, 2)) {
    const bool number = digit >= '0' && digit <= '9', letter = digit >= 'A' && digit <= 'F';
    if (!number && !letter) return -1;
    byte = byte * 16 + (number ? digit - '0' : digit - 'A' + 10);
  }
  return byte;
}

void check_sentencepiece_model(const SentencePieceModel& model, const std::string& file, Repeated repeated) {
  if (model.pieces.empty()) refuse(file, "it has no pieces");
  std::unordered_set<std::string_view> ordinary, reserved;
  size_t bytes = 0, unknown = 0;
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    check_piece(model, id, file);
    const Model::Piece& piece = model.pieces[id];
    const bool is_new = (is_ordinary(piece.type) ? ordinary : reserved).insert(piece.text).second;
    if (!is_new && repeated == Repeated::refused) refuse(file, named(id, piece) + " is there already");
    bytes += piece.type == Model::PieceType::byte;
    unknown += piece.type == Model::PieceType::unknown;
    if (unknown > 1) refuse(file, named(id, piece) + " is a second unknown piece, one is expected");
  }
  if (model.byte_fallback && bytes != 256) {
    refuse(file, fmt::format("byte_fallback is on, but there are {} byte pieces, expected 256", bytes));
  }
}

SentencePieceModel read_sentencepiece_model(std::string_view bytes, const std::string& file) {
  if (bytes.size() > kMostSentencePieceBytes) {
    throw Error{Code::too_large, fmt::format("{} has {} bytes, at most {} are read", file, bytes.size(), kMostSentencePieceBytes)};
  }
  SentencePieceModel model;
  model.denormalizer = {"", false, false, false};
  WireReader reader(bytes, file);
  while (reader.next()) {
    switch (reader.field()) {
      case 1: model.pieces.push_back(read_piece(reader.text(), file, model.pieces.size())); break;
      case 2: read_trainer(reader.text(), file, model); break;
      case 3: read_preparation(reader.text(), file + ": normalizer_spec", model.normalizer); break;
      case 5: read_preparation(reader.text(), file + ": denormalizer_spec", model.denormalizer); break;
    }
  }
  check_sentencepiece_model(model, file, Repeated::refused);
  for (const Model::Piece& piece : model.pieces) {
    if (piece.type == Model::PieceType::unknown) return model;
  }
  refuse(file, "it has no piece of the type unknown");
}

}  // namespace yoke::model::text
