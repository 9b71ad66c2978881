#include "ledger/transfer.h"

#include <algorithm>

#include "base/cat.h"
#include "ledger/money.h"

namespace bedplate {
namespace {

constexpr std::string_view kRoots[] = {"Assets", "Liabilities", "Equity", "Income", "Expenses"};
constexpr size_t kPartsMax = 8;
constexpr size_t kReferenceBytesMax = 256;

bool IsNamePart(std::string_view part) {
  return !part.empty() && part.size() <= 64 && std::all_of(part.begin(), part.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
           c == '-';
  });
}

bool IsAccountName(std::string_view name) {
  size_t parts = 0;
  for (size_t begin = 0; begin <= name.size(); ++parts) {
    const size_t end = std::min(name.find(':', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    if (!IsNamePart(part)) return false;
    if (parts == 0 && std::find(std::begin(kRoots), std::end(kRoots), part) == std::end(kRoots)) return false;
    begin = end + 1;
  }
  return parts >= 2 && parts <= kPartsMax;
}

bool Resolves(Transfer::Kind kind) {
  return kind == Transfer::Kind::kPost || kind == Transfer::Kind::kVoid || kind == Transfer::Kind::kExpire;
}

Status Wrong(const Transfer& transfer, std::string_view what) {
  return Status::InvalidArgument(Cat("transfer ", IdText(transfer.id.value), ": ", what));
}

}  // namespace

Uint128 DerivedId(std::string_view what, std::initializer_list<std::string_view> parts) {
  CanonicalRow row;
  row.Bytes(what);
  for (const std::string_view part : parts) row.Bytes(part);
  Sha256 hash;
  hash.Add(row.bytes().data(), row.bytes().size());
  const std::optional<Sha256::Digest> digest = hash.Take();
  BP_CHECK(digest.has_value());  // the store doesn't open where OpenSSL has none (EmptyChain)
  return *IdFromBytes({reinterpret_cast<const char*>(digest->data()), 16});
}

std::string IdText(Uint128 id) {
  std::string text(32, '0');
  for (size_t i = 0; i < 32; ++i) text[31 - i] = "0123456789abcdef"[static_cast<size_t>(id >> (4 * i)) & 15];
  return text;
}

std::optional<Uint128> ParseId(std::string_view text) {
  if (text.size() != 32) return std::nullopt;
  Uint128 id = 0;
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      id = id << 4 | static_cast<uint8_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      id = id << 4 | static_cast<uint8_t>(c - 'a' + 10);
    } else {
      return std::nullopt;
    }
  }
  return id;
}

std::string IdBytes(Uint128 id) {
  std::string bytes(16, '\0');
  for (size_t i = 0; i < 16; ++i) bytes[i] = static_cast<char>(static_cast<uint8_t>(id >> (120 - 8 * i)));
  return bytes;
}

std::optional<Uint128> IdFromBytes(std::string_view bytes) {
  if (bytes.size() != 16) return std::nullopt;
  Uint128 id = 0;
  for (const char byte : bytes) id = id << 8 | static_cast<uint8_t>(byte);
  return id;
}

std::string_view UnitName(Unit unit) {
  switch (unit) {
    case Unit::kPicodollar:
      return "USD";
    case Unit::kToken:
      return "TOKEN";
    case Unit::kAcceleratorMs:
      return "ACCMS";
  }
  return "?";
}

std::string AmountText(Int128 amount, Unit unit) {
  return unit == Unit::kPicodollar ? DollarsText({amount}) : DecimalText(amount);
}

std::string_view KindName(Transfer::Kind kind) {
  switch (kind) {
    case Transfer::Kind::kSingle:
      return "single";
    case Transfer::Kind::kReserve:
      return "reserve";
    case Transfer::Kind::kPost:
      return "post";
    case Transfer::Kind::kVoid:
      return "void";
    case Transfer::Kind::kExpire:
      return "expire";
  }
  return "?";
}

