#include "serve/router.h"

namespace bedplate {
namespace {

bool Fits(std::string_view pattern, std::string_view path) {
  if (!pattern.ends_with("/*")) return pattern == path;
  return path.starts_with(pattern.substr(0, pattern.size() - 1));
}

}  // namespace

Router::Match Router::Find(std::string_view method, std::string_view path) const {
  Match match;
  const std::string* pattern = nullptr;  // the first that fits; later, wider ones don't add methods to it
  for (const Route& route : routes_) {
    if (!Fits(route.pattern, path) || (pattern != nullptr && *pattern != route.pattern)) continue;
    pattern = &route.pattern;
    if (route.method == method || (route.method == "GET" && method == "HEAD")) return {.route = &route, .allowed = {}};
    if (route.pattern == "/*") continue;  // the catch-all claims no path for other methods
    if (!match.allowed.empty()) match.allowed += ", ";
    match.allowed += route.method == "GET" ? "GET, HEAD" : route.method;
  }
  return match;
}

}  // namespace bedplate
