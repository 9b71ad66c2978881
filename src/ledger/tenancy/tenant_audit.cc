#include "ledger/tenancy/tenant_audit.h"

#include <algorithm>

#include "base/cat.h"

namespace bedplate {
namespace {

std::string AuditBytes(const AuditRow& row) {
  CanonicalRow bytes;
  bytes.Int(row.number).Int(row.time).Bytes(row.actor).Bytes(row.verb);
  bytes.Bytes(row.tenant).Bytes(row.object).Bytes(row.details);
  return std::string(bytes.bytes());
}

AuditRow AuditRowAt(const Statement& row) {
  return {.number = row.IntAt(0),
          .time = row.IntAt(1),
          .actor = row.BytesAt(2),
          .verb = row.BytesAt(3),
          .tenant = row.BytesAt(4),
          .object = row.BytesAt(5),
          .details = row.BytesAt(6)};
}

}  // namespace

Result<ChainHead> LastAuditHead(Database& database) {
  int64_t number = 0;
  {
    Statement last(database, "SELECT number FROM audit ORDER BY number DESC LIMIT 1");
    BP_ASSIGN_OR_RETURN(const bool row, last.Step());
    if (row) number = last.IntAt(0);
    if (row && number < 1) return Status::DataLoss("the store of tenants: the audit's last row is damaged");
  }
  BP_ASSIGN_OR_RETURN(const std::optional<ChainHead> head, AuditHeadAt(database, static_cast<uint64_t>(number)));
  if (!head) return Status::DataLoss("the store of tenants: the audit's last row is damaged");
  return *head;
}

Result<std::optional<ChainHead>> AuditHeadAt(Database& database, uint64_t rows) {
  BP_ASSIGN_OR_RETURN(ChainHead head, EmptyChain(kAuditChain));
  if (rows == 0) return std::optional(head);
  Statement at(database, "SELECT hash FROM audit WHERE number = ?");
  at.Int(static_cast<int64_t>(rows));
  BP_ASSIGN_OR_RETURN(const bool row, at.Step());
  if (!row) return std::optional<ChainHead>();
  const std::string_view hash = at.ViewAt(0);
  if (hash.size() != head.hash.size()) {
    return Status::DataLoss(Cat("the store of tenants: row ", rows, " of the audit is damaged"));
  }
  head.rows = rows;
  std::copy(hash.begin(), hash.end(), head.hash.begin());
  return std::optional(head);
}

Status WriteAuditRow(Database& database, AuditRow row, ChainHead& head) {
  row.number = static_cast<int64_t>(head.rows) + 1;
  BP_ASSIGN_OR_RETURN(head, Extended(head, AuditBytes(row)));
  return Statement(database,
                   "INSERT INTO audit (number, time, actor, verb, tenant, object, details, hash)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
      .Int(row.number)
      .Int(row.time)
      .Text(row.actor)
      .Text(row.verb)
      .Text(row.tenant)
      .Text(row.object)
      .Text(row.details)
      .Blob({reinterpret_cast<const char*>(head.hash.data()), head.hash.size()})
      .Run();
}

Result<std::vector<AuditRow>> ReadAudit(Database& database, int64_t before, uint32_t count_max,
                                        const std::string& tenant) {
  std::vector<AuditRow> rows;
  Statement row(database,
                "SELECT number, time, actor, verb, tenant, object, details FROM audit WHERE number < ?"
                " AND (? = '' OR tenant = ?) ORDER BY number DESC LIMIT ?");
  row.Int(before).Text(tenant).Text(tenant).Int(count_max);
  for (;;) {
    BP_ASSIGN_OR_RETURN(const bool there, row.Step());
    if (!there) return rows;
    rows.push_back(AuditRowAt(row));
  }
}

Result<ChainHead> VerifyAudit(Database& database, const std::optional<ChainHead>& kept) {
  // SQLite's own structure first: a table that it can't follow may look shorter than it is.
  Statement pages(database, "PRAGMA quick_check(1)");
  BP_ASSIGN_OR_RETURN(const bool told, pages.Step());
  if (told && pages.ViewAt(0) != "ok") {
    return Status::DataLoss(Cat("the store of tenants: the file is damaged: ", pages.ViewAt(0)));
  }
  ChainCheck check(kAuditChain, kept);
  Statement row(database, "SELECT number, time, actor, verb, tenant, object, details, hash FROM audit ORDER BY number");
  for (;;) {
    BP_ASSIGN_OR_RETURN(const bool there, row.Step());
    if (!there) break;
    BP_RETURN_IF_ERROR(check.Row(AuditBytes(AuditRowAt(row)), row.ViewAt(7)));
  }
  BP_RETURN_IF_ERROR(check.End());
  return check.head();
}

Result<std::unique_ptr<Database>> OpenTenantsToRead(const std::filesystem::path& path) {
  return Database::Open(path, {.what = "the store of tenants",
                               .application_id = kTenantsApplicationId,
                               .form = kTenantsForm,
                               .make_tables = {},
                               .read_only = true});
}

Result<ChainHead> ReadAuditHead(const std::filesystem::path& path) {
  BP_ASSIGN_OR_RETURN(const ChainHeads heads, ReadHeads(path));
  const auto found = heads.find(kAuditChain);
  if (found != heads.end()) return found->second;
  return Status::NotFound(Cat("there is no head of an audit in ", path.string()));
}

}  // namespace bedplate
