#pragma once
/// The books as text that other programs check and report on: plain-text accounting of ledger (https://ledger-cli.org),
/// hledger (https://hledger.org) and beancount (https://beancount.github.io). Each single and each post is a
/// transaction of two lines, debits positive, amounts exact to the last digit, dated by its booking (UTC). What holds
/// or releases moves nothing and is left out.
///
/// beancount allows fewer characters in accounts' names: those that it doesn't know become '-', and the name gets a
/// part of the account's id so that no two become one; the whole name stays in the account's metadata.
///
/// Errors: those of book_rows.h; kDataLoss where a transfer's account is unknown.

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/database.h"
#include "ledger/transfer.h"

namespace bedplate {

enum class ExportFormat : uint8_t { kLedger, kHledger, kBeancount };
std::optional<ExportFormat> ParseExportFormat(std::string_view name);

/// write gets pieces of the text, in order. One state of the file, also while another process writes.
Status ExportBooks(Database& database, ExportFormat format, const std::function<void(std::string_view)>& write);

/// The account's name as the format has it.
std::string ExportedName(const Account& account, ExportFormat format);

/// "2026-11-30", of times within the books'.
std::string DateText(int64_t unix_us);

}  // namespace bedplate
