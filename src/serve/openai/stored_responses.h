#pragma once
/// The responses of one owner in the store of objects: a response, the items that its request brought, and, of one that
/// was streamed in the background, its events.
///
/// Threads: any, but not a network thread: the store may wait for the disk.
/// Errors:  kNotFound for what isn't there, has expired or is another's; kTooLarge; kUnavailable where the store can't
///          be used, kInternal where what it holds can't be read: why is for the log, not for clients.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/status.h"
#include "objects/object_store.h"
#include "serve/openai/response_items.h"

namespace bedplate::openai {

/// As long as OpenAI keeps them.
inline constexpr int64_t kResponseLifeSeconds = int64_t{30} * 24 * 3600;

struct StoredResponse {
  Json response;      // as clients see it
  Json::Array input;  // whole items with ids
};

class StoredResponses final : public ResponseHistory {
 public:
  StoredResponses(ObjectStore& store, std::string owner, std::function<int64_t()> unix_seconds)
      : store_(store), owner_(std::move(owner)), unix_seconds_(std::move(unix_seconds)) {}

  Status Keep(const StoredResponse& record);
  Status KeepEvents(std::string_view response_id, std::string events);
  Result<StoredResponse> Find(std::string_view response_id);
  Result<std::string> FindEvents(std::string_view response_id);
  Status Delete(std::string_view response_id);

  /// kInvalidArgument, param previous_response_id, where one of the chain is not there or has not ended, or where all
  /// that is stored of it takes more than kHistoryBytesMax.
  Result<Json::Array> ItemsUpTo(const std::string& response_id) override;
  Result<Json::Array> ItemsOf(const std::string& response_id) override;

 private:
  struct Record {
    StoredResponse content;
    size_t bytes = 0;  // as stored
  };
  Result<Record> Read(std::string_view response_id);
  Status Put(std::string_view kind, std::string_view response_id, std::string content);

  ObjectStore& store_;
  const std::string owner_;
  const std::function<int64_t()> unix_seconds_;
};

/// In OpenAI's words.
Status ResponseNotFound(std::string_view response_id);
std::string StatusWordOf(const Json& response);
/// It will not change any more.
bool HasEnded(const Json& response);

}  // namespace bedplate::openai
