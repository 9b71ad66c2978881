// Method: what /openapi.json of a server with tenants tells of the admin API, beside the tables of verbs and what that
// server does: every verb done with its examples and its answer held to the schema, every argument left out, unknown or
// beyond its bounds.
#include <gtest/gtest.h>

#include "base/ascii.h"
#include "ledger/books_testing.h"
#include "ledger/tenancy/verb_arguments.h"
#include "serve/admin_description.h"
#include "serve/admin_server_testing.h"

namespace bedplate {
namespace {

class AdminOpenApi : public AdminServer {
 protected:
  AdminOpenApi() : document_(Body(Ask("GET", "/openapi.json", owner_))) {}

  /// Of a row, in the document; null where it isn't.
  const Json* Told(const VerbRow& row) {
    std::string path(row.route);
    if (!row.subject.empty()) path.replace(path.find('*'), 1, Cat("{", row.subject, "}"));
    const Json* const methods = document_.Find("paths")->Find(path);
    return methods == nullptr ? nullptr : methods->Find(AsciiLower(row.method));
  }
  const Json& Resolved(const Json& schema) {
    const Json* const ref = schema.Find("$ref");
    if (ref == nullptr) return schema;
    const std::string name = ref->as_string().substr(std::string_view("#/components/schemas/").size());
    return *document_.Find("components")->Find("schemas")->Find(name);
  }
  const Json& AnswerOf(const Json& operation) {
    return Resolved(
        *operation.Find("responses")->Find("200")->Find("content")->Find("application/json")->Find("schema"));
  }
  const Json* BodyOf(const Json& operation) {
    const Json* const body = operation.Find("requestBody");
    return body == nullptr ? nullptr : body->Find("content")->Find("application/json");
  }
  /// "" where it fits, otherwise where it doesn't. Knows what openapi.h's short form stands for.
  std::string Unfit(const Json& value, const Json& short_schema, const std::string& at = "answer") {
    const Json& schema = Resolved(short_schema);
    if (const Json* any = schema.Find("anyOf")) {
      for (const Json& one : any->as_array()) {
        if (Unfit(value, one, at).empty()) return "";
      }
      return at + ": fits none";
    }
    if (const Json* is = schema.Find("const"); is != nullptr && !(value == *is)) return at + ": another text";
    if (const Json* all = schema.Find("enum")) {
      if (std::ranges::find(all->as_array(), value) == all->as_array().end()) return at + ": none of the texts";
    }
    const Json* const type = schema.Find("type");
    if (type == nullptr) return "";
    const std::string& is = type->as_string();
    if (is == "object") return UnfitObject(value, schema, at);
    const bool fits = (is == "string" && value.is_string()) || (is == "integer" && value.is_int()) ||
                      (is == "boolean" && value.is_bool()) || (is == "null" && value.is_null()) ||
                      (is == "array" && value.is_array());
    if (!fits) return Cat(at, ": no ", is);
    if (is != "array") return "";
    for (const Json& one : value.as_array()) {
      if (std::string wrong = Unfit(one, *schema.Find("items"), at + "[]"); !wrong.empty()) return wrong;
    }
    return "";
  }
  std::string UnfitObject(const Json& value, const Json& schema, const std::string& at) {
    if (!value.is_object()) return at + ": no object";
    for (const auto& [name, member] : value.as_object()) {
      const Json* const property = schema.Find("properties")->Find(name);
      if (property == nullptr) return Cat(at, ".", name, " isn't told");
      if (std::string wrong = Unfit(member, *property, Cat(at, ".", name)); !wrong.empty()) return wrong;
    }
    const Json* const required = schema.Find("required");
    if (required == nullptr) return "";
    for (const Json& name : required->as_array()) {
      if (value.Find(name.as_string()) == nullptr) return Cat(at, ".", name.as_string(), " is missing");
    }
    return "";
  }
  /// What a client asks the row's route for.
  std::string PathOf(const VerbRow& row) {
    std::string path(row.route);
    const std::string subject = row.subject == "id"        ? id_
                                : row.subject == "tenant"  ? "acme"
                                : row.subject == "request" ? "req_1"
                                                           : "search";
    if (!row.subject.empty()) path.replace(path.find('*'), 1, subject);
    return path;
  }
  void MakeAcme() {
    Here("tenant.create", Json::Object{{"name", "acme"}});
    Here("project.create", Json::Object{{"tenant", "acme"}, {"name", "search"}});
    id_ = TextOf(Here("key.create", Json::Object{{"tenant", "acme"}, {"project", "search"}}), "id");
    Here("budget.create", Json::Object{{"name", "search"}, {"amount", "1"}});
  }

