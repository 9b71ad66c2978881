#pragma once
/// Reads the numbers of a model's config, whichever form they are stored in, and keeps the first error, so that the
/// code that fills a ModelConfig reads as a list. Internal to model_config*.cc.

#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cat.h"
#include "base/json.h"
#include "base/status.h"
#include "model/gguf.h"
#include "model/model_config.h"
#include "model/quoted.h"

namespace bedplate {

struct UintRange {
  uint64_t min;
  uint64_t max;
};
struct FloatRange {
  double min;
  double max;
};

// No model comes near these; they bound what a hostile file can make us allocate or loop over.
inline constexpr UintRange kLayersRange = {1, 1024};
inline constexpr UintRange kWidthRange = {1, 1 << 17};
inline constexpr UintRange kHeadsRange = {1, 1024};
inline constexpr UintRange kHeadDimRange = {2, 1024};
inline constexpr UintRange kFfnWidthRange = {1, 1 << 20};
inline constexpr UintRange kVocabularyRange = {1, 1 << 22};
inline constexpr UintRange kContextRange = {1, 1 << 27};
inline constexpr FloatRange kEpsilonRange = {1e-12, 0.1};
inline constexpr FloatRange kThetaRange = {1.001, 1e12};
inline constexpr FloatRange kFactorRange = {1.0, 1e4};
inline constexpr FloatRange kPositiveRange = {1e-6, 1e6};
inline constexpr FloatRange kCapRange = {0.0, 1e6};

class ConfigFields {
 public:
  virtual ~ConfigFields() = default;

  /// Fails by name when the key is absent.
  uint32_t Uint(std::string_view key, UintRange range) {
    const std::optional<uint64_t> value = Keep(FindUint(key));
    if (!value.has_value()) {
      Fail(Status::DataLoss(Cat(what_, " lacks the required key ", Name(key))));
      return static_cast<uint32_t>(range.min);
    }
    return Checked(key, *value, range);
  }
  uint32_t UintOr(std::string_view key, uint64_t fallback, UintRange range) {
    const std::optional<uint64_t> value = Keep(FindUint(key));
    return value.has_value() ? Checked(key, *value, range) : static_cast<uint32_t>(fallback);
  }
  float Float(std::string_view key, FloatRange range) {
    const std::optional<double> value = Keep(FindFloat(key));
    if (!value.has_value()) {
      Fail(Status::DataLoss(Cat(what_, " lacks the required key ", Name(key))));
      return static_cast<float>(range.min);
    }
    return Checked(key, *value, range);
  }
  float FloatOr(std::string_view key, double fallback, FloatRange range) {
    const std::optional<double> value = Keep(FindFloat(key));
    return value.has_value() ? Checked(key, *value, range) : static_cast<float>(fallback);
  }
  bool BoolOr(std::string_view key, bool fallback) { return Keep(FindBool(key)).value_or(fallback); }
  std::string StringOr(std::string_view key, std::string fallback) {
    return Keep(FindString(key)).value_or(std::move(fallback));
  }

  /// True when the key is there and not null.
  [[nodiscard]] virtual bool Has(std::string_view key) const = 0;
  /// The key as the file spells it, in quotes.
  [[nodiscard]] virtual std::string Name(std::string_view key) const = 0;

  void Fail(Status status) {
    if (status_.ok()) status_ = std::move(status);
  }
  [[nodiscard]] const Status& status() const { return status_; }

 protected:
  explicit ConfigFields(std::string what) : what_(std::move(what)) {}

  virtual Result<std::optional<uint64_t>> FindUint(std::string_view key) const = 0;
  virtual Result<std::optional<double>> FindFloat(std::string_view key) const = 0;
  virtual Result<std::optional<bool>> FindBool(std::string_view key) const = 0;
  virtual Result<std::optional<std::string>> FindString(std::string_view key) const = 0;

  template <class T>
  T Keep(Result<T> result) {
    if (result.ok()) return std::move(*result);
    Fail(result.status());
    return T();
  }

 private:
  uint32_t Checked(std::string_view key, uint64_t value, UintRange range) {
    if (value >= range.min && value <= range.max) return static_cast<uint32_t>(value);
    Fail(Status::DataLoss(Cat(what_, ": ", Name(key), " is ", value, "; allowed: ", range.min, " to ", range.max)));
    return static_cast<uint32_t>(range.min);
  }
  float Checked(std::string_view key, double value, FloatRange range) {
    if (std::isfinite(value) && value >= range.min && value <= range.max) return static_cast<float>(value);
    Fail(Status::DataLoss(Cat(what_, ": ", Name(key), " is ", value, "; allowed: ", range.min, " to ", range.max)));
    return static_cast<float>(range.min);
  }

  std::string what_;
  Status status_;
};

/// The two readers. Each fills all of the config but what ReadModelConfig derives from tensors and checks at the end.
Result<ModelConfig> ReadGgufConfig(const ModelFile& file);
Result<ModelConfig> ReadHfConfig(const ModelFile& file);

/// kUnimplemented, naming the architecture, those we run, and what to do instead.
Status UnknownArchitecture(std::string_view stated);

/// What YaRN multiplies cos and sin by, unless the file says otherwise.
float YarnMagnitude(float factor);

}  // namespace bedplate
