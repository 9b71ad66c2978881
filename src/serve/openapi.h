#pragma once
/// The OpenAPI 3.1 document of what is served, made from the router's table and what the dialects say of their routes.
/// A route that none describes fails a test (openapi_server_test.cc); so does a description without its route.
///
/// What is sent is told in short, and exactly: every member that is named is there, and no other. In that form, JSON
/// itself,
///   "string", "integer", "number", "boolean", "null"  is that type; "any" is anything
///   "=text"                                           is that string
///   "#Name"                                           is the schema of that name
///   "a|b"                                             is either
///   [a]                                               is an array of them
///   {"name": a, "name?": b}                           is an object; what ends in ? may be missing
///   {"*": a}                                          is an object of any names

#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "serve/operation.h"
#include "serve/router.h"

namespace bedplate {

/// JSON text. has_keys: the server asks for them. What is described and has no route is left out.
std::string OpenApiDocument(const std::vector<Route>& routes, std::span<const ApiDescription> apis, bool has_keys);

/// The JSON Schema that the short form stands for.
Json ExactSchema(const Json& form);

}  // namespace bedplate
