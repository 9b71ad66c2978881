#pragma once
/// What a bearer key looks like: bp_live_<id>_<secret><check>
///
///   bp_live_   so that scanners of source code know it for what it is
///   id         16 lower-case letters and digits; public and stable, it outlives the secrets: what logs and books show
///   secret     33 letters and digits of OpenSSL's random source, 196 bits
///   check      6 letters and digits: the CRC-32 (IEEE 802.3) of all before it, in base 62
///
/// A text whose check is wrong is no key, and nothing has to be looked up to say so: a slip of a finger, a cut line, a
/// scanner's false find.
///
/// Threads: any. Cost: O(length), no memory.

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace bedplate {

inline constexpr std::string_view kKeyPrefix = "bp_live_";
inline constexpr size_t kKeyIdLength = 16;
inline constexpr size_t kKeySecretLength = 33;
inline constexpr size_t kKeyCheckLength = 6;
inline constexpr size_t kKeyTextLength = kKeyPrefix.size() + kKeyIdLength + 1 + kKeySecretLength + kKeyCheckLength;

/// The id of a text that is a key by its form and its check; it views the text.
std::optional<std::string_view> KeyIdOf(std::string_view text);

bool IsKeyId(std::string_view id);

/// kInternal where OpenSSL has no random bytes.
Result<std::string> NewKeyId();
/// A new secret's key.
Result<std::string> NewKeyText(std::string_view id);

/// The text without secrets: whatever in it begins as a key does shows no more than its id. For logs of what clients
/// sent, who may put a key in a wrong place.
std::string WithoutKeys(std::string_view text);

}  // namespace bedplate
