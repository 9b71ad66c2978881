#pragma once
/// What was used and what it cost, summed from the usage events and their charges: by time, and by whatever names are
/// asked for. Exact: sums of what the books charged, nothing is rated again.
///
///   UsageQuery query{.from_unix_us = from, .to_unix_us = to, .bucket = Bucket::kDay, .by = {UsageField::kModel}};
///   BP_ASSIGN_OR_RETURN(const std::vector<UsageLine> lines, ReportUsage(*database, query));
///
/// Times:   when requests were used, UTC, in [from, to). A bucket begins at a whole minute, hour, day or month, and is
///          named by its beginning.
/// Cost:    one pass over the events of that time, through the index on it.
/// Errors:  those of base/database.h; kDataLoss for a damaged row; kResourceExhausted, reason "too_many_lines".
/// Threads: one at a time for each database.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/database.h"
#include "ledger/money.h"
#include "ledger/price.h"

namespace bedplate {

/// The names that an event carries.
enum class UsageField : uint8_t { kTenant, kProject, kKey, kModel, kTier, kEndUser };
inline constexpr size_t kUsageFields = 6;
std::string_view UsageFieldName(UsageField field);  // "tenant", "project", "key", "model", "tier", "end_user"
std::optional<UsageField> ParseUsageField(std::string_view name);

enum class Bucket : uint8_t { kNone, kMinute, kHour, kDay, kMonth };
inline constexpr std::string_view kBucketNames[] = {"none", "minute", "hour", "day", "month"};
std::string_view BucketName(Bucket bucket);
std::optional<Bucket> ParseBucket(std::string_view name);
/// The beginning of the bucket that holds the time, and that of the next one. Not of kNone.
int64_t BucketBegin(Bucket bucket, int64_t unix_us);
int64_t NextBucket(Bucket bucket, int64_t begin_unix_us);

struct UsageQuery {
  int64_t from_unix_us = 0;
  int64_t to_unix_us = 0;
  Bucket bucket = Bucket::kNone;
  std::vector<UsageField> by = {};
  /// By UsageField: the values that count; none: all.
  std::array<std::vector<std::string>, kUsageFields> only = {};
  bool by_meter = false;  // a line for each meter that was used
  size_t lines_max = 100'000;
};

struct UsageLine {
  int64_t from_unix_us = 0;                          // of its bucket, or of the query
  std::array<std::string, kUsageFields> names = {};  // of the fields that were asked for
  std::optional<Meter> meter = {};                   // with by_meter
  int64_t requests = 0;                              // with by_meter: those that used it
  std::array<int64_t, kMeters> quantities = {};      // by Meter less 1
  int64_t unpriced_tokens = 0;                       // of them, that had no price and so aren't in the cost
  Picodollars cost = {};
  bool operator==(const UsageLine&) const = default;
};

/// In order of time, then of names.
Result<std::vector<UsageLine>> ReportUsage(Database& database, const UsageQuery& query);

/// One request as the books have it, for lists.
struct UsedRequest {
  int64_t number = 0;  // of its usage event
  std::string request;
  std::array<std::string, kUsageFields> names = {};
  std::array<int64_t, kMeters> quantities = {};
  int64_t occurred_unix_us = 0;
  int64_t unpriced_tokens = 0;
  Picodollars cost = {};
  bool has_price = false;  // something of it was charged
};
/// The newest below `before`, that fit the query's time and names.
Result<std::vector<UsedRequest>> ListUsedRequests(Database& database, const UsageQuery& query, int64_t before,
                                                  size_t limit);

}  // namespace bedplate
