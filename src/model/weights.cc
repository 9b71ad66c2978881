// Plan: walk the wanted tensors twice with the same code. The first walk checks shapes and plans where each matrix
// lies; the second packs, or points into the file that holds the result of an earlier packing. So nothing is allocated
// before everything is known to fit together.
#include "model/weights.h"

#include <atomic>
#include <unordered_set>

#include "base/cat.h"
#include "kernels/dequantize.h"

namespace bedplate {
namespace {

std::string ShapeText(const std::vector<uint64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += Cat(i == 0 ? "" : " x ", shape[i]);
  return text + "]";
}

Result<const TensorView*> FindShaped(const ModelFile& file, const std::string& name,
                                     const std::vector<uint64_t>& shape) {
  const TensorView* tensor = file.FindTensor(name);
  if (tensor == nullptr) {
    return Status::DataLoss(
        Cat(file.path().string(), ": tensor \"", name, "\" is missing; the model needs it as ", ShapeText(shape)));
  }
  if (tensor->shape != shape) {
    return Status::DataLoss(Cat(file.path().string(), ": tensor \"", name, "\" has shape ", ShapeText(tensor->shape),
                                "; the model's settings ask for ", ShapeText(shape)));
  }
  return tensor;
}

}  // namespace

class WeightsLoader {
 public:
  WeightsLoader(const ModelFile& file, const ModelConfig& config) : file_(file), config_(config) {}

  Result<WeightsSize> Measure() {
    BP_RETURN_IF_ERROR(Walk());
    return WeightsSize{weights_.plan_.bytes, weights_.embedding_->bytes.size(), weights_.inputs_max_};
  }

  Result<Weights> Load(const PackedCacheOptions& cache, ThreadTeam& team) {
    BP_RETURN_IF_ERROR(Walk());
    weights_.mapped_ = FindPacked(cache, file_, weights_.plan_, team);
    if (!weights_.mapped_) {
      BP_ASSIGN_OR_RETURN(weights_.arena_, Buffer::Allocate(weights_.plan_.bytes));
      team_ = &team;
    }
    from_ = weights_.packed();
    matrices_ = 0;
    BP_RETURN_IF_ERROR(Walk());
    for (const MappedFile& file : file_.files()) file.Release(0, file.bytes().size());
    return std::move(weights_);
  }

 private:
  Status Walk() {
    const ModelConfig& c = config_;
    const uint64_t q_width = uint64_t{c.heads} * c.head_dim, kv_width = uint64_t{c.kv_heads} * c.head_dim;
    weights_.width_ = c.width;
    weights_.layers_.assign(c.layers, {});
    BP_ASSIGN_OR_RETURN(weights_.embedding_, Find("token_embd.weight", {c.vocabulary, c.width}));
    for (uint32_t i = 0; i < c.layers; ++i) {
      LayerWeights& layer = weights_.layers_[i];
      const std::string blk = Cat("blk.", i, ".");
      BP_RETURN_IF_ERROR(Norm(blk + "attn_norm.weight", c.width, layer.attention_norm));
      BP_RETURN_IF_ERROR(Matrix(blk + "attn_q", q_width, c.width, c.attention_bias, layer.q));
      BP_RETURN_IF_ERROR(Matrix(blk + "attn_k", kv_width, c.width, c.attention_bias, layer.k));
      BP_RETURN_IF_ERROR(Matrix(blk + "attn_v", kv_width, c.width, c.attention_bias, layer.v));
      BP_RETURN_IF_ERROR(
          Matrix(blk + "attn_output", c.width, q_width, c.attention_output_bias, layer.attention_output));
      if (c.qk_norm) {
        BP_RETURN_IF_ERROR(Norm(blk + "attn_q_norm.weight", c.head_dim, layer.q_norm));
        BP_RETURN_IF_ERROR(Norm(blk + "attn_k_norm.weight", c.head_dim, layer.k_norm));
      }
      if (c.post_norms) {
        BP_RETURN_IF_ERROR(Norm(blk + "post_attention_norm.weight", c.width, layer.post_attention_norm));
        BP_RETURN_IF_ERROR(Norm(blk + "post_ffw_norm.weight", c.width, layer.post_ffn_norm));
      }
      BP_RETURN_IF_ERROR(Norm(blk + "ffn_norm.weight", c.width, layer.ffn_norm));
      BP_RETURN_IF_ERROR(Matrix(blk + "ffn_gate", c.ffn_width, c.width, false, layer.gate));
      BP_RETURN_IF_ERROR(Matrix(blk + "ffn_up", c.ffn_width, c.width, false, layer.up));
      BP_RETURN_IF_ERROR(Matrix(blk + "ffn_down", c.width, c.ffn_width, false, layer.down));
    }
    BP_RETURN_IF_ERROR(Norm("output_norm.weight", c.width, weights_.output_norm_));
    BP_RETURN_IF_ERROR(
        Matrix(c.tied_embeddings ? "token_embd" : "output", c.vocabulary, c.width, false, weights_.head_));
    if (file_.FindTensor("rope_freqs.weight") != nullptr) {
      BP_RETURN_IF_ERROR(Vector("rope_freqs.weight", c.rope.dims / 2, weights_.rope_factors_));
      for (const float factor : weights_.rope_factors_) {
        if (factor >= 1e-3f && factor <= 1e6f) continue;  // false for NaN
        return Status::DataLoss(
            Cat(file_.path().string(), ": tensor \"rope_freqs.weight\" holds ", factor, "; allowed: 0.001 to 1000000"));
      }
    }
    return CheckAllUsed();
  }

