#pragma once
/// Signing in to the console with a key, and out again.
///
///   POST   /console/session {"key": "..."}   a cookie for the key (console_sessions.h); who that is
///   GET    /console/session                  who the request is from, and what they may do
///   DELETE /console/session                  the session ends, the cookie goes
///
/// What changes something comes from a page of this server. Wrong keys from one address are answered ten a minute.

#include "ledger/office/office.h"
#include "request/admission.h"
#include "serve/attempt_meter.h"
#include "serve/console_sessions.h"
#include "serve/router.h"

namespace bedplate {

struct SessionServices {
  Admission& admission;
  const Clock& clock;
  ConsoleSessions& sessions;
  AttemptMeter& attempts;
  Office* office = nullptr;  // null: no tenants, so no roles
  bool has_keys = false;
  bool under_tls = false;
};

/// What services refers to outlives the router.
void AddSessionRoutes(const SessionServices& services, Router& router);

}  // namespace bedplate
