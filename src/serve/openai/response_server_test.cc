// Method: a real server on a free port with a scripted engine, driven by raw sockets, and a store of objects that
// outlives it: what clients of /v1/responses see on the wire, whose responses they are, and what a restart leaves.

#include <gtest/gtest.h>

#include "base/json.h"
#include "serve/openai/stored_responses.h"
#include "serve/served_testing.h"

namespace bedplate {
namespace {

/// Whoever sends "Bearer X" is X.
class AnyKey final : public Admission {
 public:
  Result<Principal> Authenticate(std::string_view credentials) override {
    return Principal{.tenant = "t", .project = "p", .key = std::string(credentials)};
  }
  Result<AccessKey> FindAccessKey(std::string_view id) override { return open_->FindAccessKey(id); }
  Admitted Admit(const Principal& principal, const Estimate& estimate) override {
    return open_->Admit(principal, estimate);
  }

 private:
  std::unique_ptr<Admission> open_ = MakeOpenAdmission();
};

Json Parsed(const RawAnswer& answer) {
  Result<Json> body = ParseJson(answer.body);
  EXPECT_TRUE(body.ok()) << answer.status << " " << answer.body;
  return body.ok() ? *std::move(body) : Json();
}
std::string At(const Json& object, std::string_view name) {
  const Json* value = object.Find(name);
  if (value == nullptr) return "(absent)";
  return value->is_string() ? value->as_string() : WriteJson(*value);
}

class ResponseServer : public testing::Test {
 protected:
  ResponseServer() : store_(*ObjectStore::InMemory({})) { Start(FakeEngine::Mode::kAnswer); }

  void Start(FakeEngine::Mode mode, ObjectStore* store = nullptr) {
    served_.reset();
    ServerOptions options = QuietOptions();
    options.objects = store == nullptr ? store_.get() : store;
    options.write_queue_bytes = write_queue_bytes_;
    served_ = std::make_unique<Served>(mode, std::move(options), std::make_unique<AnyKey>());
  }
  RawAnswer Post(std::string_view path, std::string_view body, std::string_view key = "a") {
    return served_->Ask(PostText(path, body, Cat("Authorization: ", key, "\r\n")));
  }
  RawAnswer Get(std::string_view path, std::string_view key = "a") {
    return served_->Ask(GetText(path, Cat("Authorization: ", key, "\r\n")));
  }
  RawAnswer Delete(std::string_view path, std::string_view key = "a") {
    return served_->Ask(Cat("DELETE ", path, " HTTP/1.1\r\nHost: localhost\r\nAuthorization: ", key, "\r\n\r\n"));
  }
  static std::string Body(std::string_view more) { return Cat(R"({"model":"fake",)", more, "}"); }
  std::string Create(std::string_view more) { return At(Parsed(Post("/v1/responses", Body(more))), "id"); }
  std::string StatusOf(const std::string& id) { return At(Parsed(Get("/v1/responses/" + id)), "status"); }
  FakeEngine& engine() { return served_->engine; }
  void TellTheRest(const FakeEngine::Submitted& submitted) {
    submitted.events->Push({FakeEngine::Said("Hello"), FakeEngine::Said(" there"),
                            ChoiceFinished{.choice = 0, .reason = FinishReason::kStop, .stop_string = {}},
                            FakeEngine::Finished(submitted.request, 2)});
  }

