#pragma once
/// Which arguments each verb takes (roles.h has the verbs), and what each may be. One table behind three things:
/// Arguments (arguments.h) reads no other and holds each to its rule; /openapi.json tells it; and so a test can walk
/// it.
///
/// Threads: any; constant.

#include <cstdint>
#include <span>
#include <string_view>

#include "ledger/tenancy/roles.h"

namespace bedplate {

struct Argument {
  enum class Kind : uint8_t {
    kText,     // 1 to kTextBytesMax bytes; one of `words`, where there are any
    kName,     // of something new: IsTenantName (tenant_records.h)
    kInteger,  // from min to max
    kFlag,
    kTexts,       // at most kTextsMax, each as a kText
    kOneOrTexts,  // a kText, or a kTexts
  };
  static constexpr size_t kTextBytesMax = 1024;
  static constexpr size_t kTextsMax = 1000;

  std::string_view name;
  Kind kind = Kind::kText;
  std::string_view about;
  bool needed = false;
  int64_t min = 0;
  int64_t max = 0;
  std::span<const std::string_view> words = {};
};

struct VerbArguments {
  std::span<const Argument> own;
  std::span<const Argument> limits = {};  // of a key (tenant_records.h), which several verbs take

  [[nodiscard]] const Argument* Find(std::string_view name) const {
    for (const std::span<const Argument> group : {own, limits}) {
      for (const Argument& argument : group) {
        if (argument.name == name) return &argument;
      }
    }
    return nullptr;
  }
};

/// What the row's path names (VerbRow::subject) is among them.
VerbArguments ArgumentsOf(TenantVerb verb);

}  // namespace bedplate
