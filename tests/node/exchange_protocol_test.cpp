// The flags of node/forward/exchange.h, as two small machines a rank (its GPU and its host) and every order in which their steps can
// fall. A datum is modelled by the number of the join that it belongs to: reading another one is reading too early or too late. Memory
// is sequentially consistent here; what only release and acquire give on real hardware, the code says (docs/cuda.md).
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace yoke::node::forward {
namespace {

// What a rank's protocol may leave out; each is a fault that the search must find.
enum class Flaw { none, gpu_does_not_wait, host_does_not_wait, flag_before_half, arrival_before_half };

constexpr int kJoins = 3;
constexpr int kRanks = 2;

struct RankState {
  int gpu = 0;       // steps done: four a join
  int host = 0;      // steps done: four a join
  int mine = 0;      // join whose half lies in this rank's buffer
  int other = 0;     // join whose half of the peer lies here
  int sent = 0;      // the flags
  int arrived = 0;
  int in_flight = 0; // join whose half is on its way to this rank, not yet received; 0: none
};

using State = std::array<RankState, kRanks>;

class Search {
 public:
  explicit Search(Flaw flaw) : flaw_(flaw) {}

  // What goes wrong in some order; nothing if none does.
  std::optional<std::string> run() {
    std::vector<State> open{State{}};
    while (!open.empty()) {
      const State s = open.back();
      open.pop_back();
      if (!seen_.insert({flat(s[0]), flat(s[1])}).second) continue;
      bool moved = false;
      for (int rank = 0; rank < kRanks; ++rank) {
        for (const bool gpu : {true, false}) {
          State next = s;
          const bool stepped = gpu ? step_gpu(next, rank) : step_host(next, rank);
          if (wrong_) return wrong_;
          if (!stepped) continue;
          moved = true;
          open.push_back(next);
        }
      }
      if (!moved && !finished(s)) return "all wait";
    }
    return std::nullopt;
  }
  size_t states() const { return seen_.size(); }

 private:
  static std::array<int, 7> flat(const RankState& r) { return {r.gpu, r.host, r.mine, r.other, r.sent, r.arrived, r.in_flight}; }
  static bool finished(const State& s) { return s[0].gpu == 4 * kJoins && s[1].gpu == 4 * kJoins && s[0].host == 4 * kJoins && s[1].host == 4 * kJoins; }

  // A product writes the half; the join stores the number, waits, and adds.
  bool step_gpu(State& s, int rank) {
    RankState& r = s[static_cast<size_t>(rank)];
    if (r.gpu == 4 * kJoins) return false;
    const int join = r.gpu / 4 + 1;
    const bool flag_first = flaw_ == Flaw::flag_before_half;
    switch (r.gpu % 4) {
      case 0: flag_first ? void(r.sent = join) : void(r.mine = join); break;
      case 1: flag_first ? void(r.mine = join) : void(r.sent = join); break;
      case 2:
        if (flaw_ != Flaw::gpu_does_not_wait && r.arrived < join) return false;
        break;
      case 3:
        if (r.other != join) wrong_ = "a join adds the peer's half of another join";
        if (r.mine != join) wrong_ = "a join adds its own half of another join";
        break;
    }
    ++r.gpu;
    return true;
  }

  // The host waits for the number, sends the half, receives the peer's, stores the number.
  bool step_host(State& s, int rank) {
    RankState& r = s[static_cast<size_t>(rank)];
    RankState& peer = s[static_cast<size_t>(1 - rank)];
    if (r.host == 4 * kJoins) return false;
    const int join = r.host / 4 + 1;
    switch (r.host % 4) {
      case 0:
        if (flaw_ != Flaw::host_does_not_wait && r.sent < join) return false;
        break;
      case 1:
        if (peer.in_flight != 0) return false;  // the message before is still on its way
        if (r.mine != join) wrong_ = "the half of another join is sent";
        peer.in_flight = join;
        break;
      case 2:
        if (flaw_ == Flaw::arrival_before_half) {
          r.arrived = join;
          break;
        }
        if (r.in_flight == 0) return false;
        r.other = r.in_flight;
        r.in_flight = 0;
        break;
      case 3:
        if (flaw_ == Flaw::arrival_before_half) {
          if (r.in_flight == 0) return false;
          r.other = r.in_flight;
          r.in_flight = 0;
          break;
        }
        r.arrived = join;
        break;
    }
    ++r.host;
    return true;
  }

  Flaw flaw_;
  std::set<std::pair<std::array<int, 7>, std::array<int, 7>>> seen_;
  std::optional<std::string> wrong_;
};

TEST(ExchangeProtocol, IsRightInEveryOrderOfItsSteps) {
  Search search(Flaw::none);
  EXPECT_EQ(search.run(), std::nullopt);
  EXPECT_GT(search.states(), 100u);  // it has looked
}

TEST(ExchangeProtocol, EveryFlawIsFound) {
  for (const Flaw flaw : {Flaw::gpu_does_not_wait, Flaw::host_does_not_wait, Flaw::flag_before_half, Flaw::arrival_before_half}) {
    EXPECT_NE(Search(flaw).run(), std::nullopt) << static_cast<int>(flaw);
  }
}

}  // namespace
}  // namespace yoke::node::forward
