#pragma once
/// One HTTP/1.1 request and one response as plain values. Field names are lower case.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bedplate {

struct HttpField {
  std::string name;  // lower case
  std::string value;
  bool operator==(const HttpField&) const = default;
};

struct HttpRequest {
  std::string method;  // as sent; methods are case-sensitive
  std::string path;    // as sent, percent-encoding kept; starts with '/', or is "*"
  std::string query;   // after the '?', without it
  bool http_1_1 = true;
  bool keep_alive = true;  // what the client wants
  bool expects_continue = false;
  bool has_body = false;  // by the head: a length above 0, or chunked
  std::vector<HttpField> fields;
  std::string body;

  /// The first field of that (lower case) name, or nullptr.
  [[nodiscard]] const std::string* Find(std::string_view name) const {
    for (const HttpField& field : fields) {
      if (field.name == name) return &field.value;
    }
    return nullptr;
  }
  bool operator==(const HttpRequest&) const = default;
};

/// What a request says of who sends it: the value of an Authorization field, or empty. Anthropic's older SDKs send
/// their key in a field of its own; like Anthropic, we take that one if both are there.
std::string CredentialsOf(const HttpRequest& head);

struct HttpResponse {
  int status = 200;
  std::vector<HttpField>
      fields;  // without Content-Length, Transfer-Encoding, Connection and Date: the writer adds them
  std::string body;
};

}  // namespace bedplate
