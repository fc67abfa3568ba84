// Pieces of the type "unused" take part in merges, but are cut again into the two that they were merged of. The library
// remembers which two those were in the text at hand; here it is, for each piece, the way whose worse half has the best score,
// which is how byte-pair encoding comes by it. Immutable; any thread.
#pragma once

#include <unordered_map>
#include <vector>

#include "model/text/merges.h"
#include "model/text/sentencepiece/model_file.h"

namespace yoke::model::text {

class UnusedPieces {
 public:
  UnusedPieces() = default;
  // `merges`: all ways to make a piece of two.
  UnusedPieces(const SentencePieceModel& model, const std::vector<Merges::Merge>& merges);

  // Appends the piece, or what it is cut into.
  void write(int32_t piece, std::vector<int32_t>& ids) const {
    const auto found = cut_.find(piece);
    if (found == cut_.end()) return ids.push_back(piece);
    ids.insert(ids.end(), found->second.begin(), found->second.end());
  }

 private:
  std::unordered_map<int32_t, std::vector<int32_t>> cut_;
};

}  // namespace yoke::model::text
