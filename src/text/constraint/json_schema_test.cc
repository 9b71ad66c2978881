// Method: for each keyword, schemas with texts of valid values, in the order and spelling that the header promises, and
// texts that must not come out; then schemas that are refused, with the place that is named.
#include "text/constraint/json_schema.h"

#include <gtest/gtest.h>

#include "base/cat.h"
#include "text/constraint/constraint_testing.h"

namespace bedplate {
namespace {

Result<std::unique_ptr<Language>> CompileSchema(std::string_view schema, JsonSchemaOptions options = {}) {
  const Result<Json> json = ParseJson(schema);
  EXPECT_TRUE(json.ok()) << schema;
  Grammar grammar;
  CompileBudget budget;
  BP_ASSIGN_OR_RETURN(const RuleNumber root, AddJsonSchema(grammar, *json, options, budget));
  BP_RETURN_IF_ERROR(grammar.Finish(root));
  return std::make_unique<Language>(std::move(grammar));
}

struct SchemaCase {
  const char* schema;
  std::vector<std::string> in, out;
};

void Check(const std::vector<SchemaCase>& cases) {
  for (const SchemaCase& c : cases) {
    Result<std::unique_ptr<Language>> language = CompileSchema(c.schema);
    ASSERT_TRUE(language.ok()) << c.schema << ": " << language.status().message();
    for (const std::string& text : c.in)
      EXPECT_TRUE((*language)->Allows(text)) << c.schema << "\n  should allow " << text;
    for (const std::string& text : c.out)
      EXPECT_FALSE((*language)->Allows(text)) << c.schema << "\n  must not allow " << text;
  }
}

TEST(JsonSchema, Types) {
  Check({
      {"{}",
       {"null", "true", "-1.5e3", "\"\\u00e9\\uD83D\\uDE00\"", "[1, [2], {}]", "{\"a\": [\n  1\n]}"},
       {"", "nul", "01", "1.", "\"\\uD83D\"", "\"\n\"", "\"\xC3\"", "[1,]", "{\"a\"}", "{1:2}", " null", "null "}},
      {R"({"type":"null"})", {"null"}, {"true", "0"}},
      {R"({"type":"boolean"})", {"true", "false"}, {"null", "tru"}},
      {R"({"type":"integer"})", {"0", "-7", "12345678901234567890"}, {"1.0", "1e3", "-0", "+1", "\"1\""}},
      {R"({"type":"number"})", {"0", "-7", "1.50", "1E-10", "-0"}, {"1e9999", ".5", "NaN"}},
      {R"({"type":["string","null"]})", {"null", "\"x\""}, {"1"}},
      {R"({"type":"array"})", {"[]", "[ ]", "[1, \"a\"]"}, {"{}", "[1 ,2]"}},
      {R"({"type":"object"})",
       {"{}", "{ }", "{\"a\":1, \"b\":{}}", "{\n\t\"a\": 1\n}"},
       {"[]", "{\"a\" :1}", "{\"a\":1,}"}},
      {"true", {"1"}, {""}},
  });
}

TEST(JsonSchema, Numbers) {
  Check({
      {R"({"minimum":3})", {"3", "3.0", "3.1", "10", "100", "null"}, {"2.9", "-3", "2", "0", "3e5"}},
      {R"({"exclusiveMinimum":3,"type":"number"})", {"3.01", "4"}, {"3", "3.0", "3.00"}},
      {R"({"maximum":-1.5,"type":"number"})", {"-1.5", "-2", "-1.50", "-10.25"}, {"-1.4", "0", "1", "-1.49"}},
      {R"({"exclusiveMaximum":0,"type":"number"})", {"-0.1", "-5"}, {"0", "-0", "0.1", "-0.0"}},
      {R"({"minimum":-3,"maximum":12,"type":"integer"})", {"-3", "0", "9", "12"}, {"-4", "13", "100", "1.5", "-0"}},
      {R"({"minimum":0.05,"maximum":0.5,"type":"number"})",
       {"0.05", "0.1", "0.50", "0.0501"},
       {"0", "0.049", "0.51", "1"}},
      {R"({"multipleOf":5,"type":"integer"})", {"0", "5", "-10", "125"}, {"1", "12", "-3"}},
      {R"({"multipleOf":0.01,"type":"number"})", {"0", "1.5", "0.07", "-3.25", "2.0"}, {"0.001", "1.234"}},
      {R"({"multipleOf":2.5,"type":"number"})", {"2.5", "5", "-7.5", "0"}, {"1", "2", "2.25"}},
      {R"({"multipleOf":100,"type":"integer"})", {"0", "300"}, {"10", "250"}},
      {R"({"type":"integer","minimum":1e3,"maximum":9999})", {"1000", "9999"}, {"999", "10000"}},
      {R"({"const":1.0})", {"1"}, {"1.0", "1.1", "10", "true"}},
      {R"({"enum":[1,2.5,-3]})", {"1", "2.5", "-3"}, {"2", "3", "2.6"}},
      {R"({"not":{"minimum":3},"type":"integer"})", {"2", "-5"}, {"3", "4"}},
  });
}

TEST(JsonSchema, Strings) {
  const std::string e9 = "\xC3\xA9";
  Check({
      {R"({"type":"string","minLength":2,"maxLength":3})",
       {"\"ab\"", "\"" + e9 + e9 + e9 + "\"", "\"\\n\\uD83D\\uDE00\""},
       {"\"a\"", "\"abcd\"", "\"\\n\""}},
      {R"({"type":"string","minLength":2})", {"\"ab\"", "\"abcdef\""}, {"\"\"", "\"a\""}},
      {R"({"type":"string","maxLength":0})", {"\"\""}, {"\"a\""}},
      {R"({"type":"string","maxLength":100000})", {"\"a\"", Cat("\"", std::string(1000, 'a'), "\"")}, {"1"}},
      {R"({"type":"string","pattern":"^a+$"})", {"\"a\"", "\"aaa\""}, {"\"\"", "\"b\"", "\"ab\""}},
      {R"({"type":"string","pattern":"b"})", {"\"abc\"", "\"\\\"b\""}, {"\"a\"", "\"\\u0062\""}},
      {R"({"type":"string","pattern":"^[^x]*$","maxLength":3})", {"\"a\\\"\\\\\"", "\"\""}, {"\"x\"", "\"abcd\""}},
      {R"({"pattern":"^a"})", {"1", "null", "\"ab\""}, {"\"b\""}},
      {R"({"type":"string","enum":["a","ab","\n","\u00e9"]})",
       {"\"a\"", "\"ab\"", "\"\\n\"", "\"" + e9 + "\""},
       {"\"abc\"", "\"\n\"", "\"\\u00e9\""}},
      {R"({"type":"string","not":{"enum":["a","b"]}})", {"\"c\"", "\"\"", "\"ab\""}, {"\"a\"", "\"b\""}},
      {R"({"allOf":[{"pattern":"^a"},{"pattern":"z$"}],"type":"string"})", {"\"az\"", "\"a-z\""}, {"\"a\"", "\"z\""}},
      {R"({"type":"string","format":"date"})",
       {"\"2024-02-29\"", "\"2000-02-29\"", "\"1999-12-31\""},
       {"\"2023-02-29\"", "\"1900-02-29\"", "\"2024-13-01\"", "\"2024-04-31\""}},
      {R"({"type":"string","format":"time"})",
       {"\"12:00:00Z\"", "\"23:59:60Z\"", "\"01:02:03.5+10:30\""},
       {"\"24:00:00Z\"", "\"12:00:00\"", "\"22:59:60Z\""}},
      {R"({"type":"string","format":"date-time"})",
       {"\"2024-02-29T00:00:00Z\""},
       {"\"2024-02-30T00:00:00Z\"", "\"2024-02-29\""}},
      {R"({"type":"string","format":"uuid"})",
       {"\"2eb8aa08-aa98-11ea-b4aa-73b441d16380\""},
       {"\"2eb8aa08aa9811eab4aa73b441d16380\""}},
      {R"({"type":"string","format":"ipv4"})",
       {"\"127.0.0.1\"", "\"255.255.255.255\""},
       {"\"256.0.0.1\"", "\"1.2.3\"", "\"01.2.3.4\""}},
      {R"({"type":"string","format":"ipv6"})",
       {"\"::1\"", "\"::\"", "\"1:2:3:4:5:6:7:8\"", "\"::ffff:1.2.3.4\"", "\"1::8\"", "\"1:2:3:4:5:6:7::\"",
        "\"::2:3:4:5:6:7:8\""},
       {"\"1:2:3:4:5:6:7:8:9\"", "\":1\"", "\"12345::\"", "\"1::2::3\"", "\"1:2:3:4:5:6:7\"", "\"::1:2:3:4:5:6:7:8\""}},
      {R"({"type":"string","format":"email"})",
       {"\"a.b@example.com\"", "\"x@[127.0.0.1]\""},
       {"\"a@\"", "\".a@b\"", "\"ab\""}},
      {R"({"type":"string","format":"hostname"})",
       {"\"a\"", "\"www.example.com\"", Cat("\"", std::string(63, 'a'), "\"")},
       {"\"-a\"", "\"a-\"", "\"a..b\"", "\"\"", Cat("\"", std::string(64, 'a'), "\"")}},
      {R"({"type":"string","format":"uri"})",
       {"\"http://a.b/c?d#e\"", "\"urn:x:y\"", "\"http://[::1]:80/\""},
       {"\"//a\"", "\"a b\"", "\"/x\"", "\"http://[\""}},
      {R"({"type":"string","format":"uri-reference"})",
       {"\"/x\"", "\"#a\"", "\"\"", "\"a/b\""},
       {"\"\\\\\\\\x\"", "\"a b\""}},
      {R"({"type":"string","format":"duration"})",
       {"\"P1D\"", "\"PT1H2M\"", "\"P4W\"", "\"P1Y2M3DT4H\""},
       {"\"P\"", "\"PT\"", "\"P1D2H\"", "\"P1Y2W\"", "\"1D\""}},
      {R"({"type":"string","format":"json-pointer"})", {"\"\"", "\"/a~0b/~1\""}, {"\"a\"", "\"/~2\""}},
      {R"({"type":"integer","format":"int32"})", {"1"}, {"\"1\""}},
  });
}

TEST(JsonSchema, Arrays) {
  Check({
      {R"({"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":3})",
       {"[1,2]", "[1, 2, 3]"},
       {"[]", "[1]", "[1,2,3,4]", "[1,\"a\"]"}},
      {R"({"type":"array","maxItems":0})", {"[]"}, {"[1]"}},
      {R"({"type":"array","items":false})", {"[]"}, {"[1]"}},
      {R"({"type":"array","minItems":1})", {"[1]", "[1,2,3,4]"}, {"[]"}},
      {R"({"type":"array","prefixItems":[{"type":"null"},{"type":"boolean"}],"items":false})",
       {"[]", "[null]", "[null,true]"},
       {"[true]", "[null,true,1]"}},
      {R"({"type":"array","prefixItems":[{"type":"null"}],"items":{"type":"integer"},"minItems":1})",
       {"[null]", "[null,1,2]"},
       {"[]", "[null,null]"}},
      {R"({"type":"array","items":[{"type":"null"}],"additionalItems":{"type":"integer"}})", {"[null,1]"}, {"[1]"}},
      {R"({"type":"array","items":{"type":"integer"},"maxItems":100000,"minItems":1000})", {}, {"[1]"}},
      {R"({"type":"array","contains":{"const":7},"items":{"type":"integer"}})",
       {"[7]", "[1,7,2]", "[7,7]"},
       {"[]", "[1,2]"}},
      {R"({"type":"array","contains":{"const":7},"minContains":2,"maxContains":2,"items":{"type":"integer"}})",
       {"[7,1,7]"},
       {"[7]", "[7,7,7]"}},
      {R"({"type":"array","contains":{"const":7},"minContains":0})", {"[]", "[1]"}, {}},
      {R"({"type":"array","items":{"enum":[1,2]},"not":{"contains":{"const":1}}})", {"[]", "[2,2]"}, {"[1]", "[2,1]"}},
      {R"({"const":[1,{"a":null}]})", {"[1,{\"a\":null}]", "[1, {\"a\": null}]"}, {"[1]", "[1,{}]"}},
      {R"({"type":"array","uniqueItems":true,"maxItems":1})", {"[]", "[1]"}, {"[1,2]"}},
  });
}

TEST(JsonSchema, Objects) {
  Check({
      {R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"null"}},"required":["a"],"additionalProperties":false})",
       {"{\"a\":1}", "{\"a\": 1, \"b\": null}", "{ \"a\":1 }"},
       {"{}", "{\"b\":null}", "{\"b\":null,\"a\":1}", "{\"a\":1,\"c\":2}", "{\"a\":1,\"a\":1}",
        "{\"a\":1 ,\"b\":null}"}},
      {R"({"type":"object","properties":{"a":{},"b":{},"c":{}},"required":["c"],"additionalProperties":false})",
       {"{\"c\":1}", "{\"b\":1,\"c\":1}", "{\"a\":1,\"c\":1}"},
       {"{\"a\":1}", "{}", "{\"c\":1,\"b\":1}"}},
      {R"({"type":"object","properties":{"ab":{"type":"null"}}})",
       {"{}", "{\"ab\":null,\"abc\":1}", "{\"x\":1,\"y\":2}", "{\"a\":1}"},
       {"{\"ab\":1}", "{\"x\":1,\"ab\":1}", "{\"\\u0061b\":1}"}},
      {R"({"type":"object","additionalProperties":{"type":"integer"}})",
       {"{}", "{\"x\":1,\"\\n\":2}"},
       {"{\"x\":null}"}},
      {R"({"type":"object","patternProperties":{"^x":{"type":"integer"},"y$":{"minimum":5}},"additionalProperties":false})",
       {"{\"xa\":1}", "{\"xy\":7}", "{\"by\":\"s\"}"},
       {"{\"a\":1}", "{\"xy\":1}", "{\"xa\":null}", "{\"by\":1}"}},
      {R"({"type":"object","properties":{"xa":{"maximum":3}},"patternProperties":{"^x":{"type":"integer"}}})",
       {"{\"xa\":3}"},
       {"{\"xa\":4}", "{\"xa\":null}"}},
      {R"({"type":"object","propertyNames":{"maxLength":2},"additionalProperties":{"type":"null"}})",
       {"{\"ab\":null}"},
       {"{\"abc\":null}"}},
      {R"({"type":"object","propertyNames":{"enum":["p","q"]}})", {"{\"p\":1,\"q\":2}", "{\"q\":1}"}, {"{\"r\":1}"}},
      {R"({"type":"object","minProperties":1})", {"{\"a\":1}"}, {"{}"}},
      {R"({"type":"object","properties":{"a":{},"b":{},"c":{}},"additionalProperties":false,"minProperties":2,"maxProperties":2})",
       {"{\"a\":1,\"c\":1}", "{\"a\":1,\"b\":1}"},
       {"{\"a\":1}", "{\"a\":1,\"b\":1,\"c\":1}"}},
      {R"({"type":"object","maxProperties":1})", {"{}", "{\"a\":1}"}, {"{\"a\":1,\"b\":1}"}},
      {R"({"type":"object","required":["z"]})", {"{\"z\":1}", "{\"z\":1,\"a\":2}"}, {"{}", "{\"a\":2,\"z\":1}"}},
      {R"({"type":"object","properties":{"a":false,"b":{}},"additionalProperties":false})",
       {"{}", "{\"b\":1}"},
       {"{\"a\":1}"}},
      {R"({"type":"object","properties":{"a":{},"b":{}},"additionalProperties":false,"dependentRequired":{"a":["b"]}})",
       {"{}", "{\"b\":1}", "{\"a\":1,\"b\":1}"},
       {"{\"a\":1}"}},
      {R"({"type":"object","properties":{"k":{},"v":{"type":["null","integer"]}},"additionalProperties":false,"dependentSchemas":{"k":{"properties":{"v":{"type":"null"}},"required":["v"]}}})",
       {"{}", "{\"v\":1}", "{\"k\":1,\"v\":null}"},
       {"{\"k\":1}", "{\"k\":1,\"v\":1}"}},
      {R"({"const":{"a":1,"b":"x"}})", {"{\"a\":1,\"b\":\"x\"}"}, {"{\"a\":1}", "{\"b\":\"x\",\"a\":1}"}},
      {R"({"type":"object","not":{"required":["a"]}})", {"{}", "{\"b\":1}"}, {"{\"a\":1}"}},
  });
}

