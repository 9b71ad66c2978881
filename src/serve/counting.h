#pragma once
/// How many tokens a request's prompt has, for dialects that let clients ask: decode → find the model → count, on a
/// worker. Nothing is computed, so nothing is admitted or settled.

#include <memory>
#include <string>

#include "serve/dialect.h"
#include "serve/exchange.h"
#include "serve/generation.h"

namespace bedplate {

/// encode: the answer's body.
std::shared_ptr<Activity> StartCounting(const GenerationServices& services, const Dialect& dialect, Exchange exchange,
                                        const std::shared_ptr<ResponseSink>& sink, std::string (*encode)(uint32_t));

}  // namespace bedplate
