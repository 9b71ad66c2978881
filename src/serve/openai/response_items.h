#pragma once
/// The items that a response's input and output are made of, and the messages of a chat that they stand for.
/// Source: https://platform.openai.com/docs/api-reference/responses.
///
///   message               {"id","type","status","role","content":[{"type":"input_text"|"output_text","text",...}]}
///   function_call         {"id","type","status","call_id","name","arguments"}
///   function_call_output  {"id","type","status","call_id","output"}
///   custom_tool_call, custom_tool_call_output: the same, with "input", any text, in place of "arguments"
///   reasoning             {"id","type","summary":[...],"content":[{"type":"reasoning_text","text"}]}
///   item_reference        {"type","id"}: in a request, an item of a stored response
///
/// An id of ours tells the response it belongs to: msg_RESPONSE_3, fc_RESPONSE_0 (output), msg_RESPONSE_i2 (input).

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "request/request.h"
#include "serve/field_reader.h"

namespace bedplate::openai {

/// To the model a custom tool is a function with this one parameter, a string.
inline constexpr std::string_view kCustomInput = "input";
/// The text that a custom tool was called with; arguments: as the model wrote them. Where they are cut off, as far as
/// they go; where they are no JSON, as they are.
std::string CustomInputOf(std::string_view arguments);

/// Of what was said earlier, for one request; more than the context of any model has room for.
inline constexpr size_t kHistoryBytesMax = size_t{32} << 20;

/// Where earlier responses are. Threads: as the implementation says; called while a request is decoded, on a worker.
class ResponseHistory {
 public:
  virtual ~ResponseHistory() = default;
  /// The items of a response (id with its prefix) and of all before it, oldest first: input, output, input, output, ...
  virtual Result<Json::Array> ItemsUpTo(const std::string& response_id) = 0;
  /// One stored response's own items, input and output. kNotFound.
  virtual Result<Json::Array> ItemsOf(const std::string& response_id) = 0;
};

/// The field `input`, a string or a list, as whole items with ids. response: whose they become, without its prefix.
/// kInvalidArgument names the item or part that is none of the above: pictures, sound and files are no input here; or
/// says that what is referred to has more than kHistoryBytesMax.
Result<Json::Array> ReadInputItems(const FieldReader& fields, std::string_view response, ResponseHistory& history);

/// What ReadInputItems and the encoder made, in the order of the conversation. An assistant's reasoning, text and calls
/// that follow each other become one message. kInvalidArgument: a call's output whose call is not there.
Result<std::vector<Message>> MessagesOfItems(const Json::Array& items);

/// What we have written ourselves: a client's values stand some levels deeper in it than a request may nest.
Result<Json> ParseOwnJson(std::string_view text);

/// A member's text; empty where it is absent or no text.
std::string TextAt(const Json& object, std::string_view member);

/// "resp_X" for an id of one of response X's items; empty for one that isn't ours.
std::string ResponseIdOfItem(std::string_view item_id);

}  // namespace bedplate::openai
