// Method: schemas that are large, or small but much when all of their parts are told for each other: what they may cost
// is refused or made in little time, and what multiplies is taken from the budget.
#include <gtest/gtest.h>

#include <functional>

#include "base/cat.h"
#include "text/constraint/constraint_testing.h"
#include "text/constraint/json_schema.h"

namespace bedplate {
namespace {

Result<std::unique_ptr<Language>> CompileLarge(const std::string& schema) {
  const Result<Json> json = ParseJson(schema);
  EXPECT_TRUE(json.ok()) << schema.substr(0, 60);
  Grammar grammar;
  CompileBudget budget;
  BP_ASSIGN_OR_RETURN(const RuleNumber root, AddJsonSchema(grammar, *json, {}, budget));
  BP_RETURN_IF_ERROR(grammar.Finish(root));
  return std::make_unique<Language>(std::move(grammar));
}

/// Objects told apart by what comes under one name, which is neither first nor last.
std::string Tagged(int alternatives, const std::function<std::string(int)>& tag,
                   const char* required = R"(["id","k"])") {
  std::string schema = R"({"oneOf":[)";
  for (int i = 0; i < alternatives; ++i) {
    schema +=
        Cat(i > 0 ? "," : "", R"({"type":"object","properties":{"id":{"type":"integer"},"k":)", tag(i), R"(,"x)", i,
            R"(":{"type":"string"}},"required":)", required, i % 2 == 0 ? R"(,"additionalProperties":false})" : "}");
  }
  return schema + "]}";
}

TEST(JsonSchemaCosts, HundredsOfTaggedObjectsExcludeEachOther) {
  const CpuTime took;
  const auto by_const = CompileLarge(Tagged(300, [](int i) { return Cat(R"({"const":"tag_)", i, "\"}"); }));
  ASSERT_TRUE(by_const.ok()) << by_const.status().message();
  EXPECT_LT(took.seconds(), kSoonSeconds);
  EXPECT_TRUE((*by_const)->Allows(R"({"id":1,"k":"tag_0","x0":"a"})"));
  EXPECT_TRUE((*by_const)->Allows(R"({"id": 1, "k": "tag_299", "x299": "a", "y": null})"));
  EXPECT_FALSE((*by_const)->Allows(R"({"id":1,"k":"tag_300"})"));
  EXPECT_FALSE((*by_const)->Allows(R"({"id":1,"k":"tag_12","x11":"a"})"));
  EXPECT_FALSE((*by_const)->Allows(R"({"id":1})"));
  const auto by_enum = CompileLarge(
      Tagged(300, [](int i) { return Cat(R"({"enum":[)", i, ",\"t", i, R"(",)", i + 1000, "]}"); }, R"(["k"])"));
  ASSERT_TRUE(by_enum.ok()) << by_enum.status().message();
  EXPECT_TRUE((*by_enum)->Allows(R"({"k":1007,"x7":"a"})"));
  EXPECT_FALSE((*by_enum)->Allows(R"({"k":1008,"x7":"a"})"));
}

