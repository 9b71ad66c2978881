#include "ledger/tenancy/verb_arguments.h"

#include "base/check.h"
#include "ledger/budgets/budget.h"
#include "ledger/price.h"
#include "ledger/reports/usage_report.h"
#include "ledger/tenancy/tenant_records.h"

namespace bedplate {
namespace {

using enum Argument::Kind;

constexpr int64_t kLatestTime = 253'402'300'799;  // the end of the year 9999
constexpr int64_t kOverlapSecondsMax = 30 * 86'400;

constexpr Argument kTheTenant{.name = "tenant", .about = "Left out: the key's own, or the operator's for a command."};
constexpr Argument kThisTenant{.name = "tenant", .about = "Its name.", .needed = true};
constexpr Argument kOfTenant{.name = "tenant", .about = "Of this one alone."};
constexpr Argument kTheProject{.name = "project", .about = "Left out: the key's own, or `default`."};
constexpr Argument kThisProject{.name = "project", .about = "Its name.", .needed = true};
constexpr Argument kNewName{.name = "name",
                            .kind = kName,
                            .about = "1 to 64 letters, digits, '.', '_' or '-', a letter or digit first.",
                            .needed = true};
constexpr Argument kKeysName{.name = "name", .kind = kName, .about = "What people call the key."};
constexpr Argument kThisKey{.name = "id", .about = "The key's id.", .needed = true};
constexpr Argument kScopes{.name = "scopes",
                           .kind = kTexts,
                           .about = "What it is for, within what its role allows. Left out: all.",
                           .words = kScopeNames};
constexpr Argument kModels{.name = "models", .kind = kTexts, .about = "The models it may use. Left out: all."};
constexpr Argument kExpires{.name = "expires_at",
                            .kind = kInteger,
                            .about = "Unix seconds, in the future. Left out: never.",
                            .min = 1,
                            .max = kLatestTime};

constexpr Argument kWeight{.name = "weight",
                           .kind = kInteger,
                           .about =
                               "The tenant's share where tenants wait for each other: 2 gets twice what 1 gets. "
                               "A new one has 1 where it is left out.",
                           .min = 1,
                           .max = Tenant::kWeightMax};
constexpr Argument kNewTenant[] = {kNewName, kWeight};
constexpr Argument kTenantChanges[] = {kThisTenant, kWeight};
constexpr Argument kTenantOnly[] = {kThisTenant};
constexpr Argument kOfTenantOnly[] = {kOfTenant};
constexpr Argument kNewProject[] = {kTheTenant, kNewName};
constexpr Argument kProjectOfTenant[] = {kTheTenant, kThisProject};
constexpr Argument kNewKey[] = {
    kTheTenant,
    kTheProject,
    kKeysName,
    {.name = "role", .about = "Left out: member.", .words = kRoleNames},
    {.name = "access_key", .kind = kFlag, .about = "A pair that signs requests as AWS does, in place of a bearer key."},
    kScopes,
    kModels,
    kExpires};
constexpr Argument kKeyFilters[] = {
    kOfTenant,
    {.name = "project", .about = "Of projects of this name alone."},
    {.name = "live", .kind = kFlag, .about = "Those alone that are neither revoked nor expired."}};
constexpr Argument kKeyOnly[] = {kThisKey};
constexpr Argument kKeyChanges[] = {kThisKey, kKeysName, kScopes, kModels, kExpires};
constexpr Argument kRotation[] = {kThisKey,
                                  {.name = "overlap_seconds",
                                   .kind = kInteger,
                                   .about = "How long the earlier secret stays good. Left out: a day.",
                                   .min = 0,
                                   .max = kOverlapSecondsMax}};
constexpr Argument kAuditRows[] = {
    {.name = "before", .kind = kInteger, .about = "Rows of lower numbers alone.", .min = 1, .max = INT64_MAX},
    {.name = "limit", .kind = kInteger, .about = "Left out: 100.", .min = 1, .max = 1000},
    {.name = "verify", .kind = kFlag, .about = "Every row of the chain is computed anew first. The operator's alone."}};

constexpr Argument kBudgetAmount{
    .name = "amount",
    .about = "Dollars or tokens, as a string, since a number might be rounded: \"250.00\". Above 0.",
    .needed = true};
constexpr Argument kNewBudget[] = {
    kTheTenant,
    kNewName,
    {.name = "project", .about = "Of this project alone. Left out: of all."},
    {.name = "key", .about = "Of the key of this id alone."},
    {.name = "model", .about = "Of this model alone."},
    {.name = "unit", .about = "What the amount counts. Left out: usd.", .words = kBudgetUnitNames},
    kBudgetAmount,
    {.name = "period", .about = "After which it begins anew, in UTC. Left out: month.", .words = kBudgetPeriodNames},
    {.name = "kind",
     .about = "A hard one refuses what would go beyond it, a soft one tells of it. Left out: hard.",
     .words = kBudgetKindNames}};
constexpr Argument kBudgetFilters[] = {kOfTenant, {.name = "project", .about = "Of projects of this name alone."}};
constexpr Argument kThisBudget{.name = "budget", .about = "Its name.", .needed = true};
constexpr Argument kOneBudget[] = {kTheTenant, kThisBudget};
constexpr Argument kBudgetChanges[] = {
    kTheTenant,
    kThisBudget,
    {.name = "amount", .about = "In place of the present one, from now on, for this period, too."},
    {.name = "disabled", .kind = kFlag, .about = "A disabled one neither refuses nor counts anything."}};

constexpr Argument kFrom{.name = "from",
                         .kind = kInteger,
                         .about = "Unix seconds, UTC. Left out: the beginning of the month that `to` lies in.",
                         .min = 0,
                         .max = kLatestTime};
constexpr Argument kTo{.name = "to",
                       .kind = kInteger,
                       .about = "Unix seconds, not included. Left out: now.",
                       .min = 0,
                       .max = kLatestTime};
constexpr Argument kUsedTenant{.name = "tenant", .kind = kOneOrTexts, .about = "Used by this tenant, or one of these."};
constexpr Argument kUsedProject{.name = "project", .kind = kOneOrTexts, .about = "Used by this project."};
constexpr Argument kUsedKey{.name = "key", .kind = kOneOrTexts, .about = "Used by the key of this id."};
constexpr Argument kUsedModel{.name = "model", .kind = kOneOrTexts, .about = "Used of this model."};
constexpr Argument kUsedTier{.name = "tier", .kind = kOneOrTexts, .about = "Used in this service tier."};
constexpr Argument kUsedBy{.name = "end_user", .kind = kOneOrTexts, .about = "Used for whom the request named so."};
constexpr Argument kNewPrice[] = {
    {.name = "tenant", .about = "Whom it is asked of. Left out: everybody who has no price of their own."},
    {.name = "model", .about = "Of which model. Left out: of any that has no price of its own."},
    {.name = "tier", .about = "In which service tier. Left out: in any that has no price of its own."},
    {.name = "meter", .about = "What is counted.", .needed = true, .words = kMeterNames},
    {.name = "amount",
     .about = "Dollars, as a string, since a number might be rounded: \"0.60\". At most twelve digits after the point.",
     .needed = true},
    {.name = "per",
     .kind = kInteger,
     .about = "For so many. Left out: a million tokens, or an hour's milliseconds.",
     .min = 1,
     .max = 1'000'000'000'000'000},
    {.name = "from", .kind = kInteger, .about = "Unix seconds. Left out: now.", .min = 0, .max = kLatestTime},
    {.name = "to",
     .kind = kInteger,
     .about = "Unix seconds, not included. Left out: until another of the same thing begins.",
     .min = 0,
     .max = kLatestTime}};
constexpr Argument kPriceFilters[] = {{.name = "tenant", .about = "Those that this tenant may pay."},
                                      {.name = "model", .about = "Those that may be paid for this model."}};
constexpr Argument kUsageReportArguments[] = {
    kFrom,
    kTo,
    {.name = "bucket", .about = "A line for each. Left out: none, the whole time in one.", .words = kBucketNames},
    {.name = "group_by",
     .kind = kOneOrTexts,
     .about = "A line for each value of tenant, project, key, model, tier, end_user, meter; several with commas."},
    kUsedTenant,
    kUsedProject,
    kUsedKey,
    kUsedModel,
    kUsedTier,
    kUsedBy};
constexpr Argument kRequestFilters[] = {
    kFrom,
    kTo,
    kUsedTenant,
    kUsedProject,
    kUsedKey,
    kUsedModel,
    kUsedTier,
    kUsedBy,
    {.name = "before", .kind = kInteger, .about = "Of lower numbers alone.", .min = 1, .max = INT64_MAX},
    {.name = "limit", .kind = kInteger, .about = "Left out: 100.", .min = 1, .max = 1000}};
constexpr Argument kNewClose[] = {
    {.name = "end",
     .kind = kInteger,
     .about = "Unix seconds, UTC, not included, and over. Left out: the beginning of the present month.",
     .min = 1,
     .max = kLatestTime}};
constexpr Argument kThisRequest[] = {{.name = "request", .about = "The request's id.", .needed = true}};

}  // namespace

VerbArguments ArgumentsOf(TenantVerb verb) {
  using enum TenantVerb;
  switch (verb) {
    case kTenantList:
    case kPeriodList:
    case kSecretsList:
    case kSecretsRotate:
      return {};
    case kTenantCreate:
      return {kNewTenant};
    case kTenantUpdate:
      return {kTenantChanges};
    case kTenantShow:
    case kTenantDisable:
    case kTenantEnable:
      return {kTenantOnly};
    case kProjectCreate:
      return {kNewProject};
    case kProjectList:
      return {kOfTenantOnly};
    case kProjectShow:
    case kProjectDisable:
    case kProjectEnable:
      return {kProjectOfTenant};
    case kKeyCreate:
      return {.own = kNewKey, .limits = LimitArguments()};
    case kKeyList:
      return {kKeyFilters};
    case kKeyShow:
    case kKeyRevoke:
      return {kKeyOnly};
    case kKeyUpdate:
      return {.own = kKeyChanges, .limits = LimitArguments()};
    case kKeyRotate:
      return {kRotation};
    case kAuditList:
      return {kAuditRows};
    case kBudgetCreate:
      return {kNewBudget};
    case kBudgetList:
      return {kBudgetFilters};
    case kBudgetShow:
      return {kOneBudget};
    case kBudgetUpdate:
      return {kBudgetChanges};
    case kPriceAdd:
      return {kNewPrice};
    case kPriceList:
      return {kPriceFilters};
    case kUsageReport:
      return {kUsageReportArguments};
    case kRequestList:
      return {kRequestFilters};
    case kRequestShow:
      return {kThisRequest};
    case kPeriodClose:
      return {kNewClose};
  }
  CheckFailed("a verb of the table", __FILE__, __LINE__);
}

}  // namespace bedplate
