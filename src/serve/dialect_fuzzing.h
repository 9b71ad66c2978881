#pragma once
/// What fuzz targets ask of every dialect.

#include <string>

#include "base/check.h"
#include "base/json.h"
#include "serve/dialect.h"

namespace bedplate {

/// The answer of a model that says nothing: whole, it is JSON.
inline void CheckEmptyAnswer(const Call& call) {
  std::string text;
  const auto encoder = call.make_encoder(
      {.id = "x", .request_id = "req_x", .created_unix_seconds = 1, .model = call.model, .fingerprint = "fp"});
  encoder->OnDone({}, text);
  if (!call.stream) BP_CHECK(ParseJson(text).ok());
}

}  // namespace bedplate