TEST(JsonSchema, Combinations) {
  Check({
      {R"({"anyOf":[{"type":"integer"},{"type":"string","maxLength":1}]})", {"12", "\"a\""}, {"\"ab\"", "null"}},
      {R"({"allOf":[{"type":"object","properties":{"a":{"minimum":2}},"required":["a"]},{"properties":{"a":{"maximum":4},"b":{"type":"null"}},"additionalProperties":false}]})",
       {"{\"a\":3}", "{\"a\":2,\"b\":null}"},
       {"{\"a\":1}", "{\"a\":5}", "{\"a\":3,\"c\":1}", "{\"b\":null}"}},
      {R"({"oneOf":[{"multipleOf":3},{"multipleOf":5}],"type":"integer"})", {"3", "5", "9"}, {"15", "1", "0"}},
      {R"({"oneOf":[{"type":"object","properties":{"t":{"const":"a"},"x":{"type":"null"}},"required":["t","x"],"additionalProperties":false},
                    {"type":"object","properties":{"t":{"const":"b"}},"required":["t"],"additionalProperties":false}]})",
       {"{\"t\":\"a\",\"x\":null}", "{\"t\":\"b\"}"},
       {"{\"t\":\"a\"}", "{\"t\":\"b\",\"x\":null}", "{}"}},
      {R"({"oneOf":[{"required":["a"]},{"required":["b"]}],"type":"object","additionalProperties":{"type":"null"}})",
       {"{\"a\":null}", "{\"b\":null,\"c\":null}"},
       {"{}", "{\"a\":null,\"b\":null}"}},
      {R"({"if":{"properties":{"k":{"const":1}},"required":["k"]},"then":{"properties":{"v":{"type":"null"}},"required":["v"]},"else":{"properties":{"v":false}},
          "type":"object","properties":{"k":{"enum":[1,2]},"v":{}},"additionalProperties":false})",
       {"{\"k\":1,\"v\":null}", "{\"k\":2}", "{}"},
       {"{\"k\":1}", "{\"k\":2,\"v\":null}", "{\"k\":1,\"v\":1}"}},
      {R"({"not":{"type":"string"}})", {"1", "null", "[]"}, {"\"a\""}},
      {R"({"not":{"anyOf":[{"type":"object"},{"type":"array"},{"const":null}]}})",
       {"1", "\"a\"", "true"},
       {"{}", "[]", "null"}},
      {R"({"$defs":{"node":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},"required":["v","next"],"additionalProperties":false}},"$ref":"#/$defs/node"})",
       {"{\"v\":1,\"next\":null}", "{\"v\":1,\"next\":{\"v\":2,\"next\":null}}"},
       {"{\"v\":1}", "{\"v\":1,\"next\":{}}"}},
      {R"({"type":"array","items":{"$ref":"#"}})", {"[]", "[[],[[]]]"}, {"[1]", "[[]"}},
      {R"({"$ref":"#sub","$defs":{"x":{"$anchor":"sub","type":"null"}}})", {"null"}, {"1"}},
      {R"({"$id":"http://a.b/root.json","$ref":"item.json","$defs":{"x":{"$id":"item.json","type":"null"}}})",
       {"null"},
       {"1"}},
      {R"({"properties":{"a":{"$ref":"#/$defs/a~1b%25"}},"$defs":{"a/b%":{"type":"null"}}})",
       {"{\"a\":null}"},
       {"{\"a\":1}"}},
      {R"({"title":"t","description":"d","default":1,"examples":[],"x-thing":{},"type":"null"})", {"null"}, {"1"}},
  });
}

