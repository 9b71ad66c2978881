#pragma once
/// Who asks for something, and how far they may go with it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "ledger/tenancy/tenant_records.h"

namespace bedplate {

/// A key, or somebody on this machine who may open the data folder, and may then do everything.
struct Caller {
  std::string key;    // its id; empty: local
  std::string local;  // as the audit calls them
  static Caller Key(std::string id) { return {.key = std::move(id), .local = {}}; }
  static Caller Local(std::string name) { return {.key = {}, .local = std::move(name)}; }
};

/// A caller, once a state has said who that is, and what they reach with one verb.
struct Actor {
  std::string name;  // as the audit has it
  Reach reach = Reach::kNone;
  TenantState::KeyPointer key;  // null: local

  /// kUnauthenticated for a key that is no longer good; kPermissionDenied where the table of roles or the key's scopes
  /// don't give them the verb.
  static Result<Actor> Of(const TenantState& state, const Caller& caller, const VerbRow& row, int64_t now);

  /// What they don't see isn't there for them. A project or a key that is not asked for is empty.
  [[nodiscard]] bool Sees(std::string_view tenant, std::string_view project = {}, std::string_view key_id = {}) const;
  [[nodiscard]] bool IsLocal() const { return key == nullptr; }
  [[nodiscard]] bool Is(const TenantKey& other) const { return key != nullptr && key->id == other.id; }
  /// A key like that may be made by them, and its secret shown to them: it can do no more than theirs, nor for longer.
  [[nodiscard]] Status MayHold(const TenantKey& other) const;
  [[nodiscard]] Status MayEnd(const TenantKey& other) const;
};

}  // namespace bedplate
