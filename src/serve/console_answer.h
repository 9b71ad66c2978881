#pragma once
/// What a GET (or HEAD) for one of the console's pages is answered with: which file, in which encoding, with which
/// header fields. Plain values, so that the server's own response type stays out of it.
///
/// Source: RFC 9110 sections 12.5.3 (Accept-Encoding) and 13.1.2 (If-None-Match); CSP Level 3.
/// Threads: any.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bedplate {

struct ConsoleRequest {
  std::string_view path;             // without the query
  std::string_view accept_encoding;  // the field's value, empty when absent
  std::string_view if_none_match;    // likewise
};

struct ConsoleAnswer {
  int status = 404;  // 200, 304 or 404
  // Lower-case names; without Content-Length.
  std::vector<std::pair<std::string_view, std::string>> fields;
  std::string_view body;  // a view into the program; empty for 304
};

/// "/" is the page itself. A path that is none of the console's files gives 404 with no fields and no body: the server
/// then answers as it does for any unknown path. In a program without the console, "/" gives 404 and says how to build
/// it.
ConsoleAnswer AnswerConsole(const ConsoleRequest& request);

}  // namespace bedplate