std::string_view CodeName(Transfer::Code code) {
  switch (code) {
    case Transfer::Code::kCharge:
      return "charge";
    case Transfer::Code::kBudget:
      return "budget";
    case Transfer::Code::kLease:
      return "lease";
    case Transfer::Code::kAdjustment:
      return "adjustment";
    case Transfer::Code::kRounding:
      return "rounding";
  }
  return "?";
}

AccountId Account::Id() const {
  return {DerivedId("account", {UnitName(unit), name})};
}

Status CheckShape(const Account& account) {
  if (IsAccountName(account.name)) return Status::Ok();
  return Status::InvalidArgument(Cat(
      "'", account.name.substr(0, 100),
      "' is no name of an account; it is Assets, Liabilities, Equity, Income or Expenses and 1 to 7 parts after ':', "
      "each 1 to 64 letters, digits, '.', '_' or '-'"));
}

Status CheckShape(const Transfer& transfer) {
  const Transfer::Kind kind = transfer.kind;
  if (kind < Transfer::Kind::kSingle || kind > Transfer::Kind::kExpire) return Wrong(transfer, "of no known kind");
  if (transfer.code < Transfer::Code::kCharge || transfer.code > Transfer::Code::kRounding) {
    return Wrong(transfer, "of no known code");
  }
  if (transfer.amount < 0) return Wrong(transfer, Cat("its amount is negative: ", DecimalText(transfer.amount)));
  if (transfer.amount > kAmountMax) {
    return Wrong(transfer, Cat("its amount is ", DecimalText(transfer.amount), "; at most ", DecimalText(kAmountMax)));
  }
  if (Resolves(kind) != transfer.pending.has_value()) {
    return Wrong(transfer,
                 Resolves(kind) ? "it resolves no reserve" : "only a post, void or expiry resolves a reserve");
  }
  if ((kind == Transfer::Kind::kVoid || kind == Transfer::Kind::kExpire) && transfer.amount != 0) {
    return Wrong(transfer, "what releases a reserve moves nothing");
  }
  if (kind != Transfer::Kind::kReserve && transfer.timeout_ms != 0)
    return Wrong(transfer, "only a reserve has a timeout");
  if (transfer.occurred_unix_us < 0 || transfer.occurred_unix_us > kUnixUsMax) {
    return Wrong(transfer, Cat("its time is ", transfer.occurred_unix_us, " us; 0 to ", kUnixUsMax));
  }
  if (transfer.debit == transfer.credit) return Wrong(transfer, "it debits and credits the same account");
  if (transfer.reference.size() > kReferenceBytesMax) {
    return Wrong(transfer,
                 Cat("its reference has ", transfer.reference.size(), " bytes; at most ", kReferenceBytesMax));
  }
  return Status::Ok();
}

CanonicalRow RowOf(const Account& account, int64_t number) {
  CanonicalRow row;
  row.Int(number)
      .Bytes(IdBytes(account.Id().value))
      .Int(static_cast<int64_t>(account.unit))
      .Int(static_cast<int64_t>(account.rule))
      .Bytes(account.name);
  return row;
}

CanonicalRow RowOf(const BookedTransfer& booked) {
  const Transfer& transfer = booked.transfer;
  CanonicalRow row;
  row.Int(booked.number)
      .Bytes(IdBytes(transfer.id.value))
      .Int(static_cast<int64_t>(transfer.kind))
      .Int(static_cast<int64_t>(transfer.code))
      .Bytes(IdBytes(transfer.debit.value))
      .Bytes(IdBytes(transfer.credit.value))
      .Amount(transfer.amount);
  transfer.pending ? row.Bytes(IdBytes(transfer.pending->value)) : row.None();
  row.Int(transfer.timeout_ms).Bytes(transfer.reference);
  transfer.usage_number ? row.Int(*transfer.usage_number) : row.None();
  row.Int(transfer.occurred_unix_us)
      .Int(booked.booked_unix_us)
      .Int(booked.written_unix_us)
      .Int(booked.correction ? 1 : 0);
  return row;
}

}  // namespace bedplate
