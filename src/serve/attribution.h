#pragma once
/// On whose behalf a body says that it is sent, whatever its dialect: the books note it, and nothing else depends on
/// it.
///
///   end user  `user`, else `safety_identifier`, else `metadata.user_id` (Anthropic's)
///   tags      `metadata`, else `requestMetadata` (Bedrock's): its members that are strings
///   tier      `service_tier`, else `serviceTier.type` (Bedrock's); "auto", "standard", "standard_only" and none:
///   "default"
///
/// What is of another type is as if it weren't there. What is longer than the books allow isn't lost in silence: an end
/// user's name is cut and a part of its SHA-256 follows, so that two stay apart; tags that don't fit are counted in one
/// of the name "bedplate.dropped".

#include "base/json.h"
#include "request/admission.h"

namespace bedplate {

Attribution AttributionOf(const Json& body);

}  // namespace bedplate
