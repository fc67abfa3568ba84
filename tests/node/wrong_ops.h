// Kernels that are wrong, for tests of what must find them.
#pragma once

#include <cmath>
#include <memory>
#include <span>

#include "kernels/ops.h"

namespace yoke::node::selftest {

// The reference with two wrong kernels: a product's last row has one bit too many, SwiGLU writes beyond its rows.
class WrongOps final : public kernels::Ops {
 public:
  kernels::Device& device() override { return right_->device(); }
  void run(const kernels::Linear& p) override {
    right_->run(p);
    p.y[(p.rows - 1) * p.y_stride] = std::nextafter(p.y[(p.rows - 1) * p.y_stride], 1e9f);
  }
  void run(const kernels::SwiGlu& p) override {
    right_->run(p);
    p.y[p.rows * p.stride - 1] = 0;  // beyond the last row's width
  }
  void run(const kernels::TransposedLinear& p) override { right_->run(p); }
  void run(const kernels::RmsNorm& p) override { right_->run(p); }
  void run(const kernels::LayerNorm& p) override { right_->run(p); }
  void run(const kernels::SumOfSquares& p) override { right_->run(p); }
  void run(const kernels::RmsScale& p) override { right_->run(p); }
  void run(const kernels::RotaryEmbedding& p) override { right_->run(p); }
  void run(const kernels::ClampedSwiGlu& p) override { right_->run(p); }
  void run(const kernels::Gelu& p) override { right_->run(p); }
  void run(const kernels::Tanh& p) override { right_->run(p); }
  void run(const kernels::Scale& p) override { right_->run(p); }
  void run(const kernels::Route& p) override { right_->run(p); }
  void run(const kernels::ScatterAdd& p) override { right_->run(p); }
  void run(const kernels::GatherRows& p) override { right_->run(p); }
  void run(const kernels::ResidualAdd& p) override { right_->run(p); }
  void run(const kernels::EmbeddingLookup& p) override { right_->run(p); }
  void run(const kernels::KvAppend& p) override { right_->run(p); }
  void run(const kernels::Attention& p) override { right_->run(p); }
  using kernels::Ops::run;

 private:
  std::unique_ptr<kernels::Ops> right_ = kernels::ops_backend("reference").make({});
};

}  // namespace yoke::node::selftest
