#pragma once
/// Anthropic's Messages API, decoded. Unknown fields are ignored, as clients send new ones; a field or content block
/// that asks for what this build can't do is refused by name. Table: docs/anthropic.md. Source:
/// https://docs.anthropic.com/en/api/messages, .../api/versioning.

#include <string_view>

#include "base/json.h"
#include "base/status.h"
#include "serve/dialect.h"

namespace bedplate::anthropic {

/// What the anthropic-version header asks for. Absent or unknown ones are no reason to fail: an absent one is the
/// first, a later one than we know has the newest rules.
enum class Version : uint8_t {
  k2023,  // 2023-06-01
  k2026,  // 2026-10-21: temperature, top_p and top_k are refused; no documents
          // in assistant turns, no citations on text
};
Version VersionOf(const HttpRequest& head);

struct DecodeOptions {
  Version version = Version::k2023;
  bool counting = false;  // count_tokens: no max_tokens, no stream
};
Result<Call> DecodeMessages(const Json& body, DecodeOptions options);

Dialect MessagesDialect();
Dialect CountTokensDialect();

}  // namespace bedplate::anthropic
