#include "model/text/sentencepiece/unused_pieces.h"

#include <algorithm>

namespace yoke::model::text {

UnusedPieces::UnusedPieces(const SentencePieceModel& model, const std::vector<Merges::Merge>& merges) {
  const auto is_piece = [&](int32_t id) { return static_cast<size_t>(id) < model.pieces.size(); };
  const auto worse_half = [&](const Merges::Merge& merge) {
    return std::min(model.pieces[merge.left].score, model.pieces[merge.right].score);
  };
  std::unordered_map<int32_t, Merges::Merge> best;
  for (const Merges::Merge& merge : merges) {
    if (model.pieces[merge.merged].type != SentencePieceModel::PieceType::unused) continue;
    if (!is_piece(merge.left) || !is_piece(merge.right)) continue;
    const auto [found, added] = best.emplace(merge.merged, merge);
    if (!added && worse_half(merge) > worse_half(found->second)) found->second = merge;
  }
  std::vector<int32_t> shortest_first;
  for (const auto& [id, merge] : best) shortest_first.push_back(id);
  std::ranges::sort(shortest_first, {}, [&](int32_t id) { return model.pieces[id].text.size(); });
  for (const int32_t id : shortest_first) {
    std::vector<int32_t> parts;
    write(best[id].left, parts);
    write(best[id].right, parts);
    cut_.emplace(id, std::move(parts));
  }
}

}  // namespace yoke::model::text
