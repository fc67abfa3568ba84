// Exchange between the lanes of a warp. The scheduler has already gathered all lanes that the masks name.
#include <cmath>

#include "tests/emulator/ptx/forms.h"
#include "tests/emulator/ptx/lanes.h"

namespace yoke::emulator {
namespace {

enum class Shuffle { idx, up, down, bfly };

// c = segment mask << 8 | clamp. Out of the segment a lane keeps its own value and p is false.
template <Shuffle S>
void shfl(Warp& w, const Instruction& i, uint32_t mask) {
  const uint32_t *a = w.row<uint32_t>(i.op[2]), *b = w.row<uint32_t>(i.op[3]), *c = w.row<uint32_t>(i.op[4]);
  uint32_t made[32], from[32], inside = 0, read = 0;
  for (uint32_t lane = 0; lane < 32; ++lane) {
    const uint32_t by = b[lane] & 31, clamp = c[lane] & 31, segment = c[lane] >> 8 & 31;
    const uint32_t last = (lane & segment) | (clamp & ~segment), first = lane & segment;
    uint32_t chosen = 0;
    if (S == Shuffle::up) chosen = lane - by;
    if (S == Shuffle::down) chosen = lane + by;
    if (S == Shuffle::bfly) chosen = lane ^ by;
    if (S == Shuffle::idx) chosen = first | (by & ~segment);
    const bool valid = S == Shuffle::up ? static_cast<int32_t>(chosen) >= static_cast<int32_t>(last) : chosen <= last;
    from[lane] = valid ? chosen : lane;
    inside |= static_cast<uint32_t>(valid) << lane;
    read |= mask >> lane & 1 ? uint32_t{1} << from[lane] : 0;
  }
  if ((read & ~mask) != 0) {
    for_lanes(mask, [&](uint32_t lane) {
      if (mask >> from[lane] & 1) return;
      throw LaneFault{kLaunchFailure, lane, "shuffle from lane " + std::to_string(from[lane]) + ", which does not take part"};
    });
  }
  for (uint32_t lane = 0; lane < 32; ++lane) made[lane] = a[from[lane] & 31];
  blend(w.row<uint32_t>(i.op[0]), made, mask);
  uint32_t& p = w.predicates[i.op[1]];
  p = (p & ~mask) | (inside & mask);
}

enum class Vote { all, any, uni, ballot };

template <Vote V>
void vote(Warp& w, const Instruction& i, uint32_t mask) {
  const uint32_t p = w.predicate(i.op[1]) & mask;
  const uint32_t* members = w.row<uint32_t>(i.op[2]);
  uint32_t result = 0;
  uint32_t* d = V == Vote::ballot ? w.row<uint32_t>(i.op[0]) : nullptr;
  uint32_t ballots[32] = {};
  for_lanes(mask, [&](uint32_t lane) {
    const uint32_t group = members[lane] & mask, yes = p & members[lane];
    ballots[lane] = yes;
    const bool answer = V == Vote::all ? yes == group : V == Vote::any ? yes != 0 : yes == group || yes == 0;
    result |= static_cast<uint32_t>(answer) << lane;
  });
  if (V == Vote::ballot) return blend(d, ballots, mask);
  uint32_t& q = w.predicates[i.op[0]];
  q = (q & ~mask) | (result & mask);
}

template <class T>
void match_any(Warp& w, const Instruction& i, uint32_t mask) {
  const T* a = w.row<T>(i.op[1]);
  const uint32_t* members = w.row<uint32_t>(i.op[2]);
  uint32_t made[32] = {};
  for_lanes(mask, [&](uint32_t lane) {
    for_lanes(mask & members[lane], [&](uint32_t other) { made[lane] |= static_cast<uint32_t>(a[other] == a[lane]) << other; });
  });
  blend(w.row<uint32_t>(i.op[0]), made, mask);
}

template <class T>
void match_all(Warp& w, const Instruction& i, uint32_t mask) {
  const T* a = w.row<T>(i.op[2]);
  const uint32_t* members = w.row<uint32_t>(i.op[3]);
  uint32_t made[32] = {}, all = 0;
  for_lanes(mask, [&](uint32_t lane) {
    bool same = true;
    for_lanes(mask & members[lane], [&](uint32_t other) { same &= a[other] == a[lane]; });
    made[lane] = same ? members[lane] : 0;
    all |= static_cast<uint32_t>(same) << lane;
  });
  blend(w.row<uint32_t>(i.op[0]), made, mask);
  uint32_t& p = w.predicates[i.op[1]];
  p = (p & ~mask) | (all & mask);
}

template <auto F, class T>
void redux(Warp& w, const Instruction& i, uint32_t mask) {
  const uint32_t* a = w.row<uint32_t>(i.op[1]);
  const uint32_t* members = w.row<uint32_t>(i.op[2]);
  uint32_t made[32] = {};
  for_lanes(mask, [&](uint32_t lane) {
    const uint32_t group = members[lane] & mask;
    T result = get<T>(a[first_lane(group)]);
    for_lanes(group & (group - 1), [&](uint32_t other) { result = F(result, get<T>(a[other])); });
    made[lane] = put<T>(result);
  });
  blend(w.row<uint32_t>(i.op[0]), made, mask);
}

template <class T>
constexpr T sum(T a, T b) { return static_cast<T>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b)); }
template <class T>
constexpr T least(T a, T b) { return b < a ? b : a; }
template <class T>
constexpr T greatest(T a, T b) { return a < b ? b : a; }
constexpr uint32_t both(uint32_t a, uint32_t b) { return a & b; }
constexpr uint32_t either(uint32_t a, uint32_t b) { return a | b; }
constexpr uint32_t differ(uint32_t a, uint32_t b) { return a ^ b; }
inline float least_float(float a, float b) { return std::isnan(a) || (!std::isnan(b) && (b < a || (a == b && std::signbit(b)))) ? b : a; }
inline float greatest_float(float a, float b) { return std::isnan(a) || (!std::isnan(b) && (a < b || (a == b && std::signbit(a)))) ? b : a; }

