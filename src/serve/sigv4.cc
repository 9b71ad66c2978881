#include "serve/sigv4.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "base/cat.h"
#include "base/sha256.h"
#include "text/trim.h"

namespace bedplate {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kHowTo =
    "sign the request with AWS Signature Version 4, or send a key as Authorization: Bearer";

Status Incomplete(std::string_view what) {
  return Status(StatusCode::kPermissionDenied, Cat("the request's signature can't be read: ", what, "; ", kHowTo))
      .WithReason(std::string(kReasonIncompleteSignature));
}
Status Invalid(std::string message) {
  return Status(StatusCode::kPermissionDenied, std::move(message)).WithReason(std::string(kReasonInvalidSignature));
}

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsHexDigit(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'f');
}
bool IsUnreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || IsDigit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// "20261124T175900Z", strictly.
std::optional<int64_t> UnixSecondsOf(std::string_view time) {
  if (time.size() != 16 || time[8] != 'T' || time[15] != 'Z') return std::nullopt;
  const auto number = [&](size_t at, size_t count) {
    int value = 0;
    for (const char c : time.substr(at, count)) value = IsDigit(c) && value >= 0 ? value * 10 + (c - '0') : -1;
    return value;
  };
  using namespace std::chrono;
  const year_month_day date{year(number(0, 4)), month(static_cast<unsigned>(number(4, 2))),
                            day(static_cast<unsigned>(number(6, 2)))};
  const int hour = number(9, 2), minute = number(11, 2), second = number(13, 2);
  const bool has_time = hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60;
  if (!date.ok() || number(0, 4) < 0 || !has_time) return std::nullopt;
  const seconds since = sys_days(date).time_since_epoch() + hours(hour) + minutes(minute) + seconds(second);
  return since.count();
}

// The members of "AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...", each once.
struct Members {
  std::string_view credential, signed_headers, signature;
};
Result<Members> ReadMembers(std::string_view authorization) {
  const size_t space = authorization.find(' ');
  if (authorization.substr(0, space) != kAlgorithm) {
    return Incomplete(Cat("the algorithm is '", authorization.substr(0, space).substr(0, 50), "', not ", kAlgorithm));
  }
  Members members;
  for (const std::string_view part : Split(authorization.substr(std::min(space, authorization.size())), ',')) {
    const std::string_view member = Trim(part);
    const size_t equals = member.find('=');
    const std::string_view name = member.substr(0, equals);
    std::string_view* target = name == "Credential"      ? &members.credential
                               : name == "SignedHeaders" ? &members.signed_headers
                               : name == "Signature"     ? &members.signature
                                                         : nullptr;
    if (target == nullptr || equals == std::string_view::npos || !target->empty()) {
      return Incomplete(Cat("'", name.substr(0, 50), "' is unknown, repeated or empty in the Authorization field"));
    }
    *target = member.substr(equals + 1);
  }
  if (members.credential.empty() || members.signed_headers.empty() || members.signature.empty()) {
    return Incomplete("the Authorization field lacks Credential, SignedHeaders or Signature");
  }
  return members;
}

// Host, and every x-amz- field, must be signed: what isn't could be changed on the way.
Status CheckSignedFields(const SigV4Claim& claim, const HttpRequest& head) {
  const auto& names = claim.signed_fields;
  if (std::ranges::adjacent_find(names, std::ranges::greater_equal()) != names.end()) {
    return Incomplete("SignedHeaders must be in ascending order, each name once");
  }
  const auto is_signed = [&](std::string_view name) { return std::ranges::binary_search(names, name); };
  if (!is_signed("host")) return Incomplete("SignedHeaders must name host");
  for (const HttpField& field : head.fields) {
    if (field.name.starts_with("x-amz-") && !is_signed(field.name)) {
      return Incomplete(Cat("SignedHeaders must name ", field.name.substr(0, 100), ", as the request has it"));
    }
  }
  for (const std::string& name : names) {
    if (head.Find(name) == nullptr) {
      return Invalid(Cat("the field ", name.substr(0, 100), " is signed, but the request doesn't have it"));
    }
  }
  return Status::Ok();
}

