// Usage and requests: what was used and what it cost, as far as whoever asks may see it.
#include <algorithm>
#include <array>

#include "base/cat.h"
#include "ledger/office/office.h"
#include "ledger/reports/ledger_json.h"
#include "ledger/reports/ledger_trace.h"

namespace bedplate {
namespace {

constexpr std::string_view kMeterField = "meter";

/// An array, or, as in a URL, a string with commas.
Result<std::vector<std::string>> FieldsToGroupBy(const Arguments& arguments) {
  BP_ASSIGN_OR_RETURN(const std::vector<std::string> given, arguments.OneOrTexts("group_by"));
  std::vector<std::string> names;
  for (const std::string& text : given) {
    for (size_t at = 0; at <= text.size();) {
      const size_t comma = std::min(text.find(',', at), text.size());
      names.push_back(text.substr(at, comma - at));
      at = comma + 1;
    }
  }
  return names;
}

Status ReadGroups(const Arguments& arguments, UsageQuery& query) {
  BP_ASSIGN_OR_RETURN(const std::vector<std::string> names, FieldsToGroupBy(arguments));
  for (const std::string& name : names) {
    if (name == kMeterField) {
      query.by_meter = true;
      continue;
    }
    const auto field = ParseUsageField(name);
    if (!field) {
      return Status::InvalidArgument(Cat("group_by has '", name.substr(0, 64),
                                         "'; known: tenant, project, key, model, tier, end_user, meter"))
          .WithParam("group_by");
    }
    if (std::ranges::find(query.by, *field) == query.by.end()) query.by.push_back(*field);
  }
  return Status::Ok();
}

Status ReadBucket(const Arguments& arguments, UsageQuery& query) {
  BP_ASSIGN_OR_RETURN(const std::string name, arguments.Text("bucket", "none"));
  query.bucket = *ParseBucket(name);  // the table has their names
  return Status::Ok();
}

int64_t QuantityOf(const std::array<int64_t, kMeters>& quantities, Meter meter) {
  return quantities[static_cast<size_t>(meter) - 1];
}

// As the APIs count: cached tokens are of the prompt, reasoning tokens of the output.
void AppendTokens(const std::array<int64_t, kMeters>& quantities, Json::Object& out) {
  const auto of = [&](Meter meter) { return QuantityOf(quantities, meter); };
  out.emplace_back("prompt_tokens", of(Meter::kPrompt) + of(Meter::kCached));
  out.emplace_back("cached_tokens", of(Meter::kCached));
  out.emplace_back("output_tokens", of(Meter::kOutput) + of(Meter::kReasoning));
  out.emplace_back("reasoning_tokens", of(Meter::kReasoning));
  out.emplace_back("accelerator_ms", of(Meter::kAcceleratorMs));
}

Json LineJson(const UsageQuery& query, const UsageLine& line) {
  const bool whole = query.bucket == Bucket::kNone;
  const int64_t to = whole ? query.to_unix_us : NextBucket(query.bucket, line.from_unix_us);
  Json::Object out{{"object", "usage"}, {"from_at", line.from_unix_us / kSecondUs}, {"to_at", to / kSecondUs}};
  for (const UsageField field : query.by) {
    out.emplace_back(std::string(UsageFieldName(field)), line.names[static_cast<size_t>(field)]);
  }
  if (line.meter) {
    out.emplace_back("meter", std::string(MeterName(*line.meter)));
    out.emplace_back("quantity", QuantityOf(line.quantities, *line.meter));
  }
  out.emplace_back("requests", line.requests);
  if (!line.meter) AppendTokens(line.quantities, out);
  out.emplace_back("unpriced_tokens", line.unpriced_tokens);
  out.emplace_back("cost", DollarsText(line.cost));
  return Json(std::move(out));
}

Json RequestJson(const UsedRequest& used) {
  Json::Object out{{"object", "request"},
                   {"number", used.number},
                   {"request", used.request},
                   {"time_at", used.occurred_unix_us / kSecondUs}};
  for (size_t i = 0; i < kUsageFields; ++i) {
    out.emplace_back(std::string(UsageFieldName(static_cast<UsageField>(i))), used.names[i]);
  }
  AppendTokens(used.quantities, out);
  out.emplace_back("unpriced_tokens", used.unpriced_tokens);
  out.emplace_back("cost", used.has_price ? Json(DollarsText(used.cost)) : Json());
  return Json(std::move(out));
}

Status NoSuch(std::string_view what, const std::string& name) {
  return Status::NotFound(Cat("there is no ", what, " '", name.substr(0, 64), "'")).WithReason(Cat(what, "_not_found"));
}

/// What a role reaches of usage, as values that count. A value that is asked for and not reached is as if it weren't
/// there: nothing was used by it.
Status Narrow(const Actor& actor, UsageQuery& query) {
  const auto only = [&](UsageField field, const std::string& own) {
    std::vector<std::string>& wanted = query.only[static_cast<size_t>(field)];
    if (!wanted.empty() && std::ranges::find(wanted, own) == wanted.end()) {
      return NoSuch(UsageFieldName(field), wanted.front());
    }
    wanted = {own};
    return Status::Ok();
  };
  if (actor.reach == Reach::kEverywhere) return Status::Ok();
  BP_RETURN_IF_ERROR(only(UsageField::kTenant, actor.key->tenant));
  if (actor.reach == Reach::kTenant) return Status::Ok();
  if (actor.reach == Reach::kKey) BP_RETURN_IF_ERROR(only(UsageField::kKey, actor.key->id));
  return only(UsageField::kProject, actor.key->project);
}

}  // namespace

Result<UsageQuery> Office::QueryOf(const Actor& actor, const Arguments& arguments) const {
  UsageQuery query;
  const int64_t now = clock_.UnixSeconds();
  BP_ASSIGN_OR_RETURN(const auto from, arguments.Int("from"));
  BP_ASSIGN_OR_RETURN(const auto to, arguments.Int("to"));
  // The month so far, the present second included.
  query.to_unix_us = to.value_or(now + 1) * kSecondUs;
  query.from_unix_us = from ? *from * kSecondUs : BucketBegin(Bucket::kMonth, query.to_unix_us - 1);
  if (query.from_unix_us >= query.to_unix_us) {
    return Status::InvalidArgument("from must be before to; both are seconds of Unix time").WithParam("from");
  }
  for (size_t i = 0; i < kUsageFields; ++i) {
    BP_ASSIGN_OR_RETURN(query.only[i], arguments.OneOrTexts(UsageFieldName(static_cast<UsageField>(i))));
  }
  BP_RETURN_IF_ERROR(Narrow(actor, query));
  // A tenant that was mistyped would else look like one that used nothing.
  const auto state = tenants_.state();
  for (const std::string& tenant : query.only[static_cast<size_t>(UsageField::kTenant)]) {
    if (state->FindTenant(tenant) == nullptr) return NoSuch("tenant", tenant);
  }
  return query;
}

Result<Json> Office::ReportUsageTo(const Actor& actor, const Arguments& arguments) {
  BP_ASSIGN_OR_RETURN(UsageQuery query, QueryOf(actor, arguments));
  BP_RETURN_IF_ERROR(ReadBucket(arguments, query));
  BP_RETURN_IF_ERROR(ReadGroups(arguments, query));
  BP_ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, OpenToRead());
  BP_ASSIGN_OR_RETURN(const std::vector<UsageLine> lines, ReportUsage(*database, query));
  Json::Array data;
  UsageLine total;
  for (const UsageLine& line : lines) {
    data.push_back(LineJson(query, line));
    total.requests += line.requests;
    for (size_t i = 0; i < kMeters; ++i) total.quantities[i] += line.quantities[i];
    total.unpriced_tokens += line.unpriced_tokens;
    total.cost = total.cost + line.cost;
  }
  Json::Object out{{"object", "list"},
                   {"from_at", query.from_unix_us / kSecondUs},
                   {"to_at", query.to_unix_us / kSecondUs},
                   {"bucket", std::string(BucketName(query.bucket))},
                   {"data", std::move(data)}};
  Json::Object sum;
  if (!query.by_meter) {
    sum.emplace_back("requests", total.requests);
    AppendTokens(total.quantities, sum);
  }
  sum.emplace_back("unpriced_tokens", total.unpriced_tokens);
  sum.emplace_back("cost", DollarsText(total.cost));
  out.emplace_back("total", std::move(sum));
  return Json(std::move(out));
}

