#include "serve/openai/stored_responses.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/cat.h"

namespace bedplate::openai {
namespace {

constexpr std::string_view kResponse = "response";
constexpr std::string_view kEvents = "response_events";
// Longer than any context has room for: each response brings at least a message.
constexpr size_t kChainMax = 10'000;

Status PreviousNotFound(std::string_view id) {
  return Status::InvalidArgument(Cat("Previous response with id '", id.substr(0, 100), "' not found."))
      .WithParam("previous_response_id")
      .WithReason("previous_response_not_found");
}

const Json::Array& OutputOf(const Json& response) {
  static const Json::Array kNone;
  const Json* output = response.Find("output");
  return output != nullptr && output->is_array() ? output->as_array() : kNone;
}

}  // namespace

Status ResponseNotFound(std::string_view response_id) {
  return Status::NotFound(Cat("Response with id '", response_id.substr(0, 100), "' not found.")).WithParam("id");
}

std::string StatusWordOf(const Json& response) {
  return TextAt(response, "status");
}

bool HasEnded(const Json& response) {
  const std::string status = StatusWordOf(response);
  return status != "queued" && status != "in_progress";
}

Status StoredResponses::Put(std::string_view kind, std::string_view response_id, std::string content) {
  const int64_t now = unix_seconds_();
  return store_.Put({.kind = std::string(kind),
                     .id = std::string(response_id),
                     .owner = owner_,
                     .created_unix_seconds = now,
                     .expires_unix_seconds = now + kResponseLifeSeconds,
                     .content = std::move(content)},
                    now);
}

Status StoredResponses::Keep(const StoredResponse& record) {
  return Put(kResponse, TextAt(record.response, "id"),
             WriteJson(Json::Object{{"response", record.response}, {"input", record.input}}));
}

Status StoredResponses::KeepEvents(std::string_view response_id, std::string events) {
  return Put(kEvents, response_id, std::move(events));
}

Result<StoredResponse> StoredResponses::Find(std::string_view response_id) {
  Result<StoredObject> object = store_.Get({.kind = kResponse, .id = response_id, .owner = owner_}, unix_seconds_());
  if (!object.ok() && object.status().code() == StatusCode::kNotFound) return ResponseNotFound(response_id);
  if (!object.ok()) return std::move(object).status();
  Result<Json> record = ParseJson(object->content);
  const Json* response = record.ok() ? record->Find("response") : nullptr;
  const Json* input = record.ok() ? record->Find("input") : nullptr;
  if (response == nullptr || input == nullptr || !input->is_array()) {
    return Status::DataLoss(Cat("what is stored of response '", response_id, "' can't be read"));
  }
  return StoredResponse{.response = *response, .input = input->as_array()};
}

Result<std::string> StoredResponses::FindEvents(std::string_view response_id) {
  Result<StoredObject> object = store_.Get({.kind = kEvents, .id = response_id, .owner = owner_}, unix_seconds_());
  if (!object.ok()) return std::move(object).status();
  return std::move(object->content);
}

Status StoredResponses::Delete(std::string_view response_id) {
  const int64_t now = unix_seconds_();
  Status events = store_.Delete({.kind = kEvents, .id = response_id, .owner = owner_}, now);
  if (!events.ok() && events.code() != StatusCode::kNotFound) return events;
  Status response = store_.Delete({.kind = kResponse, .id = response_id, .owner = owner_}, now);
  return response.code() == StatusCode::kNotFound ? ResponseNotFound(response_id) : response;
}

Result<Json::Array> StoredResponses::ItemsUpTo(const std::string& response_id) {
  std::vector<StoredResponse> chain;  // the newest first
  for (std::string id = response_id; !id.empty(); id = TextAt(chain.back().response, "previous_response_id")) {
    Result<StoredResponse> record = Find(id);
    if (!record.ok() && record.status().code() == StatusCode::kNotFound) return PreviousNotFound(id);
    if (!record.ok()) return std::move(record).status();
    const std::string status = StatusWordOf(record->response);
    if (status != "completed" && status != "incomplete") {
      return Status::InvalidArgument(Cat("Previous response '", id, "' can't be continued: its status is '", status,
                                         "'; allowed: completed, incomplete."))
          .WithParam("previous_response_id")
          .WithReason("invalid_value");
    }
    if (chain.size() == kChainMax) {
      return Status::InvalidArgument(Cat("The conversation has more than ", kChainMax, " responses."))
          .WithParam("previous_response_id")
          .WithReason("invalid_value");
    }
    chain.push_back(*std::move(record));
  }
  Json::Array items;
  for (auto record = chain.rbegin(); record != chain.rend(); ++record) {
    std::ranges::move(record->input, std::back_inserter(items));
    std::ranges::copy(OutputOf(record->response), std::back_inserter(items));
  }
  return items;
}

Result<Json> StoredResponses::ItemOf(const std::string& item_id) {
  const std::string response_id = ResponseIdOfItem(item_id);
  if (response_id.empty()) return Status::NotFound("no item of ours");
  BP_ASSIGN_OR_RETURN(const StoredResponse record, Find(response_id));
  for (const Json::Array* items : {&OutputOf(record.response), &record.input}) {
    const auto at = std::ranges::find_if(*items, [&](const Json& item) { return TextAt(item, "id") == item_id; });
    if (at != items->end()) return *at;
  }
  return Status::NotFound("the response has no such item");
}

}  // namespace bedplate::openai