  size_t write_queue_bytes_ = ServerOptions{}.write_queue_bytes;
  const std::unique_ptr<ObjectStore> store_;
  std::unique_ptr<Served> served_;
};

TEST_F(ResponseServer, AnswersStoresAndGivesBack) {
  const RawAnswer answer = Post("/v1/responses", Body(R"("input":"Hi","metadata":{"a":"b"})"));
  ASSERT_EQ(answer.status, 200) << answer.body;
  const Json response = Parsed(answer);
  EXPECT_EQ(At(response, "status"), "completed");
  EXPECT_EQ(At(response.Find("output")->as_array()[0].Find("content")->as_array()[0], "text"), "Hello, world");
  EXPECT_EQ(At(response, "metadata"), R"({"a":"b"})");
  const std::string path = "/v1/responses/" + At(response, "id");
  EXPECT_EQ(Get(path).body, answer.body);
  EXPECT_EQ(Get("/openai" + path).body, answer.body) << "where Bedrock's host has it";
  Start(FakeEngine::Mode::kAnswer);
  EXPECT_EQ(Get(path).body, answer.body) << "after a restart";
  for (const RawAnswer& others : {Get(path, "b"), Get(path + "/input_items", "b"), Delete(path, "b"),
                                  Post(path + "/cancel", "", "b"), Get(path + "?stream=true", "b")}) {
    EXPECT_EQ(others.status, 404) << others.body;
    EXPECT_EQ(At(ErrorOf(others), "message"), Cat("Response with id '", At(response, "id"), "' not found."));
  }
  EXPECT_EQ(At(Parsed(Delete(path)), "deleted"), "true");
  EXPECT_EQ(Get(path).status, 404);
  EXPECT_EQ(Delete(path).status, 404);
  const std::string unstored = Create(R"("input":"Hi","store":false)");
  EXPECT_EQ(Get("/v1/responses/" + unstored).status, 404);
}

TEST_F(ResponseServer, GoesOnFromAnEarlierOneOfTheSameKey) {
  const std::string first = Create(R"("input":"one","instructions":"Be brief.")");
  const std::string second = Create(Cat(R"("input":"two","previous_response_id":")", first, "\""));
  const RawAnswer third = Post("/v1/responses", Body(Cat(R"("input":"three","previous_response_id":")", second, "\"")));
  EXPECT_EQ(At(Parsed(third), "previous_response_id"), second);
  std::string told;
  const PreparedRequest request = engine().WaitFor(2).request;
  for (const Message& m : std::get<ChatPrompt>(request.request.prompt).messages) {
    told += Cat(m.role, ":", m.content, "|");
  }
  EXPECT_EQ(told, "user:one|assistant:Hello, world|user:two|assistant:Hello, world|user:three|");
  const RawAnswer others =
      Post("/v1/responses", Body(Cat(R"("input":"x","previous_response_id":")", second, "\"")), "b");
  EXPECT_EQ(others.status, 400);
  EXPECT_EQ(CodeOf(others), "previous_response_not_found");
  EXPECT_EQ(Delete("/v1/responses/" + first).status, 200);
  EXPECT_EQ(Post("/v1/responses", Body(Cat(R"("input":"x","previous_response_id":")", second, "\""))).status, 400)
      << "a conversation without its beginning is not made up";
}

TEST_F(ResponseServer, StreamsTypedEvents) {
  const RawAnswer answer = Post("/v1/responses", Body(R"("input":"Hi","stream":true)"));
  EXPECT_EQ(answer.fields.at("content-type"), "text/event-stream; charset=utf-8");
  EXPECT_TRUE(
      answer.body.starts_with("event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,"))
      << answer.body;
  const size_t last = answer.body.rfind("event: ");
  EXPECT_TRUE(answer.body.substr(last).starts_with("event: response.completed\n"));
  const Json end = *ParseJson(answer.body.substr(answer.body.find("data: ", last) + 6));
  EXPECT_EQ(Parsed(Get("/v1/responses/" + At(*end.Find("response"), "id"))), *end.Find("response"));
}

TEST_F(ResponseServer, ListsItsInputByPages) {
  const std::string id = Create(R"("input":[{"role":"user","content":"a"},{"role":"user","content":"b"},
                                            {"role":"user","content":"c"}])");
  const std::string path = Cat("/v1/responses/", id, "/input_items");
  const auto texts = [&](std::string_view query) {
    const Json list = Parsed(Get(Cat(path, query)));
    std::string all;
    for (const Json& item : list.Find("data")->as_array()) {
      all += At(item.Find("content")->as_array()[0], "text");
    }
    return Cat(all, At(list, "has_more") == "true" ? "+" : "");
  };
  const std::string hex = id.substr(5);
  EXPECT_EQ(texts(""), "cba");
  EXPECT_EQ(texts("?order=asc&limit=2"), "ab+");
  EXPECT_EQ(texts(Cat("?order=asc&limit=2&after=msg_", hex, "_i1")), "c");
  EXPECT_EQ(texts(Cat("?limit=1&after=msg_", hex, "_i2")), "b+");
  for (const char* query : {"?limit=0", "?limit=101", "?limit=x", "?order=up", "?after=msg_none"}) {
    EXPECT_EQ(Get(Cat(path, query)).status, 400) << query;
  }
}

TEST_F(ResponseServer, CountsItsInput) {
  const Json count = Parsed(Post("/v1/responses/input_tokens", Body(R"("input":"12345")")));
  EXPECT_EQ(WriteJson(count), R"({"object":"response.input_tokens","input_tokens":5})");
  EXPECT_EQ(Post("/v1/responses/input_tokens", Body(R"("input":7)")).status, 400);
}