Result<Json::Array> Office::ListUnpriced(const Actor& actor, const std::string& tenant,
                                         const std::string& model) const {
  UsageQuery query{.by = {UsageField::kTenant, UsageField::kModel}, .by_meter = true};
  query.to_unix_us = (clock_.UnixSeconds() + 1) * kSecondUs;
  query.from_unix_us = BucketBegin(Bucket::kMonth, query.to_unix_us - 1);
  BP_RETURN_IF_ERROR(Narrow(actor, query));
  if (!model.empty()) query.only[static_cast<size_t>(UsageField::kModel)] = {model};
  BP_ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, OpenToRead());
  BP_ASSIGN_OR_RETURN(const std::vector<UsageLine> lines, ReportUsage(*database, query));
  Json::Array unpriced;
  for (const UsageLine& line : lines) {
    const std::string& of = line.names[static_cast<size_t>(UsageField::kTenant)];
    if (line.unpriced_tokens == 0 || (!tenant.empty() && of != tenant)) continue;
    unpriced.push_back(Json::Object{{"object", "unpriced"},
                                    {"tenant", of},
                                    {"model", line.names[static_cast<size_t>(UsageField::kModel)]},
                                    {"meter", std::string(MeterName(*line.meter))},
                                    {"tokens", line.unpriced_tokens}});
  }
  return unpriced;
}

