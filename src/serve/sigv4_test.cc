// Method: requests that botocore signed (testdata/sigv4_cases.json; BEDPLATE_SIGV4_CASES names another file, such as
// one of AWS's own suite, see tests/clients/sigv4_cases.py). Each must have the canonical form that its signer had and
// be accepted; with any byte changed, or at another time, it must not.
#include "serve/sigv4.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>

#include "base/cat.h"
#include "base/json.h"
#include "base/sha256.h"

namespace bedplate {
namespace {

struct Case {
  std::string name, secret, service, canonical;
  int64_t time = 0;
  HttpRequest request;
};

std::vector<Case> Cases() {
  const char* given = std::getenv("BEDPLATE_SIGV4_CASES");
  std::ifstream file(given != nullptr ? given : BEDPLATE_SOURCE_DIR "/src/serve/testdata/sigv4_cases.json");
  const Result<Json> list = ParseJson(std::string(std::istreambuf_iterator<char>(file), {}));
  EXPECT_TRUE(list.ok()) << list.status().message();
  std::vector<Case> cases;
  for (const Json& item : list.ok() ? list->as_array() : Json::Array()) {
    const auto text = [&](std::string_view name) { return item.Find(name)->as_string(); };
    Case& one = cases.emplace_back();
    one = {.name = text("name"),
           .secret = text("secret"),
           .service = text("service"),
           .canonical = text("canonical"),
           .time = item.Find("time")->as_int(),
           .request = {}};
    one.request.method = text("method");
    one.request.path = text("path");
    one.request.query = text("query");
    one.request.body = text("body");
    for (const Json& field : item.Find("fields")->as_array()) {
      one.request.fields.push_back({field.as_array()[0].as_string(), field.as_array()[1].as_string()});
    }
  }
  return cases;
}

// The last line but one of a canonical request names the fields.
std::vector<std::string> SignedFields(const Case& one) {
  const std::string without_hash = one.canonical.substr(0, one.canonical.rfind('\n'));
  std::vector<std::string> names;
  for (std::string rest = without_hash.substr(without_hash.rfind('\n') + 1); !rest.empty();) {
    const size_t end = std::min(rest.find(';'), rest.size());
    names.push_back(rest.substr(0, end));
    rest.erase(0, end + 1);
  }
  return names;
}

Status Check(const Case& one, const HttpRequest& request, int64_t later = 0) {
  const SigV4Rules rules{.services = {one.service}, .skew_seconds_max = 300};
  BP_ASSIGN_OR_RETURN(const SigV4Claim claim, ReadSigV4(request, one.time + later, rules));
  const std::string known = *one.request.Find("authorization");
  if (known.find(Cat("Credential=", claim.access_key_id, "/")) == std::string::npos) {
    return Status(StatusCode::kPermissionDenied, "no such access key");  // as whoever looks for its secret would say
  }
  return VerifySigV4(claim, one.secret, request);
}

// Session tokens are refused, whoever signed them.
bool HasToken(const Case& one) {
  return one.request.Find("x-amz-security-token") != nullptr;
}

TEST(SigV4, AcceptsWhatOthersSigned) {
  const std::vector<Case> cases = Cases();
  EXPECT_GE(cases.size(), 6u);
  for (const Case& one : cases) {
    SCOPED_TRACE(one.name);
    const Status checked = Check(one, one.request);
    EXPECT_EQ(checked.reason(), HasToken(one) ? kReasonInvalidToken : "") << checked.message();
    EXPECT_EQ(SigV4CanonicalRequest(SignedFields(one), one.request, *Sha256HexOf(one.request.body)), one.canonical);
    Case forged = one;
    forged.secret += "x";
    EXPECT_FALSE(Check(forged, one.request).ok());
  }
}

TEST(SigV4, NoSignedByteCanBeChanged) {
  for (const Case& one : Cases()) {
    if (HasToken(one)) continue;
    SCOPED_TRACE(one.name);
    const Result<SigV4Claim> claim = ReadSigV4(one.request, one.time, {.services = {one.service}});
    ASSERT_TRUE(claim.ok());
    size_t changed = 0;
    // Each byte becomes another letter; white space in fields isn't signed as such.
    const auto change = [&](const std::function<std::string&(HttpRequest&)>& text) {
      HttpRequest request = one.request;
      for (size_t i = 0; i < text(request).size(); ++i) {
        const char before = text(request)[i];
        if (before == ' ' || before == '\n' || before == '\t') continue;
        text(request)[i] = before == 'q' ? 'z' : 'q';
        const Status checked = Check(one, request);
        EXPECT_EQ(checked.code(), StatusCode::kPermissionDenied) << i << " of " << text(request);
        text(request)[i] = before;
        ++changed;
      }
    };
    change([](HttpRequest& request) -> std::string& { return request.method; });
    // What normalising takes out of a path isn't signed.
    const bool normal =
        one.request.path.find("/.") == std::string::npos && one.request.path.find("//") == std::string::npos;
    if (normal) change([](HttpRequest& request) -> std::string& { return request.path; });
    change([](HttpRequest& request) -> std::string& { return request.query; });
    change([](HttpRequest& request) -> std::string& { return request.body; });
    for (size_t f = 0; f < one.request.fields.size(); ++f) {
      const std::string& name = one.request.fields[f].name;
      const bool is_signed = std::ranges::find(claim->signed_fields, name) != claim->signed_fields.end();
      if (!is_signed && name != "authorization") continue;
      change([f](HttpRequest& request) -> std::string& { return request.fields[f].value; });
      change([f](HttpRequest& request) -> std::string& { return request.fields[f].name; });
    }
    EXPECT_GT(changed, 100u);
    HttpRequest more = one.request;
    more.body += '\0';
    EXPECT_FALSE(Check(one, more).ok()) << "a longer body";
    more = one.request;
    more.query += more.query.empty() ? "a" : "&a";
    EXPECT_FALSE(Check(one, more).ok()) << "a longer query";
    more = one.request;
    more.fields.push_back({"x-amz-extra", "1"});
    EXPECT_EQ(Check(one, more).reason(), kReasonIncompleteSignature) << "an unsigned x-amz- field";
    more = one.request;
    more.fields.push_back({claim->signed_fields.back(), "1"});
    EXPECT_FALSE(Check(one, more).ok()) << "a signed field twice";
  }
}

TEST(SigV4, HoldsForFiveMinutes) {
  const Case one = Cases()[0];
  EXPECT_TRUE(Check(one, one.request, 300).ok());
  EXPECT_TRUE(Check(one, one.request, -300).ok());
  EXPECT_NE(Check(one, one.request, 301).message().find("Signature expired"), std::string::npos);
  EXPECT_NE(Check(one, one.request, -301).message().find("Signature not yet current"), std::string::npos);
  for (const Status& status : {Check(one, one.request, 301), Check(one, one.request, -301)}) {
    EXPECT_EQ(status.reason(), kReasonInvalidSignature);
  }
}

TEST(SigV4, RefusesWhatIsNotSignedInThisWay) {
  const Case one = Cases()[0];
  const std::string good = *one.request.Find("authorization");
  const auto with = [&](std::string_view name, const std::string& value) {
    HttpRequest request = one.request;
    std::erase_if(request.fields, [&](const HttpField& field) { return field.name == name; });
    if (!value.empty()) request.fields.push_back({std::string(name), value});
    return Check(one, request);
  };
  const auto replaced = [&](std::string_view what, std::string_view by) {
    std::string text = good;
    return text.replace(text.find(what), what.size(), by);
  };
  EXPECT_TRUE(with("authorization", good).ok());
  const std::string incomplete(kReasonIncompleteSignature), invalid(kReasonInvalidSignature);
  EXPECT_EQ(with("authorization", "").reason(), incomplete);
  EXPECT_EQ(with("authorization", "AWS4-HMAC-SHA256").reason(), incomplete);
  EXPECT_EQ(with("authorization", replaced("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")).reason(), incomplete);
  EXPECT_EQ(with("authorization", replaced("/aws4_request", "")).reason(), incomplete);
  EXPECT_EQ(with("authorization", replaced("host;", "")).reason(), incomplete);
  EXPECT_EQ(with("authorization", replaced("SignedHeaders=", "SignedHeaders=zz;")).reason(), incomplete);
  EXPECT_EQ(with("authorization", good + ", Signature=" + std::string(64, '0')).reason(), incomplete);
  EXPECT_EQ(with("authorization", good + "0").reason(), incomplete);
  EXPECT_EQ(with("x-amz-date", "").reason(), incomplete);
  EXPECT_EQ(with("x-amz-date", "Tue, 24 Nov 2026 18:00:00 GMT").reason(), incomplete);
  EXPECT_EQ(with("x-amz-date", "20261324T180000Z").reason(), incomplete);
  EXPECT_EQ(with("content-type", "").reason(), invalid) << "a signed field is missing";
  EXPECT_EQ(with("authorization", replaced("/bedrock/", "/s3/")).reason(), invalid);
}

// A body's hash may be stated, and then must be right; what stands for "unsigned" is not.
TEST(SigV4, HoldsAStatedHashToTheBody) {
  const Case one = Cases()[0];
  for (const auto& [stated, ok] :
       {std::pair<std::string, bool>{"4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945", true},
        {"UNSIGNED-PAYLOAD", false},
        {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", false}}) {
    HttpRequest request = one.request;
    request.body = "[]";
    request.fields.push_back({"x-amz-content-sha256", stated});
    SigV4Claim claim;
    claim.access_key_id = "id";
    claim.date = "20261124";
    claim.region = "local";
    claim.service = "bedrock";
    claim.time = "20261124T180000Z";
    claim.signed_fields = {"host", "x-amz-content-sha256"};
    claim.signature = *SigV4Signature(claim, "secret", request);
    EXPECT_EQ(VerifySigV4(claim, "secret", request).ok(), ok) << stated;
  }
}

}  // namespace
}  // namespace bedplate
