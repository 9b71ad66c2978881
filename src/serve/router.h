#pragma once
/// Method and path to handler. The table is filled once (routes.cc) and then only read: any thread.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "request/admission.h"
#include "serve/exchange.h"
#include "serve/http_message.h"

namespace bedplate {

/// Answers through the sink: at once (returning nothing), or later through the Activity that it returns.
using Handler = std::function<std::shared_ptr<Activity>(Exchange exchange, const std::shared_ptr<ResponseSink>& sink)>;

/// Which keys a route asks for, where a server has keys. What isn't said is the narrowest.
enum class RouteAccess : uint8_t {
  kModels,   // those that may use models
  kMetrics,  // those that may read what is of all tenants together
  kAnyKey,   // any: the handler decides
  kOpen,     // none
};

struct Route {
  std::string method;  // "GET" answers HEAD too
  /// A path, or a prefix when it ends with "/*"; "/*" alone catches what no other route has. A "/*/" inside stands for
  /// one or more segments: "/model/*/converse".
  std::string pattern;
  RouteAccess access = RouteAccess::kModels;
  Handler handler;
};

class Router {
 public:
  void Add(Route route) { routes_.push_back(std::move(route)); }
  [[nodiscard]] const std::vector<Route>& routes() const { return routes_; }

  struct Match {
    const Route* route = nullptr;  // null: none, and allowed says whether another method would do
    std::string allowed;           // for the Allow field
  };
  /// The first route that fits; an exact path wins over a prefix by standing before it.
  [[nodiscard]] Match Find(std::string_view method, std::string_view path) const;

 private:
  std::vector<Route> routes_;
};

}  // namespace bedplate
