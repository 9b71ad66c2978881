#pragma once
/// What every kind of admission tells clients of their credentials, in the same words.

#include <string>
#include <string_view>

#include "base/status.h"

namespace bedplate {

Status Unauthenticated(std::string message, std::string reason);
Status IncorrectKey();
Status ExpiredKey();
/// Of a key that is right, and whose tenant or project isn't served for now.
Status DisabledKey();
Status UnknownAccessKey();

/// The key of "Bearer KEY", which it views; the scheme's letters may be of any case (RFC 9110, 11.1). kUnauthenticated
/// where it isn't that.
Result<std::string_view> BearerOf(std::string_view credentials);

}  // namespace bedplate
