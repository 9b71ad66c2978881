#pragma once
/// An answer that takes a worker to make, such as one that waits for a disk, and that nothing has to be said for
/// meanwhile.

#include <functional>
#include <memory>
#include <string>

#include "serve/dialect.h"
#include "serve/exchange.h"
#include "serve/generation.h"

namespace bedplate {

/// make runs on a worker; what it says goes to the sink, an error in the writer's shape. Exceptions are errors.
std::shared_ptr<Activity> AnswerOnWorker(const GenerationServices& services, const std::shared_ptr<ResponseSink>& sink,
                                         ErrorWriter error_response, std::string request_id,
                                         std::function<Result<HttpResponse>()> make);

/// What a connection holds while others make its answer.
std::shared_ptr<Activity> WaitForAnswer();

/// The same, where what was made is for `then`, on the sink's strand; it is not called where the sink has gone.
void MakeOnWorker(const GenerationServices& services, const std::shared_ptr<ResponseSink>& sink,
                  std::function<Status()> make, std::function<void(ResponseSink& sink, const Status& status)> then);

}  // namespace bedplate
