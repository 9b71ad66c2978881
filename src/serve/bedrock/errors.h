#pragma once
/// Errors in Bedrock's shape: {"message"}, with the modelled exception's name in x-amzn-errortype. Clients pick their
/// class by that name. Source: the service's model in botocore (bedrock-runtime/2023-09-30).

#include <string>
#include <string_view>

#include "base/status.h"
#include "serve/http_message.h"

namespace bedplate::bedrock {

HttpResponse ErrorResponse(const Status& status, std::string_view request_id);

/// Appends the exception that ends a stream. Streams have fewer kinds: what has none is a modelStreamErrorException.
void AppendStreamFailure(const Status& status, std::string& out);

}  // namespace bedplate::bedrock
