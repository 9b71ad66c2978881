#pragma once
/// `system` and `messages` of Converse to the messages of a chat. A block is an object with one member, whose name is
/// its kind. One turn may become several messages: results of tools are messages of their own, before the text that
/// comes with them.

#include <string>
#include <utility>

#include "base/json.h"
#include "base/status.h"
#include "request/request.h"
#include "serve/field_reader.h"

namespace bedplate::bedrock {

Status ReadConversation(const FieldReader& fields, ChatPrompt& prompt);

/// The one member of a union; others that are null don't count.
Result<std::pair<const std::string*, const Json*>> ReadUnion(const Json& value, const std::string& path);
/// A cachePoint asks for what happens anyway.
Status CheckCachePoint(const Json& value, const std::string& path);

}  // namespace bedplate::bedrock
