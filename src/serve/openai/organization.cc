// Plan: the query becomes one of usage.report (ledger/office), for the time of the buckets that fit the page; what it
// answers is dealt out to the buckets, of which each is there, also those without usage.
#include "serve/openai/organization.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>

#include "base/cat.h"
#include "serve/openai/errors.h"
#include "serve/query.h"
#include "serve/worker_answer.h"

namespace bedplate::openai {
namespace {

constexpr std::string_view kPagePrefix = "page_";

/// A field of OpenAI's, and the name that it has in the books; empty: one that all we have is alike in.
struct GroupField {
  std::string_view name;
  std::string_view ours;
  std::string_view constant = "null";  // JSON, where it is grouped by and has no name in the books
};
constexpr GroupField kUsageGroups[] = {{"project_id", "project"},
                                       {"user_id", "end_user"},
                                       {"api_key_id", "key"},
                                       {"model", "model"},
                                       {"batch", "", "false"},
                                       {"service_tier", "tier"},
                                       {"api_source", "", R"("unlabeled")"}};
constexpr GroupField kCostGroups[] = {{"project_id", "project"},
                                      {"user_id", "end_user"},
                                      {"api_key_id", "key"},
                                      {"line_item", "meter"},
                                      {"api_source", "", R"("unlabeled")"}};
/// Those whose values a query may choose, by OpenAI's names of them.
constexpr GroupField kFilters[] = {
    {"project_ids", "project"}, {"user_ids", "end_user"}, {"api_key_ids", "key"}, {"models", "model"}};

struct PageSize {
  std::string_view width;
  Bucket bucket;
  int64_t otherwise, max;
};
constexpr PageSize kUsageSizes[] = {
    {"1d", Bucket::kDay, 7, 31}, {"1h", Bucket::kHour, 24, 168}, {"1m", Bucket::kMinute, 60, 1440}};
constexpr PageSize kCostSizes[] = {{"1d", Bucket::kDay, 7, 180}};

struct PageQuery {
  std::vector<std::string> groups;                       // OpenAI's names
  std::map<std::string, std::vector<std::string>> only;  // by their names in the books
  std::vector<std::string> line_items;
  bool batches_only = false;  // of which there are none
  Bucket bucket = Bucket::kDay;
  int64_t from = 0, end = 0;    // of all that is asked for
  std::vector<int64_t> begins;  // of this page's buckets
  std::optional<int64_t> next;  // where the next page begins
};

Status Wrong(std::string_view param, std::string_view rule) {
  return Status::InvalidArgument(Cat("Invalid value for '", param, "': ", rule)).WithParam(std::string(param));
}

class QueryReader {
 public:
  static Result<QueryReader> Of(std::string_view query) {
    BP_ASSIGN_OR_RETURN(auto pairs, ParseQuery(query));
    QueryReader reader;
    for (auto& [name, value] : pairs) {
      if (name.ends_with("[]")) name.resize(name.size() - 2);
      reader.values_[name].push_back(std::move(value));
    }
    return reader;
  }
  Status OnlyOf(std::initializer_list<std::string_view> known) const {
    for (const auto& [name, values] : values_) {
      if (std::ranges::find(known, name) == known.end()) {
        return Status::InvalidArgument(Cat("Unknown parameter: '", name.substr(0, 64), "'."))
            .WithParam(name.substr(0, 64))
            .WithReason("unknown_parameter");
      }
    }
    return Status::Ok();
  }
  [[nodiscard]] std::vector<std::string> All(const std::string& name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? std::vector<std::string>() : found->second;
  }
  Result<std::optional<std::string>> One(const std::string& name) const {
    std::vector<std::string> all = All(name);
    if (all.empty()) return std::optional<std::string>();
    if (all.size() > 1) return Wrong(name, "it is there twice.");
    return std::optional(std::move(all.front()));
  }
  Result<std::optional<int64_t>> Int(const std::string& name, int64_t min, int64_t max) const {
    BP_ASSIGN_OR_RETURN(const auto text, One(name));
    if (!text) return std::optional<int64_t>();
    int64_t value = 0;
    const auto [stopped, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error != std::errc() || stopped != text->data() + text->size() || value < min || value > max) {
      return Wrong(name, Cat("expected an integer from ", min, " to ", max, "."));
    }
    return std::optional(value);
  }