Result<Json> Office::ListRequests(const Actor& actor, const Arguments& arguments) {
  BP_ASSIGN_OR_RETURN(UsageQuery query, QueryOf(actor, arguments));
  BP_ASSIGN_OR_RETURN(const auto before, arguments.Int("before"));
  BP_ASSIGN_OR_RETURN(const auto limit, arguments.Int("limit"));
  BP_ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, OpenToRead());
  const auto count = static_cast<size_t>(limit.value_or(100));
  BP_ASSIGN_OR_RETURN(const std::vector<UsedRequest> used,
                      ListUsedRequests(*database, query, before.value_or(INT64_MAX), count));
  Json::Array data;
  for (const UsedRequest& one : used) data.push_back(RequestJson(one));
  return Json(Json::Object{{"object", "list"},
                           {"data", std::move(data)},
                           {"next_before", used.size() == count ? Json(used.back().number) : Json()}});
}

Result<Json> Office::ShowRequest(const Actor& actor, const Arguments& arguments) {
  BP_ASSIGN_OR_RETURN(const std::string id, arguments.Text("request", ""));
  const Status unknown =
      Status::NotFound(Cat("the books know no request '", id.substr(0, 100), "'")).WithReason("request_not_found");
  BP_ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, OpenToRead());
  const Result<LedgerTrace> trace = TraceOf(*database, id);
  if (!trace.ok()) return trace.status().code() == StatusCode::kNotFound ? unknown : trace.status();
  const bool seen = !trace->usage.empty() && std::ranges::all_of(trace->usage, [&](const BookedUsage& usage) {
    return actor.Sees(usage.event.tenant, usage.event.project, usage.event.api_key);
  });
  // A transfer alone, such as a lease, is of no one tenant.
  if (!seen && actor.reach != Reach::kEverywhere) return unknown;
  return ParseJson(TraceJson(*trace));
}

}  // namespace bedplate
