// Plan: one visitor reads events with their charges, in the order of a table's index, and hands each on whole. A report
// sums them by what they have in common; a list takes them from the newest until it has enough.
#include "ledger/reports/usage_report.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <iterator>
#include <map>
#include <tuple>

#include "base/cat.h"
#include "ledger/int128.h"

namespace bedplate {
namespace {

using std::chrono::days;
using std::chrono::months;
using std::chrono::sys_days;

constexpr std::string_view kFieldNames[] = {"tenant", "project", "key", "model", "tier", "end_user"};

template <class Enum, size_t n>
std::optional<Enum> Named(const std::string_view (&names)[n], std::string_view name) {
  const auto* const found = std::ranges::find(names, name);
  if (found == std::end(names)) return std::nullopt;
  return static_cast<Enum>(found - std::begin(names));
}

int64_t WidthUs(Bucket bucket) {
  switch (bucket) {
    case Bucket::kMinute:
      return 60 * kSecondUs;
    case Bucket::kHour:
      return 3600 * kSecondUs;
    default:
      return 86'400 * kSecondUs;
  }
}

int64_t MonthBegin(int64_t unix_us, int later) {
  const sys_days day{days(unix_us / WidthUs(Bucket::kDay))};
  const std::chrono::year_month_day date(day);
  const sys_days first = (date.year() / date.month() + months(later)) / std::chrono::day(1);
  return int64_t{first.time_since_epoch().count()} * WidthUs(Bucket::kDay);
}

/// An event, with the charge of each meter that has one.
struct ReadEvent {
  UsedRequest used;
  std::array<std::optional<Picodollars>, kMeters> charges = {};
};

// Columns that both ways of reading have.
constexpr std::string_view kColumns =
    "SELECT u.number, u.request, u.tenant, u.project, u.api_key, u.model, u.tier, u.end_user, u.prompt, u.cached,"
    " u.output, u.reasoning, u.accelerator_ms, u.occurred, c.meter, c.amount"
    " FROM usage u LEFT JOIN charges c ON c.usage = u.number WHERE ";

bool IsWanted(const UsedRequest& used, const UsageQuery& query) {
  for (size_t i = 0; i < kUsageFields; ++i) {
    const std::vector<std::string>& only = query.only[i];
    if (!only.empty() && std::ranges::find(only, used.names[i]) == only.end()) return false;
  }
  return true;
}

void ReadHead(const Statement& row, UsedRequest& used) {
  int column = 0;
  used.number = row.IntAt(column++);
  used.request = row.BytesAt(column++);
  for (std::string& name : used.names) name = row.BytesAt(column++);
  for (int64_t& quantity : used.quantities) quantity = row.IntAt(column++);
  used.occurred_unix_us = row.IntAt(column);
}

Status ReadCharge(const Statement& row, ReadEvent& event) {
  constexpr int kMeterColumn = 14, kAmountColumn = 15;
  if (row.IsNullAt(kMeterColumn)) return Status::Ok();
  const int64_t meter = row.IntAt(kMeterColumn);
  const std::optional<Int128> amount = FromOrderedBytes(row.ViewAt(kAmountColumn));
  if (meter < 1 || meter > static_cast<int64_t>(kMeters) || !amount) {
    return Status::DataLoss(Cat("charges of usage ", event.used.number, " in the ledger are damaged"));
  }
  event.charges[static_cast<size_t>(meter - 1)] = Picodollars{*amount};
  event.used.cost = event.used.cost + Picodollars{*amount};
  event.used.has_price = true;
  return Status::Ok();
}

int64_t UnpricedTokens(const ReadEvent& event, Meter meter) {
  const size_t index = static_cast<size_t>(meter) - 1;
  return meter == Meter::kAcceleratorMs || event.charges[index] ? 0 : event.used.quantities[index];
}

/// The rows of one event come one after another. False from the visit ends it.
Status VisitEvents(Statement& select, const UsageQuery& query, const std::function<bool(const ReadEvent&)>& visit) {
  ReadEvent event;
  for (;;) {
    BP_ASSIGN_OR_RETURN(const bool found, select.Step());
    const bool next = !found || select.IntAt(0) != event.used.number;
    if (next && event.used.number != 0) {
      for (size_t i = 0; i < kMeters; ++i) {
        event.used.unpriced_tokens += UnpricedTokens(event, static_cast<Meter>(i + 1));
      }
      if (IsWanted(event.used, query) && !visit(event)) return Status::Ok();
    }
    if (!found) return Status::Ok();
    if (next) {
      event = {};
      ReadHead(select, event.used);
    }
    BP_RETURN_IF_ERROR(ReadCharge(select, event));
  }
}

using LineKey = std::tuple<int64_t, std::array<std::string, kUsageFields>, size_t>;  // the last: the meter, or 0

}  // namespace

std::string_view UsageFieldName(UsageField field) {
  return kFieldNames[static_cast<size_t>(field)];
}

std::optional<UsageField> ParseUsageField(std::string_view name) {
  return Named<UsageField>(kFieldNames, name);
}

std::string_view BucketName(Bucket bucket) {
  return kBucketNames[static_cast<size_t>(bucket)];
}

std::optional<Bucket> ParseBucket(std::string_view name) {
  return Named<Bucket>(kBucketNames, name);
}

int64_t BucketBegin(Bucket bucket, int64_t unix_us) {
  return bucket == Bucket::kMonth ? MonthBegin(unix_us, 0) : unix_us - unix_us % WidthUs(bucket);
}

int64_t NextBucket(Bucket bucket, int64_t begin_unix_us) {
  return bucket == Bucket::kMonth ? MonthBegin(begin_unix_us, 1) : begin_unix_us + WidthUs(bucket);
}

Result<std::vector<UsageLine>> ReportUsage(Database& database, const UsageQuery& query) {
  std::map<LineKey, UsageLine> lines;
  const auto line_of = [&](const ReadEvent& event, size_t meter) -> UsageLine& {
    UsageLine line;
    line.from_unix_us =
        query.bucket == Bucket::kNone ? query.from_unix_us : BucketBegin(query.bucket, event.used.occurred_unix_us);
    for (const UsageField field : query.by) {
      line.names[static_cast<size_t>(field)] = event.used.names[static_cast<size_t>(field)];
    }
    if (meter != 0) line.meter = static_cast<Meter>(meter);
    LineKey key{line.from_unix_us, line.names, meter};
    return lines.try_emplace(std::move(key), std::move(line)).first->second;
  };
  const auto add_meter = [&](const ReadEvent& event, size_t meter) {
    const std::optional<Picodollars> charge = event.charges[meter - 1];
    if (!charge && event.used.quantities[meter - 1] == 0) return;
    UsageLine& line = line_of(event, meter);
    ++line.requests;
    line.quantities[meter - 1] += event.used.quantities[meter - 1];
    line.unpriced_tokens += UnpricedTokens(event, static_cast<Meter>(meter));
    line.cost = line.cost + charge.value_or(Picodollars{});
  };
  const auto add = [&](const ReadEvent& event) {
    if (query.by_meter) {
      for (size_t meter = 1; meter <= kMeters; ++meter) add_meter(event, meter);
    } else {
      UsageLine& line = line_of(event, 0);
      ++line.requests;
      for (size_t i = 0; i < kMeters; ++i) line.quantities[i] += event.used.quantities[i];
      line.unpriced_tokens += event.used.unpriced_tokens;
      line.cost = line.cost + event.used.cost;
    }
    return lines.size() <= query.lines_max;
  };
  Statement select(database, Cat(kColumns, "u.occurred >= ? AND u.occurred < ? ORDER BY u.occurred, u.number"));
  select.Int(query.from_unix_us).Int(query.to_unix_us);
  BP_RETURN_IF_ERROR(VisitEvents(select, query, add));
  if (lines.size() > query.lines_max) {
    return Status(StatusCode::kResourceExhausted, Cat("the report has more than ", query.lines_max,
                                                      " lines: ask for a shorter time, wider buckets or fewer names"))
        .WithReason("too_many_lines");
  }
  std::vector<UsageLine> all;
  all.reserve(lines.size());
  for (auto& [key, line] : lines) all.push_back(std::move(line));
  return all;
}

Result<std::vector<UsedRequest>> ListUsedRequests(Database& database, const UsageQuery& query, int64_t before,
                                                  size_t limit) {
  std::vector<UsedRequest> list;
  if (limit == 0) return list;
  Statement select(database,
                   Cat(kColumns, "u.number < ? AND u.occurred >= ? AND u.occurred < ? ORDER BY u.number DESC"));
  select.Int(before).Int(query.from_unix_us).Int(query.to_unix_us);
  BP_RETURN_IF_ERROR(VisitEvents(select, query, [&](const ReadEvent& event) {
    list.push_back(event.used);
    return list.size() < limit;
  }));
  return list;
}

}  // namespace bedplate