Status CheckTime(const SigV4Claim& claim, int64_t now, int64_t skew_max) {
  const std::optional<int64_t> signed_at = UnixSecondsOf(claim.time);
  if (!signed_at) return Incomplete("x-amz-date is not a time such as 20261124T175900Z");
  if (!claim.time.starts_with(claim.date) || claim.date.size() != 8) {
    return Invalid(
        Cat("the credential's date '", claim.date.substr(0, 20), "' is not the day of x-amz-date, ", claim.time));
  }
  if (*signed_at >= now - skew_max && *signed_at <= now + skew_max) return Status::Ok();
  return Invalid(Cat("Signature ", *signed_at < now ? "expired" : "not yet current", ": it was made at ", claim.time,
                     ", ", std::abs(now - *signed_at), " s from this server's time; allowed: ", skew_max,
                     " s. Check the clocks of both machines"));
}

void AppendEncoded(std::string_view text, std::string_view kept, std::string& out) {
  for (const char c : text) {
    if (IsUnreserved(c) || kept.find(c) != std::string_view::npos) {
      out += c;
    } else {
      constexpr std::string_view kDigits = "0123456789ABCDEF";
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
}

// Dot segments and empty ones go; what is left is encoded once more.
std::string CanonicalPath(std::string_view path) {
  std::vector<std::string_view> kept;
  for (const std::string_view segment : Split(path, '/')) {
    if (segment == ".." && !kept.empty()) kept.pop_back();
    if (!segment.empty() && segment != "." && segment != "..") kept.push_back(segment);
  }
  std::string out;
  for (const std::string_view segment : kept) {
    out += '/';
    AppendEncoded(segment, "", out);
  }
  if (kept.empty() || path.ends_with('/')) out += '/';
  return out;
}

// Encoded pairs stay as they are: a signer encodes them before.
std::string CanonicalQuery(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const std::string_view part : Split(query, '&')) {
    if (part.empty()) continue;
    const size_t equals = std::min(part.find('='), part.size());
    auto& [name, value] = pairs.emplace_back();
    AppendEncoded(part.substr(0, equals), "%", name);
    AppendEncoded(part.substr(std::min(equals + 1, part.size())), "%", value);
  }
  std::ranges::sort(pairs);
  std::string out;
  for (const auto& [name, value] : pairs) out.append(out.empty() ? "" : "&").append(name).append("=").append(value);
  return out;
}

// Runs of white space are one space, and none is at the ends.
void AppendFieldValue(std::string_view value, std::string& out) {
  bool space = false;
  for (const char c : Trim(value)) {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      space = true;
      continue;
    }
    if (std::exchange(space, false)) out += ' ';
    out += c;
  }
}

std::string Joined(std::span<const std::string> names) {
  std::string out;
  for (const std::string& name : names) out.append(out.empty() ? "" : ";").append(name);
  return out;
}

std::string_view BytesOf(const Sha256::Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

Status NoSha256() {
  return Status::Internal("OpenSSL has no SHA-256");
}

Result<std::string> SignatureOf(const SigV4Claim& claim, std::string_view secret, const HttpRequest& request,
                                std::string_view body_sha256) {
  const auto hash = Sha256HexOf(SigV4CanonicalRequest(claim.signed_fields, request, body_sha256));
  if (!hash) return NoSha256();
  std::string key = Cat("AWS4", secret);
  const std::string scope = Cat(claim.date, "/", claim.region, "/", claim.service, "/aws4_request");
  const std::string to_sign = Cat(kAlgorithm, "\n", claim.time, "\n", scope, "\n", *hash);
  for (const std::string_view part : {std::string_view(claim.date), std::string_view(claim.region),
                                      std::string_view(claim.service), std::string_view("aws4_request")}) {
    const auto next = HmacSha256(key, part);
    if (!next) return NoSha256();
    key = BytesOf(*next);
  }
  const auto signature = HmacSha256(key, to_sign);
  if (!signature) return NoSha256();
  return HexOf(*signature);
}

}  // namespace

bool IsSigV4(std::string_view authorization) {
  return authorization.starts_with("AWS4-");
}