// The leader is the lowest lane of the members.
void elect(Warp& w, const Instruction& i, uint32_t mask) {
  const uint32_t* members = w.row<uint32_t>(i.op[2]);
  uint32_t made[32] = {}, elected = 0;
  for_lanes(mask, [&](uint32_t lane) {
    const uint32_t leader = first_lane(members[lane] & mask);
    made[lane] = leader;
    elected |= static_cast<uint32_t>(leader == lane) << lane;
  });
  blend(w.row<uint32_t>(i.op[0]), made, mask);
  uint32_t& p = w.predicates[i.op[1]];
  p = (p & ~mask) | (elected & mask);
}

void active_mask(Warp& w, const Instruction& i, uint32_t mask) {
  uint32_t* d = w.row<uint32_t>(i.op[0]);
  for_lanes(mask, [&](uint32_t lane) { d[lane] = mask; });
}

void collective(Forms& forms, const std::string& opcode, const std::string& shape, uint8_t mask_operand, Handler handler) {
  Form form;
  form.handler = handler, form.shape = shape, form.kind = Kind::collective, form.mask_operand = mask_operand;
  forms.add(opcode, form);
}

}  // namespace

void add_warp_forms(Forms& forms) {
  collective(forms, "shfl.sync.idx.b32", "raaaa", 5, shfl<Shuffle::idx>);
  collective(forms, "shfl.sync.up.b32", "raaaa", 5, shfl<Shuffle::up>);
  collective(forms, "shfl.sync.down.b32", "raaaa", 5, shfl<Shuffle::down>);
  collective(forms, "shfl.sync.bfly.b32", "raaaa", 5, shfl<Shuffle::bfly>);
  collective(forms, "vote.sync.all.pred", "pPa", 2, vote<Vote::all>);
  collective(forms, "vote.sync.any.pred", "pPa", 2, vote<Vote::any>);
  collective(forms, "vote.sync.uni.pred", "pPa", 2, vote<Vote::uni>);
  collective(forms, "vote.sync.ballot.b32", "dPa", 2, vote<Vote::ballot>);
  collective(forms, "match.any.sync.b32", "daa", 2, match_any<uint32_t>);
  collective(forms, "match.any.sync.b64", "dAa", 2, match_any<uint64_t>);
  collective(forms, "match.all.sync.b32", "raa", 3, match_all<uint32_t>);
  collective(forms, "match.all.sync.b64", "rAa", 3, match_all<uint64_t>);
  for (const char* type : {"u32", "s32"}) collective(forms, "redux.sync.add." + std::string(type), "daa", 2, redux<sum<uint32_t>, uint32_t>);
  collective(forms, "redux.sync.min.u32", "daa", 2, redux<least<uint32_t>, uint32_t>);
  collective(forms, "redux.sync.max.u32", "daa", 2, redux<greatest<uint32_t>, uint32_t>);
  collective(forms, "redux.sync.min.s32", "daa", 2, redux<least<int32_t>, int32_t>);
  collective(forms, "redux.sync.max.s32", "daa", 2, redux<greatest<int32_t>, int32_t>);
  collective(forms, "redux.sync.min.f32", "daa", 2, redux<least_float, float>);
  collective(forms, "redux.sync.max.f32", "daa", 2, redux<greatest_float, float>);
  collective(forms, "redux.sync.and.b32", "daa", 2, redux<both, uint32_t>);
  collective(forms, "redux.sync.or.b32", "daa", 2, redux<either, uint32_t>);
  collective(forms, "redux.sync.xor.b32", "daa", 2, redux<differ, uint32_t>);
  collective(forms, "elect.sync", "ra", 2, elect);
  forms.add("activemask.b32", "d", active_mask);
}

}  // namespace yoke::emulator