TEST(JsonSchema, CompactHasNoWhiteSpace) {
  Result<std::unique_ptr<Language>> language = CompileSchema(R"({"type":"object"})", {.compact = true});
  ASSERT_TRUE(language.ok());
  EXPECT_TRUE((*language)->Allows("{\"a\":[1,2]}"));
  EXPECT_FALSE((*language)->Allows("{\"a\": 1}"));
}

TEST(JsonSchema, WhiteSpaceIsBounded) {
  Result<std::unique_ptr<Language>> language = CompileSchema(R"({"type":"array"})");
  ASSERT_TRUE(language.ok());
  EXPECT_TRUE((*language)->Allows(Cat("[\n", std::string(64, ' '), "1\r\n]")));
  EXPECT_FALSE((*language)->Allows(Cat("[\n", std::string(65, ' '), "1]")));
  EXPECT_FALSE((*language)->Allows("[  1]"));
  EXPECT_FALSE((*language)->Allows("[\n\n1]"));
}

TEST(JsonSchema, RefusalsNameThePlace) {
  std::string deep = "{\"type\":\"null\"}";
  for (int i = 0; i < 40; ++i) deep = Cat(R"({"allOf":[)", deep, "]}");
  std::string blowup = R"({"type":"object","allOf":[)";
  for (int i = 0; i < 30; ++i)
    blowup += Cat(i > 0 ? "," : "", R"({"anyOf":[{"required":["a)", i, R"("]},{"required":["b)", i, R"("]}]})");
  blowup += "]}";
  const std::pair<std::string, const char*> cases[] = {
      {R"({"properties":{"a":{"type":"array","uniqueItems":true}}})", "#/properties/a/uniqueItems"},
      {R"({"items":{"unevaluatedProperties":false}})", "#/items/unevaluatedProperties"},
      {R"({"unevaluatedItems":false})", "#/unevaluatedItems"},
      {R"({"$dynamicRef":"#x"})", "#/$dynamicRef"},
      {R"({"properties":{"a/b":{"pattern":"("}}})", "#/properties/a~1b/pattern"},
      {R"({"pattern":"(a)\\1"})", "#/pattern"},
      {R"({"format":"idn-email"})", "#/format"},
      {R"({"type":"thing"})", "#/type"},
      {R"({"type":5})", "#/type"},
      {R"({"minimum":"3"})", "#/minimum"},
      {R"({"multipleOf":0})", "#/multipleOf"},
      {R"({"multipleOf":123457})", "#/multipleOf"},
      {R"({"maximum":18446744073709551615})", "#/maximum"},
      {R"({"minLength":-1})", "#/minLength"},
      {R"({"maxItems":1.5})", "#/maxItems"},
      {R"({"required":"a"})", "#/required"},
      {R"({"properties":[]})", "#/properties"},
      {R"({"anyOf":[]})", "#/anyOf"},
      {R"({"anyOf":[{"type":"null"},{"enum":5}]})", "#/anyOf/1/enum"},
      {R"({"$ref":"#/$defs/nothing"})", "#/$ref"},
      {R"({"$ref":"http://elsewhere/x"})", "#/$ref"},
      {R"({"$ref":"#"})", "itself"},
      {R"({"allOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"anyOf":[{"$ref":"#/$defs/a"},{"type":"null"}]}}})", "itself"},
      {R"({"type":"object","minProperties":2})", "minProperties"},
      {R"({"not":{"additionalProperties":{"type":"null"}},"type":"object"})", "#/not"},
      {R"({"patternProperties":{"(":{}}})", "#/patternProperties/("},
      {R"({"properties":{"a":5}})", "#/properties/a"},
      {R"({"type":"string","pattern":"^(a|b)*a(a|b){18}$"})", "#/pattern"},
      {R"({"type":"string","pattern":"a","maxLength":100000})", "states"},
      {"false", "no text"},
      {R"({"type":"integer","minimum":3,"maximum":2})", "no text"},
      {blowup, "#/allOf"},
  };
  for (const auto& [schema, place] : cases) {
    const auto language = CompileSchema(schema);
    ASSERT_FALSE(language.ok()) << schema;
    EXPECT_EQ(language.status().code(), StatusCode::kInvalidArgument) << schema;
    EXPECT_NE(language.status().message().find(place), std::string::npos)
        << schema << ": " << language.status().message();
  }
  EXPECT_TRUE(CompileSchema(deep).ok());
}

TEST(JsonSchema, WhatMayHoldTogetherIsTakenAwayInBothDirections) {
  Check({
      // Told apart by type; by what one requires and the other bars; by an object's own tag inside.
      {R"({"oneOf":[{"type":"object","properties":{"k":{"type":"integer"}},"required":["k"]},
                    {"type":"object","properties":{"k":{"type":"string"}},"required":["k"]}]})",
       {"{\"k\":1}", "{\"k\":\"a\"}"},
       {"{\"k\":null}", "{}"}},
      {R"({"oneOf":[{"type":"object","properties":{"a":{}},"required":["a"],"additionalProperties":false},
                    {"type":"object","properties":{"a":false,"b":{}},"required":["b"]}]})",
       {"{\"a\":1}", "{\"b\":1}", "{\"b\":1,\"c\":1}"},
       {"{\"a\":1,\"b\":1}", "{}"}},
      {R"({"oneOf":[{"type":"object","properties":{"in":{"type":"object","properties":{"k":{"const":1}},"required":["k"]}},"required":["in"]},
                    {"type":"object","properties":{"in":{"type":"object","properties":{"k":{"const":2}},"required":["k"]}},"required":["in"]}]})",
       {"{\"in\":{\"k\":1}}", "{\"in\":{\"k\":2}}"},
       {"{\"in\":{\"k\":3}}", "{\"in\":{}}"}},
      // A tag that need not be there tells nothing apart: {} satisfies both.
      {R"({"oneOf":[{"type":"object","properties":{"k":{"const":1}}},
                    {"type":"object","properties":{"k":{"const":2}}}],
           "type":"object","properties":{"k":{"enum":[1,2,3]}},"additionalProperties":false})",
       {"{\"k\":1}", "{\"k\":2}"},
       {"{}", "{\"k\":3}"}},
  });
}

}  // namespace
}  // namespace bedplate
