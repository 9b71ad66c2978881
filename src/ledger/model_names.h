#pragma once
/// The names that models go by: an id, under which usage is booked, and further ones that clients may send in its
/// place. What is priced, budgeted or asked for by a further name would else be nobody's.

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bedplate {

struct ModelNames {
  std::vector<std::string> served;                          // ids
  std::map<std::string, std::string, std::less<>> aliases;  // a further name, and the id

  /// A name that nobody knows is its own: its model may come later.
  [[nodiscard]] std::string IdOf(std::string_view name) const {
    const auto found = aliases.find(name);
    return found == aliases.end() ? std::string(name) : found->second;
  }
};

}  // namespace bedplate
