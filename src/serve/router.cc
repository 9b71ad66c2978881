#include "serve/router.h"

namespace bedplate {
namespace {

bool Fits(std::string_view pattern, std::string_view path) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == path;
  const std::string_view before = pattern.substr(0, star), after = pattern.substr(star + 1);
  // At least a byte for the star, but for the catch-all and a prefix's own path.
  const size_t least = before.size() + after.size() + (after.empty() ? 0 : 1);
  return path.size() >= least && path.starts_with(before) && path.ends_with(after);
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
