#pragma once
/// How /openapi.json tells what a route does. Each dialect's folder describes its own.

#include <cstdint>
#include <span>
#include <string_view>

#include "serve/field_table.h"

namespace bedplate {

/// Whose form an answer has, and an error.
enum class Api : uint8_t { kOpenAi, kAnthropic, kOpenAiOrAnthropic, kBedrock, kAdmin, kServer };

struct Parameter {
  std::string_view name;
  std::string_view in;  // "path", "query", "header"
  std::string_view about;
  std::string_view schema = R"({"type":"string"})";
};

/// One method of one path. A route's pattern may stand for several.
struct Operation {
  std::string_view method;
  std::string_view pattern;  // the route's, without the prefix that it has on Bedrock's host
  std::string_view path;     // with its parameters in braces; each is in `parameters`, too
  std::string_view id;       // unique; under a prefix, that goes before it
  Api api = Api::kServer;
  std::string_view summary;
  std::span<const Parameter> parameters = {};
  std::string_view body = {};  // the schema's name
  bool body_required = true;
  std::span<const std::string_view> examples = {};
  std::string_view answer = {};  // the schema's name
  std::string_view answer_type = "application/json";
  std::string_view events = {};  // of a stream: the schema of one event's data
  std::string_view stream_type = "text/event-stream";
};

/// A named schema, of components/schemas.
struct Schema {
  enum class Form : uint8_t {
    kJsonSchema,
    kFields,        // of an object that a client sends
    kClosedFields,  // of one whose other members are refused
    kExact,         // of what we send, in short: openapi.h
  };
  std::string_view name;
  Form form = Form::kJsonSchema;
  std::string_view text = {};
  FieldTable fields = {};
};

struct ApiDescription {
  std::span<const Operation> operations;
  std::span<const Schema> schemas;
};

}  // namespace bedplate
