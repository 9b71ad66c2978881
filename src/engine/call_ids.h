#pragma once
/// Names of tool calls: made once, here, whatever the dialect; letters, digits and '_', 29 bytes.

#include <cstdint>
#include <string>
#include <string_view>

namespace bedplate {

/// A function of the request's own id, so unlike those of any other request. call: from 1.
std::string CallId(std::string_view request_id, uint32_t choice, uint32_t call);

/// Nine letters and digits for an id of any form: what Mistral's templates insist on.
std::string ShortCallId(std::string_view id);

}  // namespace bedplate
