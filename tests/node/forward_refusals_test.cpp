// A step that makes no sense is refused by name and leaves no trace: never a crash, never a half-done step.
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "forward_group.h"
#include "forward_script.h"

namespace yoke::node {
namespace {

const Tokens kTokens{1, 2, 3};

class ForwardRefusals : public testing::Test {
 protected:
  // The field that the refusal names; empty if the step was run.
  std::string refusal(const std::vector<StepEntry>& entries) {
    try {
      group_.run(step_of(++step_, entries));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::invalid_argument) << error.what();
      return error.param();
    }
    return {};
  }

  // A good entry, spoilt.
  template <typename Spoil>
  std::string refusal_of(Spoil spoil) {
    ScriptSequence s = script_sequence(1, 0, 8);
    StepEntry entry = sampled(rows_entry(s, kTokens, WantLogits::last));
    spoil(entry);
    return refusal({entry});
  }

  ForwardGroup group_{golden_model("llama"), {.layout = {2, 1}, .max_rows = 16, .kv_blocks = 16}};
  uint64_t step_ = 0;
};

TEST_F(ForwardRefusals, NameTheFieldThatIsWrong) {
  EXPECT_EQ(refusal_of([](StepEntry&) {}), "");
  EXPECT_EQ(refusal_of([](StepEntry& e) { e.set_tokens(1, 512); }), "tokens");
  EXPECT_EQ(refusal_of([](StepEntry& e) { e.set_tokens(1, 0xFFFFFFFFu); }), "tokens");
  EXPECT_EQ(refusal_of([](StepEntry& e) { e.clear_tokens(); }), "tokens");
  EXPECT_EQ(refusal_of([](StepEntry& e) { e.set_start(126); }), "start");
  EXPECT_EQ(refusal_of([](StepEntry& e) { e.set_start(0xFFFFFFFFu); }), "start");
  EXPECT_EQ(refusal_of([](StepEntry& e) { e.set_start(20); }), "blocks");
  EXPECT_EQ(refusal_of([](StepEntry& e) { e.set_blocks(0, 16); }), "blocks");
  EXPECT_EQ(refusal_of([](StepEntry& e) { e.set_blocks(0, 0xFFFFFFFFu); }), "blocks");
  EXPECT_EQ(refusal_of([](StepEntry& e) { e.clear_blocks(); }), "blocks");
  EXPECT_EQ(refusal_of([](StepEntry& e) { while (e.blocks_size() < 9) e.add_blocks(0); }), "blocks");
  EXPECT_EQ(refusal_of([](StepEntry& e) { e.set_from_step(1); }), "from_step");
  EXPECT_EQ(refusal_of([](StepEntry& e) { e.set_logit_rows(0, 3); }), "logit_rows");
  EXPECT_EQ(refusal_of([](StepEntry& e) { e.add_logit_rows(1); }), "logit_rows");
  EXPECT_EQ(refusal_of([](StepEntry& e) { e.set_prompt_logprobs(21); }), "prompt_logprobs");
  EXPECT_EQ(refusal_of([](StepEntry& e) { e.set_prompt_logprobs(0), e.set_next_token(512); }), "next_token");
}

TEST_F(ForwardRefusals, NameTheSamplingParameterThatIsWrong) {
  const auto sampling = [&](auto spoil) { return refusal_of([&](StepEntry& e) { spoil(*e.mutable_sampling()); }); };
  EXPECT_EQ(sampling([](auto& s) { s.set_temperature(-1); }), "temperature");
  EXPECT_EQ(sampling([](auto& s) { s.set_temperature(NAN); }), "temperature");
  EXPECT_EQ(sampling([](auto& s) { s.set_top_p(1.5f); }), "top_p");
  EXPECT_EQ(sampling([](auto& s) { s.set_min_p(NAN); }), "min_p");
  EXPECT_EQ(sampling([](auto& s) { s.set_repetition_penalty(0); }), "repetition_penalty");
  EXPECT_EQ(sampling([](auto& s) { s.set_frequency_penalty(INFINITY); }), "frequency_penalty");
  EXPECT_EQ(sampling([](auto& s) { s.add_bias_tokens(3); }), "bias_tokens");
  EXPECT_EQ(sampling([](auto& s) { s.add_bias_tokens(512), s.add_bias_values(1); }), "bias_tokens");
  EXPECT_EQ(sampling([](auto& s) { s.set_logprobs(21); }), "logprobs");
  EXPECT_EQ(sampling([](auto& s) { s.add_prompt_tokens(512); }), "prompt_tokens");
  EXPECT_EQ(sampling([](auto& s) { s.set_presence_penalty(1), s.add_generated_tokens(9999); }), "generated_tokens");
  EXPECT_EQ(sampling([](auto& s) {
              s.set_presence_penalty(1);
              for (int i = 0; i < 10; ++i) s.add_generated_tokens(1);
            }), "generated_tokens") << "more tokens than positions";
}

TEST_F(ForwardRefusals, ComeForTheWholeStepToo) {
  ScriptSequence a = script_sequence(1, 0, 8), b = script_sequence(2, 8, 8);
  const Tokens many(9, 1);
  EXPECT_EQ(refusal({rows_entry(a, many, WantLogits::none), rows_entry(b, many, WantLogits::none)}), "entries") << "18 rows of 16";
  ScriptSequence once = script_sequence(3, 0, 8), twice = script_sequence(3, 8, 8);
  EXPECT_EQ(refusal({rows_entry(once, kTokens, WantLogits::none), rows_entry(twice, kTokens, WantLogits::none)}), "entries");
  EXPECT_EQ(refusal({}), "");
  --step_;
  EXPECT_EQ(refusal({}), "id") << "steps ascend";
}

TEST_F(ForwardRefusals, AStepAfterARefusedOneRunsAsIfNothingHadHappened) {
  ScriptSequence s = script_sequence(1, 0, 8), same = script_sequence(1, 0, 8);
  const StepEntry good = sampled(rows_entry(s, kTokens, WantLogits::last));
  const StepOutput before = group_.run(step_of(++step_, {good}));
  StepEntry bad = rows_entry(same, kTokens, WantLogits::none);
  bad.set_tokens(2, 600);
  EXPECT_EQ(refusal({bad}), "tokens");
  EXPECT_TRUE(equal_bits(group_.run(step_of(++step_, {good})).logits.at(1), before.logits.at(1)));
}

TEST_F(ForwardRefusals, AForgottenSequenceHasNoDrawnTokens) {
  ScriptSequence s = script_sequence(1, 0, 8);
  EXPECT_EQ(refusal({sampled(rows_entry(s, kTokens, WantLogits::none))}), "");
  ScriptSequence again = s;
  EXPECT_EQ(refusal({sampled(drawn_entry(s, step_))}), "");
  StepEntry over;
  over.set_sequence(1);
  over.set_release(true);
  EXPECT_EQ(refusal({over}), "");
  EXPECT_EQ(refusal({sampled(drawn_entry(again, 1))}), "from_step");
}

// Who gives states is asked for no token, and an encoder's sequence comes whole.
TEST(EncoderRefusals, NameTheFieldThatIsWrong) {
  ForwardGroup group(golden_model("bert"), {.layout = {1, 1, 1}, .max_rows = 16, .kv_blocks = 16});
  uint64_t step = 0;
  const auto refusal_of = [&](auto spoil) -> std::string {
    ScriptSequence s = script_sequence(1, 0, 8);
    StepEntry entry = rows_entry(s, kTokens, WantLogits::last);
    spoil(entry);
    try {
      group.run(step_of(++step, {entry}));
    } catch (const Error& error) {
      return error.param();
    }
    return {};
  };
  EXPECT_EQ(refusal_of([](StepEntry&) {}), "");
  EXPECT_EQ(refusal_of([](StepEntry& e) { e = sampled(e); }), "sample");
  EXPECT_EQ(refusal_of([](StepEntry& e) { e.set_prompt_logprobs(0); }), "sample");
  EXPECT_EQ(refusal_of([](StepEntry& e) { e.set_start(1); }), "start");
  EXPECT_EQ(refusal_of([](StepEntry& e) { e.add_token_types(0); }), "token_types");
  EXPECT_EQ(refusal_of([](StepEntry& e) { for (uint32_t type : {0u, 1u, 2u}) e.add_token_types(type); }), "token_types");
  EXPECT_EQ(refusal_of([](StepEntry& e) { for (uint32_t type : {0u, 1u, 1u}) e.add_token_types(type); }), "");
}

}  // namespace
}  // namespace yoke::node
