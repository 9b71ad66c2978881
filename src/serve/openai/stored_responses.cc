#include "serve/openai/stored_responses.h"

#include <algorithm>
#include <ranges>
#include <utility>
#include <vector>

#include "base/cat.h"
#include "base/log.h"

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

Status InvalidPrevious(std::string message) {
  return Status::InvalidArgument(std::move(message)).WithParam("previous_response_id").WithReason("invalid_value");
}

/// What a client is told of the store: not its files and statements.
Status Told(Status status) {
  switch (status.code()) {
    case StatusCode::kIoError:
    case StatusCode::kUnavailable:
      LogError("the store of responses can't be used", {{"error", status.message()}});
      return Status::Unavailable("Stored responses can't be reached at the moment; try again, or send 'store': false.")
          .WithReason("storage_unavailable")
          .WithRetryAfterMs(std::max(status.retry_after_ms(), uint32_t{1000}));
    case StatusCode::kDataLoss:
      LogError("the store of responses is damaged", {{"error", status.message()}});
      return Status::Internal("What is stored of this response can't be read.").WithReason("storage_damaged");
    default:
      return status;
  }
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
  return Told(store_.Put({.kind = std::string(kind),
                          .id = std::string(response_id),
                          .owner = owner_,
                          .created_unix_seconds = now,
                          .expires_unix_seconds = now + kResponseLifeSeconds,
                          .content = std::move(content)},
                         now));
}

Status StoredResponses::Keep(const StoredResponse& record) {
  return Put(kResponse, TextAt(record.response, "id"),
             WriteJson(Json::Object{{"response", record.response}, {"input", record.input}}));
}

Status StoredResponses::KeepEvents(std::string_view response_id, std::string events) {
  return Put(kEvents, response_id, std::move(events));
}

Result<StoredResponse> StoredResponses::Find(std::string_view response_id) {
  BP_ASSIGN_OR_RETURN(Record record, Read(response_id));
  return std::move(record.content);
}

Result<StoredResponses::Record> StoredResponses::Read(std::string_view response_id) {
  Result<StoredObject> object = store_.Get({.kind = kResponse, .id = response_id, .owner = owner_}, unix_seconds_());
  if (!object.ok() && object.status().code() == StatusCode::kNotFound) return ResponseNotFound(response_id);
  if (!object.ok()) return Told(std::move(object).status());
  Result<Json> json = ParseOwnJson(object->content);
  if (!json.ok() && json.status().code() == StatusCode::kInternal) return std::move(json).status();  // no memory
  Record record{.content = {}, .bytes = object->content.size()};
  bool has_input = false;
  if (json.ok() && json->is_object()) {
    for (auto& [name, value] : json->as_object()) {
      if (name == "response") record.content.response = std::move(value);
      if (name != "input" || !value.is_array()) continue;
      record.content.input = std::move(value.as_array());
      has_input = true;
    }
  }
  if (record.content.response.is_object() && has_input) return record;
  return Told(Status::DataLoss(Cat("the record of ", response_id, " is none of a response")));
}

Result<std::string> StoredResponses::FindEvents(std::string_view response_id) {
  Result<StoredObject> object = store_.Get({.kind = kEvents, .id = response_id, .owner = owner_}, unix_seconds_());
  if (!object.ok()) return Told(std::move(object).status());
  return std::move(object->content);
}

Status StoredResponses::Delete(std::string_view response_id) {
  const int64_t now = unix_seconds_();
  Status events = store_.Delete({.kind = kEvents, .id = response_id, .owner = owner_}, now);
  if (!events.ok() && events.code() != StatusCode::kNotFound) return Told(std::move(events));
  Status response = store_.Delete({.kind = kResponse, .id = response_id, .owner = owner_}, now);
  return response.code() == StatusCode::kNotFound ? ResponseNotFound(response_id) : Told(std::move(response));
}

Result<Json::Array> StoredResponses::ItemsUpTo(const std::string& response_id) {
  std::vector<Json::Array> chain;  // the newest first
  size_t bytes = 0;
  for (std::string id = response_id; !id.empty();) {
    Result<Record> record = Read(id);
    if (!record.ok() && record.status().code() == StatusCode::kNotFound) return PreviousNotFound(id);
    if (!record.ok()) return std::move(record).status();
    auto& [response, input] = record->content;
    const std::string status = StatusWordOf(response);
    if (status != "completed" && status != "incomplete") {
      return InvalidPrevious(Cat("Previous response '", id, "' can't be continued: its status is '", status,
                                 "'; allowed: completed, incomplete."));
    }
    bytes += record->bytes;
    if (chain.size() == kChainMax || bytes > kHistoryBytesMax) {
      return InvalidPrevious(Cat("The conversation is too long: at most ", kChainMax, " responses of ",
                                 kHistoryBytesMax,
                                 " bytes in all are continued; begin a new one with what matters of it as 'input'."));
    }
    std::ranges::copy(OutputOf(response), std::back_inserter(input));
    chain.push_back(std::move(input));
    id = TextAt(response, "previous_response_id");
  }
  Json::Array items;
  for (auto& some : chain | std::views::reverse) std::ranges::move(some, std::back_inserter(items));
  return items;
}

Result<Json::Array> StoredResponses::ItemsOf(const std::string& response_id) {
  BP_ASSIGN_OR_RETURN(StoredResponse record, Find(response_id));
  std::ranges::copy(OutputOf(record.response), std::back_inserter(record.input));
  return std::move(record.input);
}

}  // namespace bedplate::openai
