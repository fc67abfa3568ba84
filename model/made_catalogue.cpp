// The catalogue of a model that nobody downloaded: what its tensors would be.
#include <fmt/format.h>

#include "core/units.h"
#include "model/catalogue.h"
#include "model/roles.h"

namespace yoke::model {
namespace {

bool is_kept_plain(Role role, const ModelConfig& config, const WeightFormat& scheme) {
  const RoleRow& row = row_of(role);
  if (row.vector || row.scope == Scope::model || role == Role::router) return true;
  const bool mxfp4 = scheme.codes == Dtype::e2m1 && scheme.scale_dtype == Dtype::f8_e8m0;
  return config.architecture == "gpt_oss" && mxfp4 && row.scope != Scope::expert;
}

bool fills_blocks(const RoleShape& shape, const WeightFormat& scheme) {
  const int64_t block = info(scheme.codes).block_elements;
  const bool e2m1 = scheme.codes == Dtype::e2m1;  // whose layouts have no partial groups
  return shape.cols % block == 0 && (!e2m1 || shape.cols % scheme.group == 0);
}

class Maker {
 public:
  explicit Maker(const ModelConfig& config) {
    checkpoint_->path = config.name.empty() ? config.architecture : config.name;
    checkpoint_->files = {checkpoint_->path};
    checkpoint_->file_modified_ns = {0};
    checkpoint_->config = config;
  }

  Weight make(const RoleRow& row, int layer, int expert, const WeightFormat& scheme) {
    const ModelConfig& config = checkpoint_->config;
    const RoleShape shape = row.shape(config);
    Weight weight = {.role = row.role, .layer = layer, .expert = expert, .rows = shape.rows, .cols = shape.cols};
    weight.vector = row.vector;
    const bool plain = is_kept_plain(row.role, config, scheme) || !fills_blocks(shape, scheme);
    weight.format = plain ? plain_format(Dtype::bf16) : scheme;
    const std::string module = fmt::format("{}.{}.{}", layer, yoke::model::name(row.role), expert);
    if (row.vector)
      weight.codes = add(module, Dtype::bf16, {shape.cols});
    else
      add_parts(module, weight);
    return weight;
  }

  std::shared_ptr<const Checkpoint> finish() {
    checkpoint_->file_bytes = {next_};
    return checkpoint_;
  }

 private:
  void add_parts(const std::string& module, Weight& weight) {
    const WeightFormat& f = weight.format;
    const int64_t rows = weight.rows, cols = weight.cols;
    const int64_t groups = f.group > 0 ? ceil_div(cols, f.group) : 1;
    if (f.codes == Dtype::e2m1)
      weight.codes = add(module, Dtype::u8, {rows, cols / 2});
    else if (f.codes == Dtype::int4 && f.listed_groups)
      weight.codes = add(module, Dtype::i32, {cols / 8, rows});
    else if (f.codes == Dtype::int4)
      weight.codes = add(module, Dtype::i32, {rows, ceil_div(cols, 8)});
    else
      weight.codes = add(module, f.codes, {rows, cols});
    if (f.listed_groups) weight.layout = CodeLayout::gptq;
    if (f.scales == Scales::per_row) weight.scales = add(module + ".s", Dtype::f32, {rows, 1});
    if (f.scales == Scales::per_block)
      weight.scales = add(module + ".s", Dtype::f32, {ceil_div(rows, f.group), groups});
    if (f.scales == Scales::per_group && f.listed_groups)
      weight.scales = add(module + ".s", f.scale_dtype, {groups, rows});
    if (f.scales == Scales::per_group && !f.listed_groups)
      weight.scales = add(module + ".s", f.scale_dtype, {rows, groups});
    if (f.zero_points && f.listed_groups) weight.zeros = add(module + ".z", Dtype::i32, {groups, ceil_div(rows, 8)});
    if (f.zero_points && !f.listed_groups) weight.zeros = add(module + ".z", Dtype::i32, {ceil_div(rows, 8), groups});
    if (f.listed_groups) weight.groups = add(module + ".g", Dtype::i32, {cols});
    if (f.global) weight.global = add(module + ".t", Dtype::f32, {});
  }

  const TensorInfo* add(const std::string& name, Dtype dtype, std::vector<int64_t> shape) {
    TensorInfo tensor = {
        .name = name, .dtype = dtype, .shape = std::move(shape), .file = 0, .offset = next_, .bytes = 0};
    tensor.bytes = static_cast<uint64_t>(tensor.rows()) * row_bytes(dtype, tensor.cols());
    next_ += tensor.bytes;
    return &checkpoint_->tensors.emplace(name, std::move(tensor)).first->second;
  }

  std::shared_ptr<Checkpoint> checkpoint_ = std::make_shared<Checkpoint>();
  uint64_t next_ = 0;
};

}  // namespace

Catalogue::Catalogue(const ModelConfig& config, const WeightFormat& scheme) {
  Maker maker(config);
  const auto make = [&](const RoleRow& row, int layer, int expert) {
    weights_.emplace(std::tuple(row.role, layer, expert), maker.make(row, layer, expert, scheme));
  };
  for (const RoleRow& row : role_rows()) {
    if (row.scope == Scope::model && !config.layers_alone && row.present(config, {})) make(row, kNoLayer, 0);
  }
  for (int layer = 0; layer < config.layers; ++layer) {
    for (const RoleRow& row : role_rows()) {
      if (row.scope == Scope::model || !row.present(config, kind_of(config, layer))) continue;
      const int64_t experts = row.scope == Scope::expert ? config.moe.experts : 1;
      for (int expert = 0; expert < experts; ++expert) make(row, layer, expert);
    }
  }
  made_ = maker.finish();
  checkpoint_ = made_.get();
}

}  // namespace yoke::model
