#include "serve/admin_description.h"

#include <algorithm>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "base/cat.h"
#include "base/check.h"
#include "base/json.h"
#include "ledger/tenancy/tenant_records.h"
#include "ledger/tenancy/verb_arguments.h"

namespace bedplate {
namespace {

/// What the tables of verbs don't say. examples: of the body, where there is one.
struct ToldVerb {
  std::string_view summary;
  std::string_view answer;  // a schema's name
  std::span<const std::string_view> examples = {};
};

constexpr std::string_view kNewTenant[] = {R"({"name":"acme"})", R"({"name":"umbra","weight":2})"};
constexpr std::string_view kTenantChange[] = {R"({"weight":3})"};
constexpr std::string_view kNewProject[] = {R"({"tenant":"acme","name":"search"})"};
constexpr std::string_view kOfAcme[] = {R"({"tenant":"acme"})"};
constexpr std::string_view kNewKey[] = {
    R"({"tenant":"acme","project":"search","name":"ada","role":"member","requests_per_minute":60})",
    R"({"tenant":"acme","project":"search","access_key":true,"scopes":["models"]})"};
constexpr std::string_view kKeyChange[] = {R"({"tokens_per_minute":10000,"models":["smollm2-135m"],"name":null})"};
constexpr std::string_view kRotation[] = {R"({"overlap_seconds":3600})", R"({"overlap_seconds":0})"};

constexpr std::string_view kNewPriceExamples[] = {
    R"({"model":"smollm2-135m","meter":"output","amount":"0.60"})",
    R"({"tenant":"acme","meter":"accelerator-ms","amount":"2.98","per":3600000,"from":1798761600})"};

constexpr std::string_view kNewBudgetExamples[] = {
    R"({"name":"search","tenant":"acme","project":"search","amount":"250.00","period":"month"})",
    R"({"name":"day","amount":"1000000","unit":"tokens","period":"day","kind":"soft"})"};
constexpr std::string_view kBudgetChange[] = {R"({"tenant":"acme","amount":"300"})",
                                              R"({"tenant":"acme","disabled":true})"};

constexpr std::string_view kNewCloseExamples[] = {R"({"end":1735689600})", "{}"};

/// Tokens as the APIs count them, and money as exact decimals.
constexpr std::string_view kTokenMembers =
    R"("prompt_tokens":"integer","cached_tokens":"integer","output_tokens":"integer","reasoning_tokens":"integer",)"
    R"("accelerator_ms":"integer")";

ToldVerb Told(TenantVerb verb) {
  using enum TenantVerb;
  switch (verb) {
    case kTenantCreate:
      return {"Makes a tenant, with a project `default`.", "Tenant", kNewTenant};
    case kTenantList:
      return {"The tenants that the key sees.", "TenantList"};
    case kTenantShow:
      return {"One tenant.", "Tenant"};
    case kTenantUpdate:
      return {"Changes a tenant's share. What is left out stays.", "Tenant", kTenantChange};
    case kTenantDisable:
      return {"From now on no key of the tenant is good.", "Tenant"};
    case kTenantEnable:
      return {"Its keys are good again.", "Tenant"};
    case kProjectCreate:
      return {"Makes a project in a tenant.", "Project", kNewProject};
    case kProjectList:
      return {"The projects that the key sees.", "ProjectList"};
    case kProjectShow:
      return {"One project.", "Project"};
    case kProjectDisable:
      return {"From now on no key of the project is good.", "Project", kOfAcme};
    case kProjectEnable:
      return {"Its keys are good again.", "Project", kOfAcme};
    case kKeyCreate:
      return {"Makes a key. Its secret is in this answer and nowhere else.", "NewKey", kNewKey};
    case kKeyList:
      return {"The keys that the key sees.", "KeyList"};
    case kKeyShow:
      return {"One key, without its secrets.", "Key"};
    case kKeyUpdate:
      return {"Changes what a key may do. What is left out stays; what is null is taken away.", "Key", kKeyChange};
    case kKeyRotate:
      return {"Gives a key another secret, which is in this answer and nowhere else.", "NewKey", kRotation};
    case kKeyRevoke:
      return {"Ends a key for good.", "Key"};
    case kAuditList:
      return {"Who changed what and when; the newest first.", "AuditList"};
    case kSecretsList:
      return {"The versions of the secret file, and how many secrets need each.", "SecretVersionList"};
    case kBudgetCreate:
      return {"Makes a budget. It counts what is asked for from now on.", "Budget", kNewBudgetExamples};
    case kBudgetList:
      return {"The budgets that the key sees, and what is spent of each in its present period.", "BudgetList"};
    case kBudgetShow:
      return {"One budget.", "Budget"};
    case kBudgetUpdate:
      return {"Changes a budget's amount, or ends it for a while. What is left out stays.", "Budget", kBudgetChange};
    case kPriceAdd:
      return {"Adds a price. It holds from its beginning on, and what was used before costs what it cost.", "Price",
              kNewPriceExamples};
    case kPriceList:
      return {"The prices that the key may see: everybody's, and its tenant's own.", "PriceList"};
    case kUsageReport:
      return {"What was used and what it cost, summed by time and by names.", "UsageReport"};
    case kRequestList:
      return {"Requests that were charged; the newest first.", "RequestList"};
    case kRequestShow:
      return {"One request: its usage, its charges and its transfers.", "RequestTrace"};
    case kPeriodClose:
      return {
          "Closes the books up to a time: what is booked before it doesn't change any more, and what comes late is a "
          "correction of the next period.",
          "ClosedPeriod", kNewCloseExamples};
    case kPeriodList:
      return {"The periods that are closed.", "PeriodList"};
    case kSecretsRotate:
      return {"Adds a version to the secret file, and encrypts with it what was encrypted with others.",
              "SecretVersionList"};
  }
  CheckFailed("a verb of the table", __FILE__, __LINE__);
}

Json::Object Typed(std::string_view type) {
  return {{"type", std::string(type)}};
}

Json::Object TextSchema(const Argument& argument) {
  Json::Object schema = Typed("string");
  if (argument.words.empty()) {
    schema.emplace_back("minLength", 1);
    schema.emplace_back("maxLength", static_cast<int64_t>(Argument::kTextBytesMax));
    return schema;
  }
  Json::Array words;
  for (const std::string_view word : argument.words) words.emplace_back(std::string(word));
  schema.emplace_back("enum", std::move(words));
  return schema;
}

Json::Object ArgumentSchema(const Argument& argument) {
  switch (argument.kind) {
    case Argument::Kind::kText:
      return TextSchema(argument);
    case Argument::Kind::kName: {
      Json::Object schema = Typed("string");
      schema.emplace_back("pattern", "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$");
      return schema;
    }
    case Argument::Kind::kInteger: {
      Json::Object schema = Typed("integer");
      schema.emplace_back("minimum", argument.min);
      schema.emplace_back("maximum", argument.max);
      return schema;
    }
    case Argument::Kind::kFlag:
      return Typed("boolean");
    case Argument::Kind::kOneOrTexts:
      return TextSchema(argument);  // as a query has it
    case Argument::Kind::kTexts: {
      Json::Object schema = Typed("array");
      schema.emplace_back("items", TextSchema(argument));
      schema.emplace_back("maxItems", static_cast<int64_t>(Argument::kTextsMax));
      return schema;
    }
  }
  CheckFailed("a verb of the table", __FILE__, __LINE__);
}

/// Those of a verb but what its path names.
std::vector<const Argument*> Unnamed(const VerbRow& row) {
  std::vector<const Argument*> out;
  const VerbArguments arguments = ArgumentsOf(row.verb);
  for (const std::span<const Argument> group : {arguments.own, arguments.limits}) {
    for (const Argument& argument : group) {
      if (argument.name != row.subject) out.push_back(&argument);
    }
  }
  return out;
}

/// An object of these members and no others. Null counts as absent.
std::string BodySchema(const std::vector<const Argument*>& arguments) {
  Json::Object properties;
  Json::Array required;
  for (const Argument* argument : arguments) {
    Json schema = ArgumentSchema(*argument);
    if (argument->needed) {
      required.emplace_back(std::string(argument->name));
    } else {
      schema = Json::Object{{"anyOf", Json::Array{std::move(schema), Json(Typed("null"))}}};
    }
    schema.as_object().emplace_back("description", std::string(argument->about));
    properties.emplace_back(std::string(argument->name), std::move(schema));
  }
  Json::Object schema{{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) schema.emplace_back("required", std::move(required));
  schema.emplace_back("additionalProperties", false);
  return WriteJson(schema);
}

std::string Alternatives(std::span<const std::string_view> words) {
  std::string all;
  for (const std::string_view word : words) all += Cat(all.empty() ? "=" : "|=", word);
  return all;
}

/// Without its braces, since an answer with a secret has more. In openapi.h's short form, as all answers.
std::string KeyMembers() {
  std::string limits;
  for (const Argument& limit : LimitArguments()) limits += Cat(",\"", limit.name, R"(":"integer|null")");
  return Cat(R"("object":"=key","id":"string","name":"string","tenant":"string","project":"string","role":")",
             Alternatives(kRoleNames), R"(","kind":"=access_key|=bearer","scopes":[")", Alternatives(kScopeNames),
             R"("],"models":["string"])", limits,
             R"(,"created_at":"integer","created_by":"string","expires_at":"integer|null","revoked_at":"integer|null",)"
             R"("secrets":[{"number":"integer","secret_version":"string","created_at":"integer",)"
             R"("ends_at":"integer|null","access_key_id?":"string"}])");
}

/// Operations and schemas look into what is kept here.
class AdminTold {
 public:
  AdminTold() {
    for (const VerbRow& row : VerbRows()) Add(row);
    AddExact("Tenant",
             R"({"object":"=tenant","name":"string","operator":"boolean","weight":"integer","created_at":"integer",)"
             R"("disabled_at":"integer|null"})");
    AddExact("Project", R"({"object":"=project","tenant":"string","name":"string","created_at":"integer",)"
                        R"("disabled_at":"integer|null"})");
    AddExact("Key", Cat("{", KeyMembers(), "}"));
    AddExact("NewKey",
             Cat(R"({"key?":"string","access_key_id?":"string","secret_access_key?":"string",)", KeyMembers(), "}"));
    for (const std::string_view one : {"Tenant", "Project", "Key"}) {
      AddExact(Kept(Cat(one, "List")), Cat(R"({"object":"=list","data":["#)", one, R"("]})"));
    }
    AddExact("AuditList",
             R"({"object":"=list","verified_rows?":"integer","data":[{"object":"=audit","number":"integer",)"
             R"("time":"integer","actor":"string","verb":"string","tenant":"string","subject":"string",)"
             R"("details":"any"}]})");
    AddExact("SecretVersionList",
             R"({"object":"=list","data":[{"object":"=secret_version","id":"string","created_at":"integer",)"
             R"("present":"boolean","bearer_secrets":"integer","access_key_secrets":"integer"}]})");
    AddBooks();
  }
  [[nodiscard]] ApiDescription Description() const { return {.operations = operations_, .schemas = schemas_}; }

 private:
  void AddBooks() {
    AddExact("Price", R"({"object":"=price","number":"integer","tenant":"string|null","model":"string|null",)"
                      R"("tier":"string|null","meter":"string","amount":"string","per":"integer",)"
                      R"("from_at":"integer","to_at":"integer|null"})");
    AddExact("Budget", R"({"object":"=budget","tenant":"string","name":"string","project":"string|null",)"
                       R"("key":"string|null","model":"string|null","kind":"=hard|=soft","unit":"=usd|=tokens",)"
                       R"("amount":"string","period":"=day|=month|=total","created_at":"integer",)"
                       R"("disabled_at":"integer|null","spent?":"string","held?":"string","leased?":"string",)"
                       R"("left?":"string","period_from_at?":"integer","period_to_at?":"integer|null"})");
    AddExact("BudgetList", R"({"object":"=list","data":["#Budget"]})");
    AddExact("PriceList", R"({"object":"=list","data":["#Price"],"unpriced":[{"object":"=unpriced",)"
                          R"("tenant":"string","model":"string","meter":"string","tokens":"integer"}]})");
    constexpr std::string_view kPeriodMembers =
        R"("object":"=period","number":"integer","from_at":"integer|null","end_at":"integer","closed_by":"string",)"
        R"("closed_at":"integer","transfers":"integer","transfers_sha256":"string")";
    AddExact("ClosedPeriod", Cat("{", kPeriodMembers,
                                 R"(,"trial_balance":[{"account":"string","unit":"string","debits":"string",)"
                                 R"("credits":"string"}]})"));
    AddExact("PeriodList",
             Cat(R"({"object":"=list","data":[{)", kPeriodMembers, R"(}],"open_from_at":"integer|null"})"));
    AddExact("UsageTotal", R"({"requests?":"integer","prompt_tokens?":"integer","cached_tokens?":"integer",)"
                           R"("output_tokens?":"integer","reasoning_tokens?":"integer","accelerator_ms?":"integer",)"
                           R"("unpriced_tokens":"integer","cost":"string"})");
    AddExact("UsageReport",
             R"({"object":"=list","from_at":"integer","to_at":"integer","bucket":"string","data":[{"object":"=usage",)"
             R"("from_at":"integer","to_at":"integer","tenant?":"string","project?":"string","key?":"string",)"
             R"("model?":"string","tier?":"string","end_user?":"string","meter?":"string","quantity?":"integer",)"
             R"("requests":"integer","prompt_tokens?":"integer","cached_tokens?":"integer",)"
             R"("output_tokens?":"integer","reasoning_tokens?":"integer","accelerator_ms?":"integer",)"
             R"("unpriced_tokens":"integer","cost":"string"}],"total":"#UsageTotal"})");
    AddExact(
        "RequestList",
        Cat(R"({"object":"=list","data":[{"object":"=request","number":"integer","request":"string",)"
            R"("time_at":"integer","tenant":"string","project":"string","key":"string","model":"string",)"
            R"("tier":"string","end_user":"string",)",
            kTokenMembers, R"(,"unpriced_tokens":"integer","cost":"string|null"}],"next_before":"integer|null"})"));
    AddExact("RequestTrace", R"({"usage":["any"],"transfers":["any"]})");
  }
  std::string_view Kept(std::string text) { return texts_.emplace_back(std::move(text)); }
  void AddExact(std::string_view name, std::string form) {
    schemas_.push_back({.name = name, .form = Schema::Form::kExact, .text = Kept(std::move(form))});
  }
  void Add(const VerbRow& row) {
    const ToldVerb told = Told(row.verb);
    std::string path(row.route);
    std::vector<Parameter>& parameters = parameters_.emplace_back();
    if (!row.subject.empty()) {
      path.replace(path.find('*'), 1, Cat("{", row.subject, "}"));
      parameters.push_back({row.subject, "path", ArgumentsOf(row.verb).Find(row.subject)->about});
    }
    const std::vector<const Argument*> arguments = Unnamed(row);
    const std::string id = Id(row.name);
    Operation operation{.method = row.method,
                        .pattern = row.route,
                        .path = Kept(std::move(path)),
                        .id = Kept(id),
                        .api = Api::kAdmin,
                        .summary = told.summary,
                        .examples = told.examples,
                        .answer = told.answer};
    if (!row.writes()) {
      for (const Argument* argument : arguments) {
        parameters.push_back({argument->name, "query", argument->about, Kept(WriteJson(ArgumentSchema(*argument)))});
      }
    } else if (!arguments.empty()) {
      operation.body = Kept(Cat(id, "Arguments"));
      operation.body_required = std::ranges::any_of(arguments, &Argument::needed);
      schemas_.push_back({.name = operation.body, .text = Kept(BodySchema(arguments))});
    }
    operation.parameters = parameters;
    operations_.push_back(operation);
  }
  /// "tenant.create": "tenantCreate".
  static std::string Id(std::string_view verb) {
    std::string id(verb);
    const size_t dot = id.find('.');
    id.erase(dot, 1);
    id[dot] = static_cast<char>(id[dot] - 'a' + 'A');
    return id;
  }

  std::deque<std::string> texts_;
  std::deque<std::vector<Parameter>> parameters_;  // one an operation
  std::vector<Operation> operations_;
  std::vector<Schema> schemas_;
};

}  // namespace

ApiDescription AdminDescription() {
  static const AdminTold told;
  return told.Description();
}

}  // namespace bedplate