 private:
  std::map<std::string, std::vector<std::string>> values_;
};

Result<PageSize> SizeOf(const QueryReader& query, std::span<const PageSize> sizes) {
  BP_ASSIGN_OR_RETURN(const auto width, query.One("bucket_width"));
  if (!width) return sizes.front();
  const auto size = std::ranges::find(sizes, *width, &PageSize::width);
  if (size != sizes.end()) return *size;
  std::string all;
  for (const PageSize& one : sizes) all += Cat(all.empty() ? "" : ", ", one.width);
  return Wrong("bucket_width", Cat("supported values are: ", all, "."));
}

Status ReadTime(const QueryReader& query, const PageSize& size, int64_t now, PageQuery& page) {
  constexpr int64_t kLast = kUnixUsMax / kSecondUs;
  page.bucket = size.bucket;
  BP_ASSIGN_OR_RETURN(const auto start, query.Int("start_time", 0, kLast));
  if (!start) {
    return Status::InvalidArgument("Missing required parameter: 'start_time'.").WithParam("start_time");
  }
  BP_ASSIGN_OR_RETURN(const auto end, query.Int("end_time", 0, kLast));
  BP_ASSIGN_OR_RETURN(const auto limit, query.Int("limit", 1, size.max));
  BP_ASSIGN_OR_RETURN(const auto cursor, query.One("page"));
  page.from = *start;
  page.end = end.value_or(now + 1);
  if (end && *end <= *start) return Wrong("end_time", "it must be after start_time.");
  int64_t begin = BucketBegin(page.bucket, *start * kSecondUs);
  if (cursor) {
    int64_t time = 0;
    const std::string_view text = *cursor;
    const std::string_view digits = text.substr(std::min(kPagePrefix.size(), text.size()));
    const auto [stopped, error] = std::from_chars(digits.data(), digits.data() + digits.size(), time);
    const bool whole = text.starts_with(kPagePrefix) && error == std::errc() && stopped == digits.end() &&
                       time >= *start && time < page.end &&
                       BucketBegin(page.bucket, time * kSecondUs) == time * kSecondUs;
    if (!whole) return Wrong("page", "it must be the next_page of an answer to the same query.");
    begin = time * kSecondUs;
  }
  const auto count = static_cast<size_t>(limit.value_or(size.otherwise));
  for (; begin < page.end * kSecondUs; begin = NextBucket(page.bucket, begin)) {
    if (page.begins.size() == count) {
      page.next = begin / kSecondUs;
      break;
    }
    page.begins.push_back(begin / kSecondUs);
  }
  return Status::Ok();
}

Result<PageQuery> ReadPageQuery(const QueryReader& query, std::span<const PageSize> sizes,
                                std::span<const GroupField> groups, int64_t now) {
  PageQuery page;
  BP_ASSIGN_OR_RETURN(const PageSize size, SizeOf(query, sizes));
  BP_RETURN_IF_ERROR(ReadTime(query, size, now, page));
  page.groups = query.All("group_by");
  for (const std::string& group : page.groups) {
    if (std::ranges::find(groups, group, &GroupField::name) != groups.end()) continue;
    std::string all;
    for (const GroupField& one : groups) all += Cat(all.empty() ? "" : ", ", one.name);
    return Wrong("group_by", Cat("supported values are: ", all, "."));
  }
  for (const GroupField& filter : kFilters) {
    std::vector<std::string> values = query.All(std::string(filter.name));
    if (!values.empty()) page.only.emplace(filter.ours, std::move(values));
  }
  page.line_items = query.All("line_items");
  BP_ASSIGN_OR_RETURN(const auto batch, query.One("batch"));
  if (batch && *batch != "true" && *batch != "false") return Wrong("batch", "expected true or false.");
  page.batches_only = batch == "true";
  return page;
}

bool IsGrouped(const PageQuery& page, std::string_view name) {
  return std::ranges::find(page.groups, name) != page.groups.end();
}

/// The lines of usage.report for the page's time. by_line_item: of each model and meter.
Result<Json::Array> LinesOf(Office& office, const Caller& caller, const PageQuery& page,
                            std::span<const GroupField> groups, bool by_line_item) {
  if (page.batches_only || page.begins.empty()) return Json::Array();
  Json::Array by;
  for (const GroupField& group : groups) {
    if (!group.ours.empty() && group.ours != "meter" && IsGrouped(page, group.name)) {
      by.emplace_back(std::string(group.ours));
    }
  }
  if (by_line_item) by.insert(by.end(), {Json("model"), Json("meter")});
  Json::Object arguments{
      {"from", std::max(page.from, page.begins.front())},
      {"to", std::min(page.end, page.next.value_or(page.end))},
      {"bucket", std::string(BucketName(page.bucket))},
  };
  if (!by.empty()) arguments.emplace_back("group_by", std::move(by));
  for (const auto& [name, values] : page.only) {
    Json::Array all;
    for (const std::string& value : values) all.emplace_back(value);
    arguments.emplace_back(name, std::move(all));
  }
  BP_ASSIGN_OR_RETURN(const Json report, office.Do(caller, "usage.report", arguments));
  Json::Array lines = report.Find("data")->as_array();
  if (by_line_item) {  // what had no price was not charged
    std::erase_if(lines, [](const Json& line) {
      return line.Find("unpriced_tokens")->as_int() == line.Find("quantity")->as_int();
    });
  }
  return lines;
}

std::string_view TextOf(const Json& line, std::string_view member) {
  const Json* const value = line.Find(member);
  return value == nullptr ? std::string_view() : std::string_view(value->as_string());
}

void WriteGroups(const PageQuery& page, std::span<const GroupField> groups, const Json& line, JsonWriter& w) {
  for (const GroupField& group : groups) {
    if (group.ours == "meter") continue;
    w.Key(group.name);
    if (!IsGrouped(page, group.name)) {
      w.Null();
    } else if (group.ours.empty()) {
      w.Raw(group.constant);
    } else if (const std::string_view value = TextOf(line, group.ours); value.empty()) {
      w.Null();
    } else {
      w.String(value);
    }
  }
}

template <class WriteLine>
std::string WritePage(const PageQuery& page, const Json::Array& lines, WriteLine write_line) {
  std::string out;
  JsonWriter w(out);
  w.BeginObject();
  w.Key("object");
  w.String("page");
  w.Key("data");
  w.BeginArray();
  auto line = lines.begin();  // in the order of time
  for (const int64_t begin : page.begins) {
    w.BeginObject();
    w.Key("object");
    w.String("bucket");
    w.Key("start_time");
    w.Int(begin);
    w.Key("end_time");
    w.Int(NextBucket(page.bucket, begin * kSecondUs) / kSecondUs);
    w.Key("results");
    w.BeginArray();
    for (; line != lines.end() && line->Find("from_at")->as_int() == begin; ++line) write_line(w, *line);
    w.EndArray();
    w.EndObject();
  }
  w.EndArray();
  w.Key("has_more");
  w.Bool(page.next.has_value());
  w.Key("next_page");
  page.next ? w.String(Cat(kPagePrefix, *page.next)) : w.Null();
  w.EndObject();
  return out;
}

void WriteUsage(const PageQuery& page, const Json& line, JsonWriter& w) {
  const auto number = [&](std::string_view name, std::string_view ours) {
    w.Key(name);
    w.Int(line.Find(ours)->as_int());
  };
  w.BeginObject();
  w.Key("object");
  w.String("organization.usage.completions.result");
  number("input_tokens", "prompt_tokens");
  number("output_tokens", "output_tokens");
  number("input_cached_tokens", "cached_tokens");
  for (const std::string_view none : {"input_audio_tokens", "output_audio_tokens"}) {
    w.Key(none);
    w.Int(0);
  }
  number("num_model_requests", "requests");
  WriteGroups(page, kUsageGroups, line, w);
  w.EndObject();
}

/// amount: decimal text, which is a JSON number as it is.
void WriteCost(const PageQuery& page, const Json& line, std::string_view line_item, std::string_view amount,
               JsonWriter& w) {
  w.BeginObject();
  w.Key("object");
  w.String("organization.costs.result");
  w.Key("amount");
  w.BeginObject();
  w.Key("value");
  w.Raw(amount);
  w.Key("currency");
  w.String("usd");
  w.EndObject();
  w.Key("line_item");
  line_item.empty() ? w.Null() : w.String(line_item);
  WriteGroups(page, kCostGroups, line, w);
  w.EndObject();
}

std::string LineItemOf(const Json& line) {
  return Cat(TextOf(line, "model"), ", ", TextOf(line, "meter"));
}

/// Sums what differs only in its line item, where that isn't asked for.
Result<Json::Array> WithoutLineItems(Json::Array lines) {
  Json::Array summed;
  std::map<std::pair<int64_t, std::array<std::string, 3>>, Picodollars> sums;
  for (const Json& line : lines) {
    BP_ASSIGN_OR_RETURN(const Picodollars cost, ParseDollars(TextOf(line, "cost")));
    std::array<std::string, 3> names;
    for (size_t i = 0; const std::string_view name : {"project", "end_user", "key"}) names[i++] = TextOf(line, name);
    Picodollars& sum = sums[{line.Find("from_at")->as_int(), names}];
    sum = sum + cost;
  }
  for (const auto& [key, sum] : sums) {
    summed.push_back(Json::Object{{"from_at", key.first},
                                  {"project", key.second[0]},
                                  {"end_user", key.second[1]},
                                  {"key", key.second[2]},
                                  {"cost", DollarsText(sum)}});
  }
  return summed;
}

constexpr std::string_view kTexts = R"({"type":"array","items":{"type":"string"}})";
constexpr Parameter kStart{"start_time", "query", "Unix seconds, included.", R"({"type":"integer","minimum":0})"};
constexpr Parameter kEnd{"end_time", "query", "Unix seconds, not included. Left out: now.",
                         R"({"type":"integer","minimum":0})"};
constexpr Parameter kProjects{"project_ids", "query", "Names of projects.", kTexts};
constexpr Parameter kKeys{"api_key_ids", "query", "Ids of keys.", kTexts};
constexpr Parameter kPage{"page", "query", "The next_page of the answer before."};
constexpr Parameter kUsageParameters[] = {
    kStart,
    kEnd,
    {"bucket_width", "query", "", R"({"enum":["1d","1h","1m"],"default":"1d"})"},
    {"group_by", "query", "",
     R"({"type":"array","items":{"enum":["project_id","user_id","api_key_id","model","batch","service_tier","api_source"]}})"},
    kProjects,
    kKeys,
    {"user_ids", "query", "End users, as requests named them.", kTexts},
    {"models", "query", "Ids of models.", kTexts},
    {"batch", "query", "true: of batches alone, of which there are none.", R"({"type":"boolean"})"},
    {"limit", "query", "Buckets a page.", R"({"type":"integer","minimum":1,"maximum":1440})"},
    kPage};
constexpr Parameter kCostParameters[] = {
    kStart,
    kEnd,
    {"bucket_width", "query", "", R"({"enum":["1d"],"default":"1d"})"},
    {"group_by", "query", "",
     R"({"type":"array","items":{"enum":["project_id","user_id","api_key_id","line_item","api_source"]}})"},
    kProjects,
    kKeys,
    {"line_items", "query", "Whole line items: a model, a comma and what is counted.", kTexts},
    {"limit", "query", "Buckets a page.", R"({"type":"integer","minimum":1,"maximum":180,"default":7})"},
    kPage};
constexpr Operation kOrganizationOperations[] = {{.method = "GET",
                                                  .pattern = "/v1/organization/usage/completions",
                                                  .path = "/v1/organization/usage/completions",
                                                  .id = "getCompletionsUsage",
                                                  .api = Api::kOpenAi,
                                                  .summary = "Tokens used, in buckets of time.",
                                                  .parameters = kUsageParameters,
                                                  .answer = "OrganizationUsagePage"},
                                                 {.method = "GET",
                                                  .pattern = "/v1/organization/costs",
                                                  .path = "/v1/organization/costs",
                                                  .id = "getCosts",
                                                  .api = Api::kOpenAi,
                                                  .summary = "What was charged, a day in each bucket.",
                                                  .parameters = kCostParameters,
                                                  .answer = "OrganizationCostsPage"}};
constexpr Schema kOrganizationSchemas[] = {
    {.name = "OrganizationUsagePage",
     .form = Schema::Form::kExact,
     .text = R"({"object":"=page","data":[{"object":"=bucket","start_time":"integer","end_time":"integer","results":[{
       "object":"=organization.usage.completions.result","input_tokens":"integer","output_tokens":"integer",
       "input_cached_tokens":"integer","input_audio_tokens":"integer","output_audio_tokens":"integer",
       "num_model_requests":"integer","project_id":"string|null","user_id":"string|null","api_key_id":"string|null",
       "model":"string|null","batch":"boolean|null","service_tier":"string|null","api_source":"string|null"}]}],
       "has_more":"boolean","next_page":"string|null"})"},
    {.name = "OrganizationCostsPage",
     .form = Schema::Form::kExact,
     .text = R"({"object":"=page","data":[{"object":"=bucket","start_time":"integer","end_time":"integer","results":[{
       "object":"=organization.costs.result","amount":{"value":"number","currency":"=usd"},"line_item":"string|null",
       "project_id":"string|null","user_id":"string|null","api_key_id":"string|null","api_source":"string|null"}]}],
       "has_more":"boolean","next_page":"string|null"})"}};

}  // namespace