TEST_F(ResponseServer, OneInTheBackgroundGoesOnWithoutItsClient) {
  Start(FakeEngine::Mode::kHold);
  const RawAnswer begun = Post("/v1/responses", Body(R"("input":"Hi","background":true)"));
  ASSERT_EQ(begun.status, 200) << begun.body;
  const std::string id = At(Parsed(begun), "id");
  EXPECT_EQ(At(Parsed(begun), "status"), "queued");
  EXPECT_EQ(Get("/v1/responses/" + id, "b").status, 404);
  const auto submitted = engine().WaitFor(0);
  submitted.events->Push({FakeEngine::Read(submitted.request)});
  EXPECT_TRUE(Eventually([&] { return StatusOf(id) == "in_progress"; }));
  EXPECT_EQ(Get("/v1/responses/" + id + "?stream=true").status, 400) << "it was not created as a stream";
  TellTheRest(submitted);
  EXPECT_TRUE(Eventually([&] { return StatusOf(id) == "completed"; }));
  EXPECT_FALSE(submitted.events->cancelled());
  EXPECT_EQ(Post(Cat("/v1/responses/", id, "/cancel"), "").status, 200) << "one that has ended is given as it is";
}

TEST_F(ResponseServer, AStreamInTheBackgroundCanBeFollowedAgain) {
  Start(FakeEngine::Mode::kHold);
  RawClient client(served_->port());
  ASSERT_TRUE(client.Send(
      PostText("/v1/responses", Body(R"("input":"Hi","background":true,"stream":true)"), "Authorization: a\r\n")));
  const auto head = client.ReadUntil("event: response.queued\n");
  ASSERT_TRUE(head.has_value());
  const size_t at = head->find("\"id\":\"resp_");
  const std::string id = head->substr(at + 6, 5 + 32);
  client.Close();
  const auto submitted = engine().WaitFor(0);
  submitted.events->Push({FakeEngine::Read(submitted.request)});
  RawClient follower(served_->port());
  ASSERT_TRUE(
      follower.Send(GetText(Cat("/v1/responses/", id, "?stream=true&starting_after=1"), "Authorization: a\r\n")));
  const auto seen = follower.ReadUntil("event: response.in_progress\n");
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(seen->find("response.queued"), std::string::npos) << *seen;
  TellTheRest(submitted);
  EXPECT_TRUE(follower.ReadUntil("event: response.completed\n").has_value());
  EXPECT_TRUE(Eventually([&] { return StatusOf(id) == "completed"; }));
  const std::string whole = Get(Cat("/v1/responses/", id, "?stream=true")).body;
  EXPECT_TRUE(whole.starts_with("event: response.created\n")) << whole;
  Start(FakeEngine::Mode::kHold);
  EXPECT_EQ(Get(Cat("/v1/responses/", id, "?stream=true")).body, whole) << "after a restart";
  const std::string rest = Get(Cat("/v1/responses/", id, "?stream=true&starting_after=4")).body;
  EXPECT_TRUE(whole.ends_with(rest));
  EXPECT_NE(rest.substr(0, rest.find('}')).find("\"sequence_number\":5,"), std::string::npos) << rest;
}

// As servers are that keep books: nothing is taken while something is unsent, and a head is that, too.
TEST_F(ResponseServer, AStreamInTheBackgroundIsToldWhereEachWriteIsAwaited) {
  write_queue_bytes_ = 0;
  Start(FakeEngine::Mode::kHold);
  RawClient client(served_->port());
  ASSERT_TRUE(client.Send(
      PostText("/v1/responses", Body(R"("input":"Hi","background":true,"stream":true)"), "Authorization: a\r\n")));
  const auto head = client.ReadUntil("event: response.queued\n");
  ASSERT_TRUE(head.has_value());
  const std::string id = head->substr(head->find("\"id\":\"resp_") + 6, 5 + 32);
  const auto submitted = engine().WaitFor(0);
  RawClient follower(served_->port());
  ASSERT_TRUE(
      follower.Send(GetText(Cat("/v1/responses/", id, "?stream=true&starting_after=1"), "Authorization: a\r\n")));
  EXPECT_TRUE(follower.ReadUntil("\r\n\r\n").has_value()) << "a head, where there is no event yet";
  submitted.events->Push({FakeEngine::Read(submitted.request)});
  TellTheRest(submitted);
  EXPECT_TRUE(client.ReadUntil("event: response.completed\n").has_value());
  EXPECT_TRUE(follower.ReadUntil("event: response.completed\n").has_value());
}

