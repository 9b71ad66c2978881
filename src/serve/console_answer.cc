#include "serve/console_answer.h"

#include <optional>

#include "base/cat.h"
#include "serve/console_files.h"

namespace bedplate {
namespace {

std::string_view TrimBlanks(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Cuts the next comma-separated element off; no element of these lists holds a comma (our etags are hexadecimal).
std::string_view NextElement(std::string_view& list) {
  const size_t comma = list.find(',');
  const std::string_view element = TrimBlanks(list.substr(0, comma));
  list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  return element;
}

bool IsGzip(std::string_view coding) {
  return coding.size() == 4 && (coding[0] | 0x20) == 'g' && (coding[1] | 0x20) == 'z' && (coding[2] | 0x20) == 'i' &&
         (coding[3] | 0x20) == 'p';
}

// "q=0", "q=0.0" and so on refuse a coding; every other weight allows it.
bool IsRefused(std::string_view parameters) {
  const std::string_view weight = TrimBlanks(parameters);
  if (!weight.starts_with("q=") && !weight.starts_with("Q=")) return false;
  const std::string_view value = weight.substr(2);
  return !value.empty() && value.find_first_not_of("0.") == std::string_view::npos;
}

bool AcceptsGzip(std::string_view accept_encoding) {
  std::optional<bool> gzip, any;
  while (!accept_encoding.empty()) {
    const std::string_view element = NextElement(accept_encoding);
    const size_t semicolon = element.find(';');
    const std::string_view coding = TrimBlanks(element.substr(0, semicolon));
    const bool allowed = semicolon == std::string_view::npos || !IsRefused(element.substr(semicolon + 1));
    if (IsGzip(coding)) gzip = allowed;
    if (coding == "*") any = allowed;
  }
  return gzip.value_or(any.value_or(false));
}

// Weak comparison: W/ is ignored.
bool HasTag(std::string_view if_none_match, std::string_view etag) {
  while (!if_none_match.empty()) {
    std::string_view tag = NextElement(if_none_match);
    if (tag == "*") return true;
    if (tag.starts_with("W/")) tag.remove_prefix(2);
    if (tag == etag) return true;
  }
  return false;
}

}  // namespace

ConsoleAnswer AnswerConsole(const ConsoleRequest& request) {
  const bool root = request.path == "/";
  const ConsoleFile* file = root ? ConsoleIndex() : FindConsoleFile(request.path);
  if (file == nullptr && root) {
    return {.status = 404,
            .fields = {{"content-type", "text/plain; charset=utf-8"}, {"cache-control", "no-store"}},
            .body = ConsoleMissingMessage()};
  }
  if (file == nullptr) return {};

  ConsoleAnswer answer{.status = 200, .fields = {}, .body = file->bytes};
  // Weak, since both encodings of a file share it.
  answer.fields.emplace_back("etag", Cat("W/", file->etag));
  answer.fields.emplace_back("cache-control", ConsoleCacheControl(*file));
  if (!file->gzip_bytes.empty()) answer.fields.emplace_back("vary", "accept-encoding");
  if (HasTag(request.if_none_match, file->etag)) {
    answer.status = 304;
    answer.body = {};
    return answer;
  }
  answer.fields.emplace_back("content-type", file->content_type);
  answer.fields.emplace_back("content-security-policy", ConsoleSecurityPolicy());
  answer.fields.emplace_back("x-content-type-options", "nosniff");
  answer.fields.emplace_back("referrer-policy", "no-referrer");
  answer.fields.emplace_back("cross-origin-opener-policy", "same-origin");
  answer.fields.emplace_back("cross-origin-resource-policy", "same-origin");
  if (!file->gzip_bytes.empty() && AcceptsGzip(request.accept_encoding)) {
    answer.fields.emplace_back("content-encoding", "gzip");
    answer.body = file->gzip_bytes;
  }
  return answer;
}

}  // namespace bedplate
