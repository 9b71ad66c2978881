#include "cmd/bench/load_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "base/cat.h"
#include "base/json.h"

namespace bedplate {
namespace {

using Time = std::chrono::steady_clock::time_point;

std::string Endpoint(const LoadTarget& target, std::string_view path) {
  std::string base = target.url;
  while (!base.empty() && base.back() == '/') base.pop_back();
  return Cat(base, base.ends_with("/v1") ? "" : "/v1", path);
}

struct Headers {
  explicit Headers(const LoadTarget& target) {
    list = curl_slist_append(list, "Content-Type: application/json");
    list = curl_slist_append(list, "Expect:");
    if (!target.key.empty()) list = curl_slist_append(list, Cat("Authorization: Bearer ", target.key).c_str());
  }
  ~Headers() { curl_slist_free_all(list); }
  Headers(const Headers&) = delete;
  Headers& operator=(const Headers&) = delete;
  curl_slist* list = nullptr;
};

size_t AppendBody(char* bytes, size_t size, size_t count, void* out) {
  static_cast<std::string*>(out)->append(bytes, size * count);
  return size * count;
}

std::string RequestBody(const LoadTarget& target, const PlannedRequest& request) {
  std::string out;
  JsonWriter w(out);
  w.BeginObject();
  w.Key("model");
  w.String(target.model);
  if (target.completions) {
    w.Key("prompt");
    w.String(request.prompt);
  } else {
    w.Key("messages");
    w.Raw(WriteJson(Json::Array{Json(Json::Object{{"role", "user"}, {"content", request.prompt}})}));
  }
  w.Key("max_tokens");
  w.Uint(request.output_tokens);
  w.Key("temperature");
  w.Int(0);
  w.Key("stream");
  w.Bool(true);
  w.Key("stream_options");
  w.Raw("{\"include_usage\":true}");
  w.Key("ignore_eos");  // of vLLM, llama-server and Bedplate: every answer has the length that was asked for
  w.Bool(true);
  w.EndObject();
  return out;
}

std::string ErrorText(const Json& json) {
  const Json* const error = json.Find("error");
  if (error == nullptr) return "";
  const Json* const message = error->Find("message");
  return message != nullptr && message->is_string() ? message->as_string() : WriteJson(*error);
}

bool HasText(const Json& event) {
  const Json* const choices = event.Find("choices");
  if (choices == nullptr || !choices->is_array() || choices->as_array().empty()) return false;
  const Json& choice = choices->as_array().front();
  const Json* text = choice.Find("text");
  if (const Json* delta = choice.Find("delta")) {
    text = delta->Find("content");
    if (text == nullptr || !text->is_string()) text = delta->Find("reasoning_content");
  }
  return text != nullptr && text->is_string() && !text->as_string().empty();
}

/// One request in flight.
struct Flight {
  Time start;
  RequestRecord* record = nullptr;
  std::string body;
  EventReader events;
  std::string other;  // what came and was no event: an error's JSON
  CURL* handle = nullptr;

  [[nodiscard]] double Now() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  static size_t Take(char* bytes, size_t size, size_t count, void* self) {
    static_cast<Flight*>(self)->Feed({bytes, size * count});
    return size * count;
  }
  void Feed(std::string_view bytes) {
    const double now = Now();
    if (other.size() < 4096) other += bytes;
    events.Feed(bytes, [&](std::string_view data) { Event(data, now); });
  }
  void Event(std::string_view data, double now) {
    if (data == "[DONE]") return;
    const Result<Json> event = ParseJson(data);
    if (!event.ok()) {
      record->error = Cat("an event is no JSON: ", event.status().message());
      return;
    }
    if (std::string error = ErrorText(*event); !error.empty()) record->error = std::move(error);
    if (HasText(*event)) record->chunks.push_back(now);
    const Json* const usage = event->Find("usage");
    if (usage == nullptr || !usage->is_object()) return;
    const auto count = [&](std::string_view name, uint64_t& into) {
      const Json* const value = usage->Find(name);
      if (value != nullptr && value->is_int()) into = static_cast<uint64_t>(value->as_int());
    };
    count("prompt_tokens", record->prompt_tokens);
    count("completion_tokens", record->output_tokens);
  }
  void Ended(CURLcode code) {
    record->ended = Now();
    long status = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    record->http_status = static_cast<int>(status);
    if (code != CURLE_OK) {
      record->error = curl_easy_strerror(code);
    } else if (status != 200) {
      const Result<Json> json = ParseJson(other);
      record->error = json.ok() ? ErrorText(*json) : other;
      if (record->error.empty()) record->error = Cat("HTTP status ", status);
    } else if (record->error.empty() && record->chunks.empty()) {
      record->error = "the answer held no text";
    }
    if (record->output_tokens == 0) record->output_tokens = record->chunks.size();
  }
};

class LoadRun {
 public:
  LoadRun(const LoadTarget& target, const LoadPlan& plan)
      : target_(target),
        plan_(plan),
        headers_(target),
        url_(Endpoint(target, target.completions ? "/completions" : "/chat/completions")) {
    records_.resize(plan.requests.size());
    multi_ = curl_multi_init();
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, 4096L);
  }
  ~LoadRun() {
    for (const auto& flight : flights_) {
      curl_multi_remove_handle(multi_, flight->handle);
      curl_easy_cleanup(flight->handle);
    }
    curl_multi_cleanup(multi_);
  }
  LoadRun(const LoadRun&) = delete;
  LoadRun& operator=(const LoadRun&) = delete;

