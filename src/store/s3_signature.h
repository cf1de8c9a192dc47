// AWS Signature Version 4 in the Authorization header, with a signed payload.
//
// Source: "Signature Calculations for the Authorization Header", Amazon S3 API Reference. Keys are
// escaped once (other AWS services escape twice).
//
// Thread rule: pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dreamdb {

// Who signs. Never printed.
struct S3Credentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // empty: none
  bool operator==(const S3Credentials&) const = default;
};

using NameValue = std::pair<std::string, std::string>;

struct S3Request {
  std::string method;
  std::string path;                // escaped, begins with '/'
  std::vector<NameValue> query;    // not escaped, any order
  std::vector<NameValue> headers;  // names in lower case; all are signed; "host" must be there
  std::string payload_hash;        // SHA-256 of the body, lowercase hexadecimal
};

// The headers of a signed request: those of `request`, x-amz-date, x-amz-content-sha256,
// x-amz-security-token (with a session token) and authorization. `now_ns`: Unix time; the server
// refuses one that is more than 15 minutes off.
std::vector<NameValue> sign_s3_request(S3Request request, const S3Credentials& credentials,
                                       std::string_view region, uint64_t now_ns);

// Percent-encoding of all but A-Z a-z 0-9 - . _ ~ (and '/' if `keep_slash`).
std::string uri_escape(std::string_view text, bool keep_slash);

// `a=1&b=2`, sorted and escaped as the signature needs it; empty for no pairs.
std::string canonical_query(std::vector<NameValue> query);

}  // namespace dreamdb
