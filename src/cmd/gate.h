#pragma once
/// Who may use a server: everyone who reaches it; the keys of a file, which can be read again while it serves; or those
/// of the tenants in the data folder, which commands change while it serves, through a socket there.

#include <filesystem>
#include <memory>

#include "base/clock.h"
#include "base/status.h"
#include "cmd/budget_webhook.h"
#include "cmd/server_budgets.h"
#include "cmd/server_metering.h"
#include "cmd/tenant_access.h"
#include "ledger/kept_books.h"
#include "ledger/key_admission.h"
#include "ledger/model_names.h"
#include "ledger/office/office.h"
#include "ledger/tenancy/tenants.h"
#include "request/admission.h"
#include "serve/control_socket.h"

namespace bedplate {

class Gate {
 public:
  /// keys: the key file; empty: none. The data folder's tenants are found there. kConflict where there are both;
  /// kUnavailable where another server has the tenants; kDataLoss where they were there and are gone; kNotFound where
  /// there are none and the store's options name a secret file. clock outlives this.
  static Result<Gate> Open(const std::filesystem::path& keys, const StoreOptions& store, const WebhookSettings& webhook,
                           const ModelNames& models, const Clock& clock);

  [[nodiscard]] bool has_keys() const { return key_file_ != nullptr || tenants_ != nullptr; }
  /// With tenants one that keeps books of what it admits: its permits end before the gate does.
  [[nodiscard]] Admission& admission() { return metering_ ? metering_->admission() : *admission_; }
  /// Null without tenants.
  [[nodiscard]] const ServerMetering* metering() const { return metering_.get(); }
  /// Null without tenants.
  [[nodiscard]] const LeasedBudgets* budgets() const { return budgets_.get(); }
  /// Null without tenants.
  [[nodiscard]] Office* office() { return office_.get(); }
  /// With tenants: makes the socket, and a thread that serves it.
  Status ListenForCommands();
  /// Reads the key file again; one that is no key file changes nothing.
  void Reload();

 private:
  static Result<Gate> OpenTenants(Tenants::Options options, const StoreOptions& store, const WebhookSettings& webhook,
                                  const ModelNames& models, const Clock& clock);

  std::filesystem::path path_;         // of the key file
  std::filesystem::path data_folder_;  // with tenants
  std::unique_ptr<Tenants> tenants_;
  std::unique_ptr<Admission> admission_;
  // With tenants. The books end first: what they write last frees slots of the metering's recorder.
  std::unique_ptr<BudgetWebhook> webhook_;  // where one is set
  std::unique_ptr<LeasedBudgets> budgets_;
  std::unique_ptr<ServerMetering> metering_;
  std::unique_ptr<KeptBooks> books_;
  BudgetsClosing budgets_closing_;  // gives leases back while there are books
  std::unique_ptr<Office> office_;
  KeyAdmission* key_file_ = nullptr;         // admission_, where there is a key file
  std::unique_ptr<ControlSocket> commands_;  // last: it uses the office
};

}  // namespace bedplate