Result<std::string> UsagePage(Office& office, const Caller& caller, std::string_view query, int64_t now) {
  BP_ASSIGN_OR_RETURN(const QueryReader reader, QueryReader::Of(query));
  BP_RETURN_IF_ERROR(reader.OnlyOf({"start_time", "end_time", "bucket_width", "group_by", "project_ids", "api_key_ids",
                                    "user_ids", "models", "batch", "limit", "page"}));
  BP_ASSIGN_OR_RETURN(const PageQuery page, ReadPageQuery(reader, kUsageSizes, kUsageGroups, now));
  BP_ASSIGN_OR_RETURN(const Json::Array lines, LinesOf(office, caller, page, kUsageGroups, /*by_line_item=*/false));
  return WritePage(page, lines, [&](JsonWriter& w, const Json& line) { WriteUsage(page, line, w); });
}

Result<std::string> CostsPage(Office& office, const Caller& caller, std::string_view query, int64_t now) {
  BP_ASSIGN_OR_RETURN(const QueryReader reader, QueryReader::Of(query));
  BP_RETURN_IF_ERROR(reader.OnlyOf({"start_time", "end_time", "bucket_width", "group_by", "project_ids", "api_key_ids",
                                    "line_items", "limit", "page"}));
  BP_ASSIGN_OR_RETURN(const PageQuery page, ReadPageQuery(reader, kCostSizes, kCostGroups, now));
  BP_ASSIGN_OR_RETURN(Json::Array lines, LinesOf(office, caller, page, kCostGroups, /*by_line_item=*/true));
  if (!page.line_items.empty()) {
    std::erase_if(lines, [&](const Json& line) {
      return std::ranges::find(page.line_items, LineItemOf(line)) == page.line_items.end();
    });
  }
  const bool by_item = IsGrouped(page, "line_item");
  if (!by_item) {
    BP_ASSIGN_OR_RETURN(lines, WithoutLineItems(std::move(lines)));
  }
  return WritePage(page, lines, [&](JsonWriter& w, const Json& line) {
    WriteCost(page, line, by_item ? LineItemOf(line) : std::string(), TextOf(line, "cost"), w);
  });
}

