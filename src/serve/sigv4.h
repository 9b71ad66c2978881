#pragma once
/// AWS Signature Version 4: whether a request was signed by whoever holds an access key's secret. Pure functions.
///
///   Authorization: AWS4-HMAC-SHA256 Credential=ID/20261124/eu-west-1/bedrock/aws4_request,
///                  SignedHeaders=host;x-amz-date, Signature=64 hexadecimal digits
///
/// The signature covers the method, the path, the query, the named fields (host and every x-amz-* that is there must be
/// among them), the body's SHA-256, the time to the second, and the region and service of the credential's scope. The
/// path counts as it was sent, percent-encoded once more (for every service but S3): "%3A" is signed as "%253A".
///
/// Refused, though AWS has them: presigned URLs, unsigned and chunk-signed bodies, session tokens (access keys here are
/// not temporary), and the asymmetric SigV4A.
///
/// Errors:  kPermissionDenied, with one of the reasons below.
/// Source:  https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "serve/http_message.h"

namespace bedplate {

inline constexpr std::string_view kReasonIncompleteSignature = "incomplete_signature";  // not in the form above
inline constexpr std::string_view kReasonInvalidSignature = "invalid_signature";        // nor is it right
inline constexpr std::string_view kReasonInvalidToken = "invalid_security_token";

/// What a request's Authorization field claims; nothing of it has been verified.
struct SigV4Claim {
  std::string access_key_id;
  std::string date;  // 20261124
  std::string region;
  std::string service;
  std::string time;                        // 20261124T175900Z, from x-amz-date
  std::vector<std::string> signed_fields;  // lower case, ascending
  std::string signature;                   // 64 lower-case hexadecimal digits
};

/// The credentials are of this kind, whatever they are worth.
bool IsSigV4(std::string_view authorization);

struct SigV4Rules {
  std::vector<std::string_view> services = {"bedrock", "bedrock-mantle"};
  int64_t skew_seconds_max = 300;  // between x-amz-date and now, either way
};
/// Needs no body. All that is wrong but the signature is found here.
Result<SigV4Claim> ReadSigV4(const HttpRequest& head, int64_t now_unix_seconds, const SigV4Rules& rules = {});

/// request: whole, as it came. The secret is the one of claim.access_key_id. Takes the same time wherever the signature
/// is wrong.
Status VerifySigV4(const SigV4Claim& claim, std::string_view secret, const HttpRequest& request);

/// The text whose hash is signed. body_sha256: of the request's body, in hex.
std::string SigV4CanonicalRequest(std::span<const std::string> signed_fields, const HttpRequest& request,
                                  std::string_view body_sha256);
/// The signature that a request should have. kInternal where OpenSSL has no SHA-256.
Result<std::string> SigV4Signature(const SigV4Claim& claim, std::string_view secret, const HttpRequest& request);

}  // namespace bedplate
