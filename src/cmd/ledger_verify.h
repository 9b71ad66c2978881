#pragma once
/// `bedplate ledger verify`: the books and, where the data folder has tenants, their audit, checked from the rows alone
/// (ledger/verify_books.h, ledger/tenancy/tenant_audit.h) and held to the heads that were kept outside the folder.

#include "base/status.h"
#include "cmd/tenant_access.h"

namespace bedplate {

struct LedgerVerifyOptions {
  StoreOptions store;  // beside the secret file the audit's head is kept
  bool without_head = false;
  bool json = false;
};

/// Prints what it found. kDataLoss: something is not what was written.
Status VerifyLedger(const LedgerVerifyOptions& options);

}  // namespace bedplate