void AddOrganizationRoutes(const GenerationServices& services, Office* office, Router& router) {
  using Page = Result<std::string> (*)(Office&, const Caller&, std::string_view, int64_t);
  const auto add = [&](std::string_view pattern, Page page) {
    router.Add(
        {.method = "GET",
         .pattern = std::string(pattern),
         .access = RouteAccess::kAnyKey,
         .handler = [&services, office, page](const Exchange& exchange,
                                              const std::shared_ptr<ResponseSink>& sink) -> std::shared_ptr<Activity> {
           if (office == nullptr) {
             sink->Respond(ErrorResponse(Status::NotFound("this server has no tenants, so it keeps no books; `bedplate "
                                                          "tenant init` makes the first one")
                                             .WithReason("no_tenants"),
                                         exchange.request_id));
             return nullptr;
           }
           return AnswerOnWorker(
               services, sink, &ErrorResponse, exchange.request_id,
               [&services, office, page, query = exchange.request.query,
                key = exchange.principal.key]() -> Result<HttpResponse> {
                 BP_ASSIGN_OR_RETURN(std::string body,
                                     page(*office, Caller::Key(key), query, services.clock.UnixSeconds()));
                 return HttpResponse{.status = 200,
                                     .fields = {{"content-type", "application/json"}, {"cache-control", "no-store"}},
                                     .body = std::move(body)};
               });
         }});
  };
  add("/v1/organization/usage/completions", &UsagePage);
  add("/v1/organization/costs", &CostsPage);
}

ApiDescription OrganizationDescription() {
  return {.operations = kOrganizationOperations, .schemas = kOrganizationSchemas};
}

}  // namespace bedplate::openai