TEST_F(ResponseServer, CancellingFreesTheEngine) {
  Start(FakeEngine::Mode::kHold);
  const std::string id = Create(R"("input":"Hi","background":true)");
  const auto submitted = engine().WaitFor(0);
  const RawAnswer cancelled = Post(Cat("/v1/responses/", id, "/cancel"), "");
  EXPECT_EQ(At(Parsed(cancelled), "status"), "cancelled") << cancelled.body;
  EXPECT_TRUE(submitted.events->cancelled());
  EXPECT_EQ(StatusOf(id), "cancelled");
  EXPECT_EQ(Post("/v1/responses", Body(Cat(R"("input":"x","previous_response_id":")", id, "\""))).status, 400);
}

TEST_F(ResponseServer, DeletingOneThatRunsCancelsIt) {
  Start(FakeEngine::Mode::kHold);
  const std::string id = Create(R"("input":"Hi","background":true)");
  const auto submitted = engine().WaitFor(0);
  EXPECT_EQ(Delete("/v1/responses/" + id).status, 200);
  EXPECT_TRUE(submitted.events->cancelled());
  EXPECT_EQ(Get("/v1/responses/" + id).status, 404);
}

TEST_F(ResponseServer, OneThatTheServerDidNotEndHasFailed) {
  Start(FakeEngine::Mode::kHold);
  const std::string id = Create(R"("input":"Hi","background":true)");
  Start(FakeEngine::Mode::kAnswer);
  const Json response = Parsed(Get("/v1/responses/" + id));
  EXPECT_EQ(At(response, "status"), "failed");
  EXPECT_EQ(At(*response.Find("error"), "code"), "server_error");
}

TEST_F(ResponseServer, AClientThatLeavesCancelsItsOwn) {
  Start(FakeEngine::Mode::kHold);
  RawClient client(served_->port());
  ASSERT_TRUE(client.Send(PostText("/v1/responses", Body(R"("input":"Hi")"), "Authorization: a\r\n")));
  const auto submitted = engine().WaitFor(0);
  client.Close();
  EXPECT_TRUE(Eventually([&] { return submitted.events->cancelled(); }));
}

TEST_F(ResponseServer, WhatCannotBeStoredIsNotGivenAsIfItWere) {
  const auto small = *ObjectStore::InMemory({.bytes_max = 10});
  Start(FakeEngine::Mode::kAnswer, small.get());
  EXPECT_EQ(Post("/v1/responses", Body(R"("input":"Hi")")).status, 413);
  const RawAnswer stream = Post("/v1/responses", Body(R"("input":"Hi","stream":true)"));
  const size_t last = stream.body.rfind("event: ");
  EXPECT_TRUE(stream.body.substr(last).starts_with("event: response.failed\n")) << stream.body;
  EXPECT_EQ(Post("/v1/responses", Body(R"("input":"Hi","background":true)")).status, 413);
  EXPECT_EQ(Post("/v1/responses", Body(R"("input":"Hi","store":false)")).status, 200);
  served_.reset();  // before its store
}

// A tool that isn't ours is told back one level deeper than it came, and what is stored of it deeper still.
TEST_F(ResponseServer, WhatItTellsBackMayNestAsDeepAsARequest) {
  const std::string deep = Cat(std::string(124, '['), std::string(124, ']'));
  const std::string tools = Cat(R"("tools":[{"type":"mcp","x":)", deep, "}]");
  const RawAnswer answer = Post("/v1/responses", Body(Cat(R"("input":"Hi",)", tools)));
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_NE(answer.body.find(deep), std::string::npos);
  const size_t at = answer.body.find("resp_");
  const std::string id = answer.body.substr(at, 5 + 32);
  EXPECT_EQ(Get("/v1/responses/" + id).body, answer.body);
  const RawAnswer stream = Post("/v1/responses", Body(Cat(R"("input":"Hi","stream":true,)", tools)));
  EXPECT_NE(stream.body.find("event: response.completed\n"), std::string::npos) << stream.body;
  const RawAnswer next = Post("/v1/responses", Body(Cat(R"("input":"x","previous_response_id":")", id, "\"")));
  EXPECT_EQ(next.status, 200) << next.body;
  EXPECT_EQ(
      Post("/v1/responses", Body(Cat(R"("input":"Hi","x":)", std::string(200, '['), std::string(200, ']')))).status,
      400);
}

