#pragma once
/// One call to a model, whatever the dialect: decode → find the model → prepare → admit → submit → events → encode →
/// settle. The heavy part up to submit runs on a worker, so that one client's long prompt holds up nobody's stream;
/// everything else on the connection's strand.
///
/// The answer's head waits for the first event (or the first ping), so that what fails before is a status, not a
/// stream. Events are taken only while the connection can take bytes: a slow reader leaves them in the engine's outbox.

#include <functional>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "serve/dialect.h"
#include "serve/exchange.h"
#include "serve/identifiers.h"
#include "serve/model_registry.h"

namespace bedplate {

/// What every generation needs; outlives them all.
struct GenerationServices {
  ModelRegistry& models;
  Admission& admission;
  const Clock& clock;
  IdMaker& ids;
  std::function<void(std::function<void()>)> run_on_worker;
  std::function<bool()> draining;
};

/// The call that a request's body asks for; the body must be JSON.
Result<Call> DecodeBody(const Dialect& dialect, const HttpRequest& request);

/// The head of a stream that has these fields of its own.
HttpResponse StreamHead(std::vector<HttpField> fields);

std::shared_ptr<Activity> StartGeneration(const GenerationServices& services, const Dialect& dialect, Exchange exchange,
                                          const std::shared_ptr<ResponseSink>& sink);

}  // namespace bedplate