  Result<std::vector<RequestRecord>> Run(const std::function<void(size_t)>& on_tick) {
    start_ = std::chrono::steady_clock::now();
    while (ended_ < records_.size()) {
      SendDue();
      int running = 0;
      const CURLMcode performed = curl_multi_perform(multi_, &running);
      if (performed != CURLM_OK) return Status::Internal(curl_multi_strerror(performed));
      TakeEnded();
      on_tick(ended_);
      if (ended_ < records_.size()) curl_multi_poll(multi_, nullptr, 0, WaitMs(), nullptr);
    }
    return std::move(records_);
  }

 private:
  [[nodiscard]] double Now() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  [[nodiscard]] bool MaySend() const { return next_ < records_.size() && flights_.size() < plan_.streams_max; }
  [[nodiscard]] int WaitMs() const {
    constexpr int kTickMs = 200;
    if (!MaySend()) return kTickMs;
    return std::clamp(static_cast<int>((plan_.requests[next_].at - Now()) * 1000), 0, kTickMs);
  }

  void SendDue() {
    while (MaySend() && plan_.requests[next_].at <= Now()) {
      const PlannedRequest& request = plan_.requests[next_];
      auto flight = std::make_unique<Flight>();
      flight->start = start_;
      flight->record = &records_[next_];
      flight->body = RequestBody(target_, request);
      flight->handle = curl_easy_init();
      CURL* const handle = flight->handle;
      curl_easy_setopt(handle, CURLOPT_URL, url_.c_str());
      curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers_.list);
      curl_easy_setopt(handle, CURLOPT_POSTFIELDS, flight->body.c_str());
      curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE, static_cast<long>(flight->body.size()));
      curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &Flight::Take);
      curl_easy_setopt(handle, CURLOPT_WRITEDATA, flight.get());
      curl_easy_setopt(handle, CURLOPT_PRIVATE, flight.get());
      curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
      curl_easy_setopt(handle, CURLOPT_NOPROXY, "127.0.0.1,localhost");
      flight->record->sent = Now();
      // A stream's next request is due when the one before has ended.
      flight->record->planned = request.at > 0 ? request.at : flight->record->sent;
      curl_multi_add_handle(multi_, handle);
      flights_.push_back(std::move(flight));
      ++next_;
    }
  }

  void TakeEnded() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* const handle = message->easy_handle;
      const CURLcode code = message->data.result;
      const auto found =
          std::find_if(flights_.begin(), flights_.end(), [&](const auto& flight) { return flight->handle == handle; });
      (*found)->Ended(code);
      curl_multi_remove_handle(multi_, handle);
      curl_easy_cleanup(handle);
      flights_.erase(found);
      ++ended_;
    }
  }

  const LoadTarget& target_;
  const LoadPlan& plan_;
  const Headers headers_;
  const std::string url_;
  CURLM* multi_ = nullptr;
  Time start_;
  std::vector<RequestRecord> records_;
  std::vector<std::unique_ptr<Flight>> flights_;
  size_t next_ = 0;  // of the plan's requests
  size_t ended_ = 0;
};

}  // namespace

void EventReader::Feed(std::string_view bytes, const std::function<void(std::string_view)>& take) {
  pending_ += bytes;
  size_t from = 0;
  for (size_t end; (end = pending_.find('\n', from)) != std::string::npos; from = end + 1) {
    std::string_view line = std::string_view(pending_).substr(from, end - from);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.starts_with("data:")) continue;
    line.remove_prefix(5);
    if (line.starts_with(' ')) line.remove_prefix(1);
    take(line);
  }
  pending_.erase(0, from);
}

Result<std::string> FirstModelOf(const LoadTarget& target) {
  const Headers headers(target);
  const std::string url = Endpoint(target, "/models");
  std::string body;
  CURL* const handle = curl_easy_init();
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.list);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &AppendBody);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &body);
  curl_easy_setopt(handle, CURLOPT_NOPROXY, "127.0.0.1,localhost");
  const CURLcode code = curl_easy_perform(handle);
  curl_easy_cleanup(handle);
  if (code != CURLE_OK) return Status::Unavailable(Cat(url, ": ", curl_easy_strerror(code)));
  const Result<Json> json = ParseJson(body);
  const Json* const data = json.ok() ? json->Find("data") : nullptr;
  if (data != nullptr && data->is_array() && !data->as_array().empty()) {
    const Json* const id = data->as_array().front().Find("id");
    if (id != nullptr && id->is_string()) return id->as_string();
  }
  return Status::Unavailable(Cat(url, " lists no model; name one"));
}

Result<std::vector<RequestRecord>> RunLoad(const LoadTarget& target, const LoadPlan& plan,
                                           const std::function<void(size_t)>& on_tick) {
  LoadRun run(target, plan);
  return run.Run(on_tick);
}

}  // namespace bedplate