TEST_F(ResponseServer, AConversationHasAnEnd) {
  const std::string long_text(11 << 20, 'x');
  const Json::Array input{
      Json::Object{{"id", "msg_1"},
                   {"type", "message"},
                   {"role", "user"},
                   {"content", Json::Array{Json::Object{{"type", "input_text"}, {"text", long_text}}}}}};
  openai::StoredResponses stored(*store_, OwnerOf({.tenant = "t", .project = "p", .key = "a"}),
                                 [] { return SystemClock().UnixSeconds(); });
  Json previous;
  for (size_t i = 0; i < 3; ++i) {
    const std::string id = Cat("resp_", i);
    ASSERT_TRUE(stored
                    .Keep({.response = Json::Object{{"id", id},
                                                    {"status", "completed"},
                                                    {"previous_response_id", previous},
                                                    {"output", Json::Array{}}},
                           .input = input})
                    .ok());
    previous = id;
  }
  EXPECT_TRUE(stored.ItemsUpTo("resp_1").ok());
  const RawAnswer answer = Post("/v1/responses", Body(R"("input":"x","previous_response_id":"resp_2")"));
  EXPECT_EQ(answer.status, 400) << answer.body;
  EXPECT_NE(At(ErrorOf(answer), "message").find("too long"), std::string::npos) << answer.body;
}

TEST_F(ResponseServer, WhereTheStoreIsDoesNotConcernClients) {
  const auto lost = ObjectStore::OpenedWhenUsed("/proc/no/such/place/objects.sqlite3", {});
  Start(FakeEngine::Mode::kAnswer, lost.get());
  for (const RawAnswer& answer : {Post("/v1/responses", Body(R"("input":"Hi")")), Get("/v1/responses/resp_1")}) {
    EXPECT_EQ(answer.status, 503) << answer.body;
    EXPECT_EQ(CodeOf(answer), "storage_unavailable");
    EXPECT_EQ(answer.fields.count("retry-after"), 1u);
    EXPECT_EQ(answer.body.find("objects.sqlite3"), std::string::npos) << answer.body;
  }
  EXPECT_EQ(Post("/v1/responses", Body(R"("input":"Hi","store":false)")).status, 200);
  served_.reset();  // before its store
}

TEST_F(ResponseServer, WhatAClientLeftIsNotStored) {
  Start(FakeEngine::Mode::kHold);
  RawClient client(served_->port());
  ASSERT_TRUE(client.Send(PostText("/v1/responses", Body(R"("input":"Hi","stream":true)"), "Authorization: a\r\n")));
  const auto submitted = engine().WaitFor(0);
  submitted.events->Push({FakeEngine::Read(submitted.request), FakeEngine::Said("Hello")});
  const auto seen = client.ReadUntil("response.output_text.delta");
  ASSERT_TRUE(seen.has_value());
  const std::string id = seen->substr(seen->find("resp_"), 5 + 32);
  client.Close();
  ASSERT_TRUE(Eventually([&] { return submitted.events->cancelled(); }));
  TellTheRest(submitted);
  EXPECT_EQ(Get("/v1/responses/" + id).status, 404);
}

TEST_F(ResponseServer, ErrorsAreOpenAis) {
  EXPECT_EQ(CodeOf(Post("/v1/responses", R"({"model":"none","input":"x"})")), "model_not_found");
  EXPECT_EQ(CodeOf(Post("/v1/responses", Body(Cat(R"("input":")", std::string(1000, 'x'), "\"")))),
            "context_length_exceeded");
  const std::string id = Create(R"("input":"Hi")");
  const RawAnswer cancel = Post(Cat("/v1/responses/", id, "/cancel"), "");
  EXPECT_EQ(cancel.status, 400);
  EXPECT_EQ(At(ErrorOf(cancel), "message"), "Cannot cancel a synchronous response.");
  EXPECT_EQ(CodeOf(Get(Cat("/v1/responses/", id, "/other"))), "unknown_url");
  EXPECT_EQ(CodeOf(Post(Cat("/v1/responses/", id), "{}")), "unknown_url");
  EXPECT_EQ(Get(Cat("/v1/responses/", id, "?stream=true&starting_after=x")).status, 400);
  Start(FakeEngine::Mode::kRefuse);
  EXPECT_EQ(Post("/v1/responses", Body(R"("input":"Hi","background":true)")).status, 429);
}

}  // namespace
}  // namespace bedplate
