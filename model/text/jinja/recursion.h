// Guards of the evaluator's two halves. One thread.
#pragma once

#include <utility>

#include "model/text/jinja/evaluator.h"

namespace yoke::model::text::jinja {

// Counts one evaluation within another.
class Evaluator::Recursion {
 public:
  explicit Recursion(int& depth) : depth_(depth) {
    if (depth_ >= kMaxRecursion) fail("macros call each other more than {} evaluations deep", kMaxRecursion);
    ++depth_;
  }
  ~Recursion() { --depth_; }
  Recursion(const Recursion&) = delete;

 private:
  int& depth_;
};

// Evaluates within another scope, until it goes.
class Evaluator::Within {
 public:
  Within(Evaluator& evaluator, std::shared_ptr<Scope> around)
      : evaluator_(evaluator),
        before_(std::exchange(evaluator.scope_, std::make_shared<Scope>(Scope{std::move(around), {}}))) {}
  ~Within() { evaluator_.scope_ = std::move(before_); }
  Within(const Within&) = delete;

 private:
  Evaluator& evaluator_;
  std::shared_ptr<Scope> before_;
};

}  // namespace yoke::model::text::jinja
