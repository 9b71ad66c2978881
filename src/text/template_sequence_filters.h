#pragma once
/// The filters that take or give sequences: first, join, map, sort and so on.

#include <string_view>

#include "text/template_call.h"

namespace bedplate::jinja {

Function FindSequenceFilter(std::string_view name);

}  // namespace bedplate::jinja