Result<SigV4Claim> ReadSigV4(const HttpRequest& head, int64_t now_unix_seconds, const SigV4Rules& rules) {
  const std::string* authorization = head.Find("authorization");
  if (authorization == nullptr) return Incomplete("there is no Authorization field");
  BP_ASSIGN_OR_RETURN(const Members members, ReadMembers(*authorization));
  if (head.Find("x-amz-security-token") != nullptr) {
    return Status(StatusCode::kPermissionDenied,
                  "The security token included in the request is invalid: access keys of this server have none; unset "
                  "AWS_SESSION_TOKEN (x-amz-security-token)")
        .WithReason(std::string(kReasonInvalidToken));
  }
  SigV4Claim claim;
  const std::vector<std::string_view> scope = Split(members.credential, '/');
  if (scope.size() != 5 || scope[4] != "aws4_request" || scope[0].empty() || scope[2].empty()) {
    return Incomplete("the Credential is not ID/DATE/REGION/SERVICE/aws4_request");
  }
  claim.access_key_id = scope[0];
  claim.date = scope[1];
  claim.region = scope[2];
  claim.service = scope[3];
  if (std::ranges::find(rules.services, scope[3]) == rules.services.end()) {
    return Invalid(Cat("Credential should be scoped to the service '", rules.services.front(), "', not '",
                       claim.service.substr(0, 50), "'"));
  }
  for (const std::string_view name : Split(members.signed_headers, ';')) claim.signed_fields.emplace_back(name);
  claim.signature = members.signature;
  if (claim.signature.size() != 64 || !std::ranges::all_of(claim.signature, IsHexDigit)) {
    return Incomplete("the Signature is not 64 hexadecimal digits");
  }
  const std::string* time = head.Find("x-amz-date");
  if (time == nullptr) return Incomplete("there is no x-amz-date field");
  claim.time = *time;
  BP_RETURN_IF_ERROR(CheckTime(claim, now_unix_seconds, rules.skew_seconds_max));
  BP_RETURN_IF_ERROR(CheckSignedFields(claim, head));
  return claim;
}

std::string SigV4CanonicalRequest(std::span<const std::string> signed_fields, const HttpRequest& request,
                                  std::string_view body_sha256) {
  std::string out = Cat(request.method, "\n", CanonicalPath(request.path), "\n", CanonicalQuery(request.query), "\n");
  for (const std::string& name : signed_fields) {
    out.append(name).append(":");
    bool first = true;
    for (const HttpField& field : request.fields) {
      if (field.name != name) continue;
      if (!std::exchange(first, false)) out += ',';
      AppendFieldValue(field.value, out);
    }
    out += '\n';
  }
  // A body's hash in x-amz-content-sha256 has no say: VerifySigV4 holds it to the body.
  return Cat(out, "\n", Joined(signed_fields), "\n", body_sha256);
}

Result<std::string> SigV4Signature(const SigV4Claim& claim, std::string_view secret, const HttpRequest& request) {
  const auto body_sha256 = Sha256HexOf(request.body);
  if (!body_sha256) return NoSha256();
  return SignatureOf(claim, secret, request, *body_sha256);
}

Status VerifySigV4(const SigV4Claim& claim, std::string_view secret, const HttpRequest& request) {
  const auto body_sha256 = Sha256HexOf(request.body);
  if (!body_sha256) return NoSha256();
  const std::string* stated = request.Find("x-amz-content-sha256");
  if (stated != nullptr && *stated != *body_sha256) {
    return Invalid(Cat("x-amz-content-sha256 is '", stated->substr(0, 80),
                       "', which is not the body's SHA-256; unsigned and chunk-signed bodies are not accepted"));
  }
  BP_ASSIGN_OR_RETURN(const std::string expected, SignatureOf(claim, secret, request, *body_sha256));
  const bool equal = expected.size() == claim.signature.size() &&
                     CRYPTO_memcmp(expected.data(), claim.signature.data(), expected.size()) == 0;
  if (equal) return Status::Ok();
  return Invalid(
      "The request signature we calculated does not match the signature you provided. Check the secret access key, and "
      "that nothing changes the request on its way");
}

}  // namespace bedplate
