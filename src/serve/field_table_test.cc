// Method: each table of fields beside the decoder that reads it, by values that no field takes: what is supported or
// refused is an error that names the field, what is ignored is not. And beside the table in docs/, row by row.
#include "serve/field_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "base/cat.h"
#include "base/file.h"
#include "base/json.h"
#include "serve/anthropic/decode.h"
#include "serve/anthropic/description.h"
#include "serve/bedrock/converse_decode.h"
#include "serve/bedrock/description.h"
#include "serve/bedrock/invoke.h"
#include "serve/openai/decode.h"
#include "serve/openai/decode_response.h"
#include "serve/openai/fields.h"

namespace bedplate {
namespace {

struct NoHistory final : openai::ResponseHistory {
  Result<Json::Array> ItemsUpTo(const std::string& id) override {
    return Status::NotFound(id).WithParam("previous_response_id");
  }
  Result<Json::Array> ItemsOf(const std::string& id) override { return Status::NotFound(id); }
};

struct Decoder {
  std::string name;
  FieldTable fields;
  std::string body;  // that is taken
  Status (*decode)(const Json& body);
  std::string prefix = {};  // of the fields' paths
};

std::vector<Decoder> Decoders() {
  const auto invoke = [](const Json& body) {
    return bedrock::DecodeInvoke(body, {.model = "m", .stream = false}).status();
  };
  const std::string chat = R"("messages":[{"role":"user","content":"Hi"}])";
  const std::string converse = R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}]})";
  return {
      {"chat", openai::ChatFields(), Cat(R"({"model":"m",)", chat, "}"),
       [](const Json& body) { return openai::DecodeChat(body).status(); }},
      {"completions", openai::CompletionsFields(), R"({"model":"m","prompt":"Hi"})",
       [](const Json& body) { return openai::DecodeCompletions(body, {}).status(); }},
      {"responses", openai::ResponseFields(), R"({"model":"m","input":"Hi"})",
       [](const Json& body) {
         NoHistory history;
         return openai::DecodeResponse(body, {.response = "x", .history = history, .unix_seconds = {}}).status();
       }},
      {"messages", anthropic::MessagesFields(), Cat(R"({"model":"m","max_tokens":1,)", chat, "}"),
       [](const Json& body) { return anthropic::DecodeMessages(body, {.counting = false}).status(); }},
      {"count_tokens", anthropic::CountTokensFields(), Cat(R"({"model":"m",)", chat, "}"),
       [](const Json& body) { return anthropic::DecodeMessages(body, {.counting = true}).status(); }},
      {"converse", bedrock::ConverseFields(), converse,
       [](const Json& body) { return bedrock::DecodeConverse(body, {.model = "m"}).status(); }},
      {"additionalModelRequestFields", bedrock::AdditionalModelFields(), "{}",
       [](const Json& additional) {
         Json body = *ParseJson(R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}]})");
         body.as_object().emplace_back("additionalModelRequestFields", additional);
         return bedrock::DecodeConverse(body, {.model = "m"}).status();
       },
       "additionalModelRequestFields."},
      {"invoke, Anthropic's", anthropic::InvokedMessagesFields(),
       Cat(R"({"anthropic_version":"bedrock-2023-05-31","max_tokens":1,)", chat, "}"), invoke},
      {"invoke, OpenAI's chat", openai::InvokedChatFields(), Cat("{", chat, "}"), invoke},
      {"invoke, OpenAI's completions", openai::InvokedCompletionsFields(), R"({"prompt":"Hi","max_tokens":1})", invoke},
      {"invoke, Llama's", bedrock::LlamaFields(), R"({"prompt":"Hi"})", invoke},
  };
}

Json With(const std::string& body, std::string_view name, const Json& value) {
  Json json = *ParseJson(body);
  std::erase_if(json.as_object(), [&](const Json::Member& member) { return member.first == name; });
  json.as_object().emplace_back(std::string(name), value);
  return json;
}

const std::vector<Json>& OddValues() {
  static const std::vector<Json> values = {Json(-7.5), Json("odd"), Json(true), Json(Json::Array{Json(Json::Array{})}),
                                           Json(Json::Object{{"odd", "odd"}})};
  return values;
}

/// Calls check(decoder, field) for each.
template <class Check>
void ForEachField(Check check) {
  for (const Decoder& decoder : Decoders()) {
    ASSERT_TRUE(decoder.decode(*ParseJson(decoder.body)).ok()) << decoder.name;
    for (const std::span<const Field> group : decoder.fields) {
      for (const Field& field : group) {
        SCOPED_TRACE(Cat(decoder.name, ": ", field.name));
        check(decoder, field);
      }
    }
  }
}

TEST(FieldTable, WhatIsSupportedIsReadAndWhatIsRefusedIsRefusedByName) {
  ForEachField([](const Decoder& decoder, const Field& field) {
    if (field.support == Support::kIgnored) return;
    const std::string path = decoder.prefix + std::string(field.name);
    const bool named = std::ranges::any_of(OddValues(), [&](const Json& odd) {
      return decoder.decode(With(decoder.body, field.name, odd)).param().starts_with(path);
    });
    EXPECT_TRUE(named) << "no odd value is an error that names it";
  });
}

