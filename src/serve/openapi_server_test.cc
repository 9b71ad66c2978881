// Method: the document that a real server answers, beside its table of routes, and each of its examples sent to that
// server. tests/clients/openapi_test.py holds real exchanges to its schemas.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "serve/anthropic/description.h"
#include "serve/bedrock/description.h"
#include "serve/openai/description.h"
#include "serve/openapi.h"
#include "serve/served_testing.h"
#include "serve/server_description.h"

namespace bedplate {
namespace {

Json DocumentOf(Served& served) {
  const RawAnswer answer = served.Ask(GetText("/openapi.json"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.fields.at("content-type"), "application/json");
  Result<Json> document = ParseJson(answer.body);
  EXPECT_TRUE(document.ok()) << document.status().message();
  return document.ok() ? *std::move(document) : Json(Json::Object{});
}

std::string Upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

/// A path with its parameters filled in.
std::string Filled(std::string path, std::string_view with) {
  for (size_t begin = path.find('{'); begin != std::string::npos; begin = path.find('{')) {
    path.replace(begin, path.find('}') - begin + 1, with);
  }
  return path;
}

/// Calls visit("POST", "/v1/completions", the operation) for each.
template <class Visit>
void ForEachOperation(const Json& document, Visit visit) {
  for (const auto& [path, methods] : document.Find("paths")->as_object()) {
    for (const auto& [method, operation] : methods.as_object()) {
      SCOPED_TRACE(Cat(method, " ", path));
      visit(Upper(method), path, operation);
    }
  }
}

TEST(OpenApiServer, TellsEveryRouteAndNoOther) {
  Served served;
  const Json document = DocumentOf(served);
  Router router;
  for (const std::string& route : served.server->Routes()) {
    const size_t space = route.find(' ');
    router.Add({.method = route.substr(0, space), .pattern = route.substr(space + 1), .handler = {}});
  }
  std::set<std::string> told, ids;
  ForEachOperation(document, [&](const std::string& method, const std::string& path, const Json& operation) {
    const Router::Match match = router.Find(method, Filled(path, "x"));
    ASSERT_NE(match.route, nullptr);
    EXPECT_TRUE(match.route->pattern != "/*" || path == "/") << "no route has it";
    told.insert(Cat(match.route->method, " ", match.route->pattern));
    EXPECT_TRUE(ids.insert(operation.Find("operationId")->as_string()).second) << "an id that another one has, too";
    const bool open = path == "/health" || path == "/ready" || path == "/" || path == "/console/session";
    EXPECT_EQ(operation.Find("security") != nullptr, open);
  });
  std::set<std::string> routes;
  for (const std::string& route : served.server->Routes()) {
    // Without tenants these say only that there are none; admin_openapi_server_test.cc has them.
    const bool of_tenants =
        route.find(" /admin/v1/") != std::string::npos || route.find(" /v1/organization/") != std::string::npos;
    if (!of_tenants) routes.insert(route);
  }
  EXPECT_EQ(told, routes) << "describe a new route for /openapi.json";
}

TEST(OpenApiServer, EveryDescriptionHasARoute) {
  Served served;
  std::set<std::string> told;
  ForEachOperation(DocumentOf(served), [&](const std::string& method, const std::string& path, const Json&) {
    told.insert(Cat(method, " ", path));
  });
  for (const ApiDescription& api :
       {openai::Description(), anthropic::Description(), bedrock::Description(), ServerDescription()}) {
    for (const Operation& operation : api.operations) {
      EXPECT_TRUE(told.contains(Cat(operation.method, " ", operation.path))) << operation.path;
    }
  }
}

void CollectRefs(const Json& json, std::set<std::string>& refs) {
  if (json.is_array()) {
    for (const Json& item : json.as_array()) CollectRefs(item, refs);
  }
  if (!json.is_object()) return;
  for (const auto& [name, value] : json.as_object()) {
    if (name == "$ref" && value.is_string()) refs.insert(value.as_string());
    CollectRefs(value, refs);
  }
}

TEST(OpenApiServer, WhatItRefersToIsThereOnceAndWhatIsThereIsReferredTo) {
  Served served;
  const Json document = DocumentOf(served);
  std::set<std::string> refs, there;
  CollectRefs(document, refs);
  for (const char* kind : {"schemas", "responses"}) {
    for (const auto& [name, _] : document.Find("components")->Find(kind)->as_object()) {
      EXPECT_TRUE(there.insert(Cat("#/components/", kind, "/", name)).second) << name;
    }
  }
  EXPECT_EQ(refs, there);
}

// What comes back is of a status and a type that the document names.
TEST(OpenApiServer, EveryExampleIsAnswered) {
  Served served;
  size_t examples = 0;
  ForEachOperation(DocumentOf(served), [&](const std::string& method, const std::string& path, const Json& operation) {
    const Json* body = operation.Find("requestBody");
    if (body == nullptr) return;
    const Json* const told = body->Find("content")->Find("application/json")->Find("examples");
    if (path == "/console/session") return;  // it needs a key that is good: console_session_server_test.cc
    ASSERT_NE(told, nullptr) << "an example is missing";
    for (const auto& [_, example] : told->as_object()) {
      std::string text = WriteJson(*example.Find("value"));
      if (const size_t at = text.find("smollm2-135m"); at != std::string::npos) text.replace(at, 12, "fake");
      ++examples;
      EXPECT_EQ(method, "POST");
      const RawAnswer answer = served.Ask(PostText(Filled(path, "fake"), text));
      ASSERT_EQ(answer.status, 200) << text << answer.body;
      const std::string& type = answer.fields.at("content-type");
      const Json* content = operation.Find("responses")->Find("200")->Find("content");
      EXPECT_NE(content->Find(type.substr(0, type.find(';'))), nullptr) << type;
    }
  });
  EXPECT_GT(examples, 40u);
}

TEST(OpenApiServer, SaysWhetherKeysAreAskedForAndAsksForOneItself) {
  Served open;
  const Json document = DocumentOf(open);
  const Json* security = document.Find("security");
  ASSERT_NE(security, nullptr);
  EXPECT_EQ(security->as_array()[0], Json(Json::Object{})) << "everyone is let in";
  const Result<Json> guarded = ParseJson(OpenApiDocument({}, {}, /*has_keys=*/true));
  ASSERT_TRUE(guarded.ok());
  const std::vector<Json>& schemes = guarded->Find("security")->as_array();
  EXPECT_EQ(schemes.size(), 3u);
  for (const Json& scheme : schemes) EXPECT_EQ(scheme.as_object().size(), 1u);
}

TEST(OpenApi, TheShortFormStandsForExactlyTheMembersItNames) {
  const auto expand = [](std::string_view text) { return WriteJson(ExactSchema(*ParseJson(text))); };
  EXPECT_EQ(expand(R"("string")"), R"({"type":"string"})");
  EXPECT_EQ(expand(R"("any")"), "{}");
  EXPECT_EQ(expand(R"("=a|=b")"), R"({"type":"string","enum":["a","b"]})");
  EXPECT_EQ(expand(R"("#A|null")"), R"({"anyOf":[{"$ref":"#/components/schemas/A"},{"type":"null"}]})");
  EXPECT_EQ(expand(R"({"*":"number"})"), R"({"type":"object","additionalProperties":{"type":"number"}})");
  EXPECT_EQ(expand(R"({"a":["=x"],"b?":"integer"})"),
            R"({"type":"object","properties":{"a":{"type":"array","items":{"const":"x"}},"b":{"type":"integer"}},)"
            R"("required":["a"],"additionalProperties":false})");
}

}  // namespace
}  // namespace bedplate
