#pragma once
/// The one place where a Status becomes an HTTP status code.

#include "base/status.h"

namespace bedplate {

inline constexpr std::string_view kReasonMethodNotAllowed = "method_not_allowed";

int HttpStatusOf(const Status& status);

}  // namespace bedplate