TEST(FieldTable, WhatIsRefusedIsRefusedWhateverItIs) {
  ForEachField([](const Decoder& decoder, const Field& field) {
    if (field.support != Support::kRefused || !field.schema.empty()) return;
    for (const Json& odd : OddValues()) {
      EXPECT_EQ(decoder.decode(With(decoder.body, field.name, odd)).param(), decoder.prefix + std::string(field.name));
    }
  });
}

TEST(FieldTable, WhatIsIgnoredIsTakenWhateverItIs) {
  ForEachField([](const Decoder& decoder, const Field& field) {
    if (field.support != Support::kIgnored) return;
    for (const Json& odd : OddValues()) {
      const Status status = decoder.decode(With(decoder.body, field.name, odd));
      EXPECT_TRUE(status.ok()) << status.message();
    }
  });
}

TEST(FieldTable, NullIsAsGoodAsAbsent) {
  ForEachField([](const Decoder& decoder, const Field& field) {
    if (field.name == "input") return;  // needed unless there is a response before
    EXPECT_EQ(decoder.decode(With(decoder.body, field.name, Json())).ok(), !field.required);
  });
}

TEST(FieldTable, NoNameIsThereTwice) {
  ForEachField(
      [](const Decoder& decoder, const Field& field) { EXPECT_EQ(FindField(decoder.fields, field.name), &field); });
}

// ---- Beside the documents ----

/// A row of a table in docs/: its first cell, and the first word of its second.
struct DocsRow {
  std::string cell, support;
};

/// The rows of the section's table of fields.
std::vector<DocsRow> RowsOf(const std::string& page, const std::string& section) {
  const Result<std::string> text = ReadFile(Cat(BEDPLATE_SOURCE_DIR, "/docs/", page), size_t{1} << 20);
  EXPECT_TRUE(text.ok()) << page;
  std::istringstream lines(text.ok() ? *text : "");
  std::vector<DocsRow> rows;
  bool here = false, in_table = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("## ")) here = line == Cat("## ", section);
    if (here && line.starts_with("| Field |")) in_table = true;
    if (!here || !line.starts_with("|")) in_table = false;
    if (!in_table || line.starts_with("| Field |") || line.starts_with("|--")) continue;
    const size_t end = line.find(" | ");
    const std::string rest = line.substr(end + 3);
    rows.push_back({.cell = line.substr(2, end - 2), .support = rest.substr(0, rest.find_first_of(" ,"))});
  }
  return rows;
}

/// The first parts of the names in backticks: "`messages[].role`, `stop`" has messages and stop.
std::vector<std::string> NamesIn(std::string_view cell) {
  std::vector<std::string> names;
  for (size_t begin = cell.find('`'); begin != std::string_view::npos; begin = cell.find('`')) {
    cell.remove_prefix(begin + 1);
    const size_t end = cell.find('`');
    names.emplace_back(cell.substr(0, std::min(end, cell.find_first_of(".["))));
    cell.remove_prefix(end + 1);
  }
  return names;
}

/// Nothing but names: others tell of parts of a field.
bool IsOfNames(std::string_view cell) {
  bool inside = false;
  for (const char c : cell) {
    if (c == '`') inside = !inside;
    if (!inside && c != '`' && c != ',' && c != ' ') return false;
  }
  return true;
}

std::string_view WordOf(Support support) {
  return support == Support::kSupported ? "supported" : support == Support::kIgnored ? "ignored" : "refused";
}

void ExpectDocumented(const std::string& page, const std::string& section, FieldTable fields) {
  SCOPED_TRACE(Cat(page, ", ", section));
  const std::vector<DocsRow> rows = RowsOf(page, section);
  EXPECT_GT(rows.size(), 5u);
  std::map<std::string, std::string> documented;  // how the names' own rows tell them
  std::vector<std::string> mentioned;
  for (const DocsRow& row : rows) {
    for (const std::string& name : NamesIn(row.cell)) {
      mentioned.push_back(name);
      if (IsOfNames(row.cell)) documented.emplace(name, row.support);
    }
  }
  for (const auto& [name, support] : documented) {
    const Field* field = FindField(fields, name);
    ASSERT_NE(field, nullptr) << name << " is in the page, and not in the table";
    EXPECT_EQ(support, WordOf(field->support)) << name;
  }
  for (const std::span<const Field> group : fields) {
    for (const Field& field : group) {
      EXPECT_TRUE(std::ranges::count(mentioned, field.name)) << field.name << " is not in the page";
    }
  }
}

TEST(FieldTable, TheDocsTellTheSame) {
  ExpectDocumented("openai.md", "Chat completions: request", openai::ChatFields());
  ExpectDocumented("openai.md", "Responses", openai::ResponseFields());
  ExpectDocumented("openai.md", "Completions", openai::CompletionsFields());
  ExpectDocumented("anthropic.md", "Request", anthropic::MessagesFields());
  ExpectDocumented("bedrock.md", "Converse and ConverseStream", bedrock::ConverseFields());
}

}  // namespace
}  // namespace bedplate
