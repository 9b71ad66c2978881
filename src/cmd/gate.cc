#include "cmd/gate.h"

#include "base/cat.h"
#include "base/log.h"
#include "cmd/ledger_files.h"
#include "cmd/server_prices.h"
#include "ledger/tenancy/control_message.h"
#include "ledger/tenancy/tenant_admission.h"

namespace bedplate {

Result<Gate> Gate::Open(const std::filesystem::path& keys, const StoreOptions& store, const WebhookSettings& webhook,
                        const ModelNames& models, const Clock& clock) {
  BP_ASSIGN_OR_RETURN(Tenants::Options options, TenantOptions(store));
  const bool has_tenants = Tenants::AreIn(options.data_folder);
  if (has_tenants && !keys.empty()) {
    return Status{StatusCode::kConflict,
                  Cat("the data folder ", options.data_folder.string(),
                      " has tenants, whose keys are asked for: a key file goes without them, so leave out --keys ",
                      keys.string(), ", or serve another data folder")};
  }
  if (has_tenants) return OpenTenants(std::move(options), store, webhook, models, clock);
  // Without its tenants a server would ask for no keys, and charge nobody.
  if (const auto trace = Tenants::TraceIn(options.data_folder)) {
    return Status::DataLoss(Cat("the tenants of the data folder ", options.data_folder.string(), " are gone: it has ",
                                trace->filename().string(), ", but no ", TenantStore::kFileName,
                                ". Restore that file, or serve another data folder"));
  }
  if (!store.secret_file.empty()) {
    return Status::NotFound(Cat("a secret file is named, but there are no tenants in ", options.data_folder.string(),
                                "; `bedplate tenant init` makes the first one"));
  }
  Gate gate;
  if (keys.empty()) {
    gate.admission_ = MakeOpenAdmission();
    return gate;
  }
  BP_ASSIGN_OR_RETURN(KeyFile file, KeyFile::Load(keys));
  auto admission = std::make_unique<KeyAdmission>(std::move(file), clock);
  gate.path_ = keys;
  gate.key_file_ = admission.get();
  gate.admission_ = std::move(admission);
  return gate;
}

Result<Gate> Gate::OpenTenants(Tenants::Options options, const StoreOptions& store, const WebhookSettings& webhook,
                               const ModelNames& models, const Clock& clock) {
  Gate gate;
  gate.data_folder_ = options.data_folder;
  BP_ASSIGN_OR_RETURN(gate.tenants_, Tenants::Open(std::move(options), clock));
  gate.admission_ = std::make_unique<TenantAdmission>(*gate.tenants_, clock);
  BP_ASSIGN_OR_RETURN(const LedgerFiles files, FindLedgerFiles(store.ledger_head));
  BP_ASSIGN_OR_RETURN(gate.books_, KeptBooks::Open(files.books, files.heads, clock));
  BookWriter& writer = gate.books_->writer();
  BP_ASSIGN_OR_RETURN(gate.webhook_, BudgetWebhook::Open(webhook, clock));
  gate.budgets_ = OpenServerBudgets(*gate.tenants_, writer, clock, gate.webhook_.get(), models);
  gate.budgets_closing_.reset(gate.budgets_.get());
  // What a kill left is booked, of budgets, too, before they lease anything.
  BP_ASSIGN_OR_RETURN(gate.metering_,
                      ServerMetering::Open(*gate.admission_, writer, files, clock, gate.budgets_.get()));
  BP_RETURN_IF_ERROR(gate.budgets_->Start());
  gate.office_ = std::make_unique<Office>(
      *gate.tenants_,
      Office::BooksKept{.writer = &writer,
                        .file = files.books,
                        .budgets = gate.budgets_.get(),
                        .unbooked_before = [metering = gate.metering_.get()](
                                               int64_t unix_us) { return metering->UnbookedBefore(unix_us); },
                        .models = models},
      clock);
  const auto state = gate.tenants_->state();
  BP_RETURN_IF_ERROR(WarnOfPrices(writer, *state, models, clock).status());
  LogInfo("the data folder's tenants are served",
          {{"tenants", Cat(state->tenants.size())}, {"keys", Cat(state->keys.size())}});
  return gate;
}

Status Gate::ListenForCommands() {
  if (tenants_ == nullptr) return Status::Ok();
  BP_ASSIGN_OR_RETURN(commands_,
                      ControlSocket::Listen(data_folder_, [office = office_.get()](std::string_view line, uid_t peer) {
                        return office->AnswerControl(Caller::Local(Cat("local:", peer)), line);
                      }));
  return Status::Ok();
}

void Gate::Reload() {
  if (key_file_ == nullptr) return LogInfo("there is nothing to read again: what commands change counts at once");
  Result<KeyFile> file = KeyFile::Load(path_);
  if (!file.ok()) {
    return LogError("the key file was not read again: the keys are as before", {{"error", file.status().message()}});
  }
  LogInfo("the key file was read again", {{"keys", Cat(file->keys().size())}});
  key_file_->Replace(*std::move(file));
}

}  // namespace bedplate