TEST(JsonSchemaCosts, WhateverIsAskedIsAnsweredSoon) {
  std::string names = R"({"allOf":[{"properties":{)", letters = R"({"properties":{)", longest = R"({"const":")";
  for (int i = 0; i < 40'000; ++i) names += Cat(i > 0 ? "," : "", "\"p", i, "\":{}");
  names += R"(}},{"properties":{)";
  for (int i = 0; i < 40'000; ++i) names += Cat(i > 0 ? "," : "", "\"q", i, "\":{}");
  names += "}}]}";
  for (int i = 0; i < 300; ++i) letters += Cat(i > 0 ? "," : "", "\"p", i, R"(":{"pattern":"^\\p{L}+)", i, "$\"}");
  longest += std::string(3'000'000, 'a');
  std::string prefix = R"({"not":{"prefixItems":[{"type":"null"})", properties = R"({"not":{"properties":{"a":false)";
  for (int i = 0; i < 100'000; ++i) prefix += R"(,{"type":"null"})";
  for (int i = 0; i < 40'000; ++i) properties += Cat(",\"p", i, "\":false");
  for (const std::string& schema : {names, prefix + "]}}", properties + "}}}", letters + "}}", longest + "\"}",
                                    std::string(R"({"pattern":"^a{0,5900}$"})"),
                                    Tagged(500, [](int) { return std::string(R"({"type":"string"})"); })}) {
    const CpuTime took;
    const auto language = CompileLarge(schema);
    EXPECT_LT(took.seconds(), kSoonSeconds)
        << schema.substr(0, 60) << (language.ok() ? "" : language.status().message());
  }
}

TEST(JsonSchemaCosts, WhatIsSaidAgainIsNotPaidForAgain) {
  std::string schema = R"({"type":"object","properties":{)";
  for (int i = 0; i < 200; ++i) schema += Cat(i > 0 ? "," : "", "\"u", i, R"(":{"type":"string","format":"uri"})");
  const auto language = CompileLarge(schema + "}}");
  EXPECT_TRUE(language.ok()) << language.status().message();
}

/// count of these, separated by commas.
std::string Many(int count, const std::function<std::string(int)>& one) {
  std::string out;
  for (int i = 0; i < count; ++i) out += Cat(i > 0 ? "," : "", one(i));
  return out;
}

TEST(JsonSchemaCosts, NamesAndReferencesHaveALargestLength) {
  const std::string a2000(2000, 'a'), a3000(3000, 'a'), a5000(5000, 'a');
  std::string slashes = R"({"$ref":"#/)";
  for (int i = 0; i < 4'000'000; ++i) slashes += "~1";
  const std::pair<std::string, const char*> refused[] = {
      {Cat(R"({"$id":")", a3000, R"(","type":"null"})"), "#/$id: it is too long"},
      {Cat(R"({"items":[{"$id":")", a3000, R"("}]})"), "#/items/0/$id: it is too long"},
      {Cat(R"({"$id":"http://x/)", a2000, R"(/","items":{"$id":")", a2000, R"("}})"), "#/items/$id: it is too long"},
      {Cat(R"({"$defs":{"x":{"$anchor":")", a3000, R"("}}})"), "#/$defs/x/$anchor: it is too long"},
      {slashes + "\"}", "#/$ref: the reference has 8000002 bytes"},
      {Cat(R"({"properties":{")", a5000, R"(":{}}})"), "#: a name has 5000 bytes"},
      {Cat(R"({"required":[")", a5000, R"("]})"), "#/required: a property's name has 5000 bytes"},
      {Cat(R"({"dependentRequired":{"b":[")", a5000, R"("]}})"), "#/dependentRequired: a property's name has 5000"},
  };
  for (const auto& [schema, why] : refused) {
    const auto language = CompileLarge(schema);
    ASSERT_FALSE(language.ok()) << schema.substr(0, 60);
    EXPECT_EQ(language.status().code(), StatusCode::kInvalidArgument) << schema.substr(0, 60);
    EXPECT_NE(language.status().message().find(why), std::string::npos) << language.status().message();
  }
  const std::string long_name(4000, 'n');
  const std::string schemas[] = {
      Cat(R"({"$id":"http://x/)", a2000,
          R"(","items":{"$ref":"#/$defs/a~1b~0c~01"},"$defs":{"a/b~c~1":{"type":"null"}}})"),
      Cat(R"({"items":{"$ref":"#/$defs/)", long_name, R"("},"$defs":{")", long_name, R"(":{"type":"null"}}})"),
      Cat(R"({"items":{"type":"null"},"description":")", std::string(1'000'000, 'd'), "\"}"),
  };
  for (const std::string& schema : schemas) {
    const auto language = CompileLarge(schema);
    ASSERT_TRUE(language.ok()) << schema.substr(0, 60) << language.status().message();
    EXPECT_TRUE((*language)->Allows("[null]"));
    EXPECT_FALSE((*language)->Allows("[1]"));
  }
  const auto value = CompileLarge(Cat(R"({"const":{"$id":")", a3000, "\"}}"));  // no schema's $id
  ASSERT_TRUE(value.ok()) << value.status().message();
  EXPECT_TRUE((*value)->Allows(Cat(R"({"$id":")", a3000, "\"}")));
}

TEST(JsonSchemaCosts, WhatMultipliesIsPaidFor) {
  const auto name = [](int i) { return Cat("\"p", i, "\""); };
  const auto property = [](int i) { return Cat("\"p", i, "\":{}"); };
  const auto same = [](const char* text) { return [text](int) { return std::string(text); }; };
  struct PaidCase {
    const char* what;
    std::string schema;
    uint64_t budget;  // for which it would do, were it not for what multiplies
  };
  const PaidCase cases[] = {
      {"copies of an object's properties",
       Cat(R"({"$defs":{"b":{"properties":{)", Many(1000, property), R"(}}},"anyOf":[)",
           Many(500, same(R"({"$ref":"#/$defs/b"})")), "]}"),
       10'000'000},
      {"copies of what has been read so far",
       Cat(R"({"allOf":[{"properties":{)", Many(2000, property), "}},", Many(4000, same("{}")), "]}"), 40'000'000},
      {"names that depend on one", Cat(R"({"dependentRequired":{"a":[)", Many(10'000, name), "]}}"), 40'000'000},
      {"patterns that are tried on names",
       Cat(R"({"properties":{)", Many(5000, [](int i) { return Cat("\"", std::string(95, 'p'), i, "\":{}"); }),
           R"(},"additionalProperties":false,"patternProperties":{)",
           Many(10, [](int i) { return Cat("\"^x", i, "\":false"); }), "}}"),
       4'000'000},
      {"members that are passed by on the way to a definition",
       Cat(R"({"$defs":{)", Many(20'000, [](int i) { return Cat("\"p", i, "\":true"); }),
           R"(,"n":{"type":"null"}},"prefixItems":[)", Many(2000, same(R"({"$ref":"#/$defs/n"})")), "]}"),
       9'000'000},
      {"anchors below a long $id",
       Cat(R"({"$id":"http://x/)", std::string(2000, 'a'), R"(","$defs":[)",
           Many(5000, [](int i) { return Cat(R"({"$anchor":"a)", i, "\"}"); }), "]}"),
       3'000'000},
      {"conjunctions that grow",
       Cat(R"({"allOf":[)", Many(2000, [](int i) { return Cat(R"({"items":{"title":")", i, "\"}}"); }), "]}"),
       8'000'000},
  };
  for (const PaidCase& c : cases) {
    const Result<Json> json = ParseJson(c.schema);
    ASSERT_TRUE(json.ok()) << c.what;
    Grammar grammar;
    CompileBudget budget(c.budget);
    const auto rule = AddJsonSchema(grammar, *json, {}, budget);
    EXPECT_EQ(rule.status().code(), StatusCode::kInvalidArgument) << c.what;
    EXPECT_TRUE(budget.spent()) << c.what;
  }
}

TEST(JsonSchemaCosts, LargeSchemasStaySmall) {
  std::string schema = R"({"type":"object","properties":{)";
  for (int i = 0; i < 1000; ++i)
    schema += Cat(i > 0 ? "," : "", "\"property_", i, R"(":{"type":"string","maxLength":5000})");
  schema += R"(},"additionalProperties":false})";
  Result<std::unique_ptr<Language>> language = CompileLarge(schema);
  ASSERT_TRUE(language.ok()) << language.status().message();
  EXPECT_TRUE((*language)->Allows(R"({"property_0":"a","property_999":"b"})"));
  EXPECT_FALSE((*language)->Allows(R"({"property_999":"a","property_0":"b"})"));
}

}  // namespace
}  // namespace bedplate