  // A tensor of a layer that we don't read means that the file asks for something we don't do.
  Status CheckAllUsed() const {
    for (const TensorView& tensor : file_.tensors()) {
      if (!tensor.name.starts_with("blk.") || used_.contains(&tensor) || tensor.name.ends_with(".attn_rot_embd.weight"))
        continue;
      return Status::Unimplemented(
          Cat(file_.path().string(), ": tensor \"", tensor.name, "\" is not used by ",
              ArchitectureName(config_.architecture),
              " in this build, so the answers would be wrong; serve the model through another server"));
    }
    return Status::Ok();
  }

  Result<const TensorView*> Find(const std::string& name, const std::vector<uint64_t>& shape) {
    BP_ASSIGN_OR_RETURN(const TensorView* tensor, FindShaped(file_, name, shape));
    used_.insert(tensor);
    return tensor;
  }

  Status Vector(const std::string& name, uint64_t n, std::vector<float>& out) {
    BP_ASSIGN_OR_RETURN(const TensorView* tensor, Find(name, {n}));
    if (n % InfoOf(tensor->type).block_elements != 0) {
      return Status::DataLoss(Cat(file_.path().string(), ": tensor \"", name, "\" of ", n, " elements can't be ",
                                  InfoOf(tensor->type).name));
    }
    out.resize(n);
    DequantizeRow(tensor->type, tensor->bytes.data(), n, out.data());
    return Status::Ok();
  }

  Status Norm(const std::string& name, uint64_t n, std::vector<float>& out) {
    BP_RETURN_IF_ERROR(Vector(name, n, out));
    if (config_.norm_plus_one) {
      for (float& v : out) v += 1.0f;
    }
    return Status::Ok();
  }

  Status Matrix(const std::string& name, uint64_t outputs, uint64_t inputs, bool bias, Linear& out) {
    BP_ASSIGN_OR_RETURN(const TensorView* tensor, Find(name + ".weight", {outputs, inputs}));
    const uint32_t unit =
        NeedsQuantizedInput(tensor->type) ? std::max(InfoOf(tensor->type).block_elements, kInputBlock) : 1;
    if (inputs % unit != 0) {
      return Status::DataLoss(Cat(file_.path().string(), ": tensor \"", tensor->name, "\" has ", inputs, " inputs; ",
                                  InfoOf(tensor->type).name, " needs a multiple of ", unit));
    }
    weights_.inputs_max_ = std::max(weights_.inputs_max_, static_cast<uint32_t>(inputs));
    PackedMatrix& m = out.matrix;
    m.type = tensor->type;
    m.outputs = static_cast<uint32_t>(outputs);
    m.inputs = static_cast<uint32_t>(inputs);
    if (from_ == nullptr) {
      weights_.plan_.Add(tensor->name, m.type, m.outputs, m.inputs, PackedBytes(m.type, m.outputs, m.inputs));
    } else {
      const uint64_t offset = weights_.plan_.places[matrices_++].offset;
      m.data = from_ + offset;
      if (team_ != nullptr) Pack(m, *tensor, weights_.arena_.data() + offset);
    }
    if (bias) return Vector(name + ".bias", outputs, out.bias);
    return Status::Ok();
  }

  void Pack(const PackedMatrix& m, const TensorView& tensor, std::byte* packed) {
    constexpr uint32_t kTilesAtOnce = 16;
    std::atomic<uint32_t> next{0};
    team_->Run([&](ThreadTeam::Member) {
      for (;;) {
        const uint32_t begin = next.fetch_add(kTilesAtOnce);
        if (begin >= m.tiles()) return;
        const uint32_t end = std::min(begin + kTilesAtOnce, m.tiles());
        PackTiles(m.type, m.outputs, m.inputs, tensor.bytes.data(), begin, end, packed);
        ReleaseRows(m, tensor, begin * kTileOutputs, std::min(end * kTileOutputs, m.outputs));
      }
    });
    file_.ReleasePages(tensor, 0, tensor.bytes.size());  // with those at the edges between two threads' rows
  }

  void ReleaseRows(const PackedMatrix& m, const TensorView& tensor, uint32_t begin, uint32_t end) const {
    const size_t row_bytes = RowBytes(m.type, m.inputs);
    file_.ReleasePages(tensor, begin * row_bytes, (end - begin) * row_bytes);
  }

  const ModelFile& file_;
  const ModelConfig& config_;
  const std::byte* from_ = nullptr;  // the packed matrices; null in the first walk
  ThreadTeam* team_ = nullptr;       // null unless they are to be packed
  size_t matrices_ = 0;              // met in the second walk
  std::unordered_set<const TensorView*> used_;
  Weights weights_;
};

Result<WeightsSize> Weights::Measure(const ModelFile& file, const ModelConfig& config) {
  return WeightsLoader(file, config).Measure();
}

Result<Weights> Weights::Load(const ModelFile& file, const ModelConfig& config, const PackedCacheOptions& cache,
                              ThreadTeam& team) {
  return WeightsLoader(file, config).Load(cache, team);
}

const std::byte* Weights::packed() const {
  return mapped_ ? mapped_->file.bytes().data() + mapped_->data_offset : arena_.data();
}

void Weights::Embed(uint32_t token, float* out) const {
  const size_t row_bytes = RowBytes(embedding_->type, width_);
  DequantizeRow(embedding_->type, embedding_->bytes.data() + token * row_bytes, width_, out);
}

}  // namespace bedplate
