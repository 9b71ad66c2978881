#include "serve/attribution.h"

#include <algorithm>

#include "base/cat.h"
#include "base/sha256.h"

namespace bedplate {
namespace {

constexpr size_t kEndUserBytesMax = 256;
constexpr size_t kTagsBytesMax = 4096;
constexpr size_t kTierBytesMax = 64;
constexpr size_t kUserHashDigits = 32;

/// nullptr: it isn't there, or of another type.
const std::string* StringIn(const Json& object, std::string_view name) {
  const Json* const value = object.is_object() ? object.Find(name) : nullptr;
  return value != nullptr && value->is_string() ? &value->as_string() : nullptr;
}

/// As many bytes at most, and no part of a character.
std::string_view CutText(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  size_t size = bytes_max;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

std::string EndUserOf(const Json& body) {
  const std::string* name = StringIn(body, "user");
  if (name == nullptr) name = StringIn(body, "safety_identifier");
  const Json* const metadata = body.Find("metadata");
  if (name == nullptr && metadata != nullptr) name = StringIn(*metadata, "user_id");
  if (name == nullptr) return {};
  if (name->size() <= kEndUserBytesMax) return *name;
  Sha256 hash;
  hash.Add(name->data(), name->size());
  const auto digest = hash.Take();
  const std::string_view begin = CutText(*name, kEndUserBytesMax - kUserHashDigits - 1);
  return Cat(begin, "~", digest ? HexOf(*digest).substr(0, kUserHashDigits) : std::string());
}

std::string TagsOf(const Json& body) {
  const Json* tags = body.Find("metadata");
  if (tags == nullptr || !tags->is_object()) tags = body.Find("requestMetadata");
  if (tags == nullptr || !tags->is_object()) return {};
  Json::Object kept;
  size_t dropped = 0;
  size_t bytes = 64;  // of the braces, and of what counts the dropped
  for (const auto& [name, value] : tags->as_object()) {
    if (!value.is_string()) continue;
    const size_t needed = WriteJson(Json::Object{{name, value}}).size();
    if (bytes + needed > kTagsBytesMax) {
      ++dropped;
      continue;
    }
    bytes += needed;
    kept.emplace_back(name, value);
  }
  if (dropped > 0) kept.emplace_back("bedplate.dropped", Cat(dropped));
  return kept.empty() ? std::string() : WriteJson(kept);
}

std::string TierOf(const Json& body) {
  const std::string* tier = StringIn(body, "service_tier");
  const Json* const bedrock = body.Find("serviceTier");
  if (tier == nullptr && bedrock != nullptr) tier = StringIn(*bedrock, "type");
  const auto is_safe = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  };
  constexpr std::string_view kSameAsNone[] = {"", "auto", "standard", "standard_only"};
  const bool names_one = tier != nullptr && tier->size() <= kTierBytesMax && std::ranges::all_of(*tier, is_safe) &&
                         std::ranges::find(kSameAsNone, *tier) == std::end(kSameAsNone);
  return names_one ? *tier : "default";
}

}  // namespace

Attribution AttributionOf(const Json& body) {
  if (!body.is_object()) return {};
  return {.end_user = EndUserOf(body), .tags = TagsOf(body), .tier = TierOf(body)};
}

}  // namespace bedplate