  const Json document_;
  std::string id_;  // of a key of acme's
};

TEST_F(AdminOpenApi, TellsEveryVerbAndNoOther) {
  size_t told = 0;
  for (const auto& [path, methods] : document_.Find("paths")->as_object()) {
    if (path.starts_with("/admin/v1/")) told += methods.as_object().size();
  }
  EXPECT_EQ(told, VerbRows().size());
  for (const VerbRow& row : VerbRows()) EXPECT_NE(Told(row), nullptr) << row.name;
  Served without(FakeEngine::Mode::kAnswer, QuietOptions());
  EXPECT_EQ(without.Ask(GetText("/openapi.json")).body.find("/admin/v1/"), std::string::npos)
      << "a server without tenants has only a 404 there";
}

TEST_F(AdminOpenApi, TellsWhatTheBooksAnswerOpenAisClients) {
  for (const std::string_view path : {"/v1/organization/usage/completions", "/v1/organization/costs"}) {
    const Json* const methods = document_.Find("paths")->Find(path);
    ASSERT_NE(methods, nullptr) << path;
    const RawAnswer answer = Ask("GET", Cat(path, "?start_time=0&limit=1"), owner_);
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(Unfit(Body(answer), AnswerOf(*methods->Find("get"))), "") << answer.body;
  }
}

// In the table's order, which makes things before it needs them.
TEST_F(AdminOpenApi, EveryVerbsExamplesAreAnsweredInTheFormThatIsTold) {
  const UsageEvent used{.key = {"gateway", 1, 1},
                        .request = "req_1",
                        .tenant = "acme",
                        .quantities = {1, 2, 3, 4, 5},
                        .occurred_unix_us = clock_.UnixSeconds() * 1'000'000};
  ASSERT_TRUE(RecordAndCharge(books_->writer(), used).ok());
  for (const VerbRow& row : VerbRows()) {
    SCOPED_TRACE(row.name);
    const Json& operation = *Told(row);
    std::vector<std::string> bodies;
    if (const Json* body = BodyOf(operation)) {
      for (const auto& [_, example] : body->Find("examples")->as_object()) {
        EXPECT_EQ(Unfit(*example.Find("value"), Resolved(*body->Find("schema"))), "");
        bodies.push_back(WriteJson(*example.Find("value")));
      }
      ASSERT_FALSE(bodies.empty()) << "an example is missing";
    } else {
      bodies.emplace_back();
    }
    for (const std::string& body : bodies) {
      const std::string query = row.name == "project.show" || row.name == "budget.show" ? "?tenant=acme" : "";
      const RawAnswer answer = Ask(row.method, PathOf(row) + query, owner_, body);
      ASSERT_EQ(answer.status, 200) << body << answer.body;
      EXPECT_EQ(Unfit(Body(answer), AnswerOf(operation)), "") << answer.body;
      if (row.verb == TenantVerb::kKeyCreate) id_ = TextOf(Body(answer), "id");
    }
  }
}

// Of a whole number one more and one less than is told, and of a word another one.
std::vector<std::string> WrongValues(const Argument& argument) {
  switch (argument.kind) {
    case Argument::Kind::kInteger: {
      std::vector<std::string> wrong = {std::to_string(argument.min - 1), "2.5", R"("x")"};
      if (argument.max < INT64_MAX) wrong.push_back(std::to_string(argument.max + 1));
      return wrong;
    }
    case Argument::Kind::kFlag:
      return {R"("x")", "1"};
    case Argument::Kind::kTexts:
      return {R"("models")", R"([""])", "[1]"};
    case Argument::Kind::kName:
      return {R"("")", R"("a b")", R"(".a")", "1", Cat('"', std::string(65, 'a'), '"')};
    case Argument::Kind::kOneOrTexts:  // in queries alone
    case Argument::Kind::kText:
      break;
  }
  std::vector<std::string> wrong = {R"("")", "1", "[]", Cat('"', std::string(Argument::kTextBytesMax + 1, 'a'), '"')};
  if (!argument.words.empty()) wrong.emplace_back(R"("none-of-them")");
  return wrong;
}

TEST_F(AdminOpenApi, WhatASchemaRefusesTheServerRefuses) {
  MakeAcme();
  size_t tried = 0;
  for (const VerbRow& row : VerbRows()) {
    const Json* const body = BodyOf(*Told(row));
    if (body == nullptr) continue;
    const Json& schema = Resolved(*body->Find("schema"));
    const VerbArguments arguments = ArgumentsOf(row.verb);
    // A good one first, so that what is wrong is the only reason.
    Json::Object good;
    for (const Argument& argument : arguments.own) {
      if (!argument.needed || argument.name == row.subject) continue;
      const std::string_view value = !argument.words.empty()     ? argument.words.front()
                                     : argument.name == "amount" ? "1.00"
                                                                 : "new";
      good.emplace_back(std::string(argument.name), std::string(value));
    }
    const auto status_with = [&](std::string_view name, const std::string& value) {
      std::string text = "{";
      for (const auto& [other, is] : good) {
        if (other != name) text += Cat('"', other, "\":", WriteJson(is), ",");
      }
      ++tried;
      return Ask("POST", PathOf(row), owner_, Cat(text, '"', name, "\":", value, "}")).status;
    };
    EXPECT_EQ(schema.Find("additionalProperties")->as_bool(), false);
    EXPECT_EQ(status_with("nothing_of_that_name", "1"), 400) << row.name;
    size_t told = 0;
    for (const std::span<const Argument> group : {arguments.own, arguments.limits}) {
      for (const Argument& argument : group) {
        if (argument.name == row.subject) continue;
        ++told;
        EXPECT_NE(schema.Find("properties")->Find(argument.name), nullptr) << row.name << " " << argument.name;
        for (const std::string& value : WrongValues(argument)) {
          EXPECT_EQ(status_with(argument.name, value), 400) << row.name << " " << argument.name << " " << value;
        }
        if (argument.needed) {
          EXPECT_EQ(status_with(argument.name, "null"), 400) << row.name << " " << argument.name;
        }
      }
    }
    EXPECT_EQ(schema.Find("properties")->as_object().size(), told);
  }
  EXPECT_GT(tried, 100u);
}

}  // namespace
}  // namespace bedplate
