#include "store/s3_signature.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "base/text.h"
#include "store/digest.h"

namespace dreamdb {

namespace {

// 20130524T000000Z
std::string amz_date(uint64_t now_ns) {
  const auto seconds = static_cast<time_t>(now_ns / 1'000'000'000);
  struct tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text;
  const size_t size = strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts);
  return std::string(text.data(), size);
}

Sha256 signing_key(std::string_view secret, std::string_view day, std::string_view region) {
  const std::string first = "AWS4" + std::string(secret);
  Sha256 key = hmac_sha256(std::as_bytes(std::span(first)), day);
  for (const std::string_view part :
       {region, std::string_view("s3"), std::string_view("aws4_request")}) {
    key = hmac_sha256(key, part);
  }
  return key;
}

}  // namespace

std::string uri_escape(std::string_view text, bool keep_slash) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~' || (c == '/' && keep_slash);
    if (plain) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.push_back('%');
      out.push_back(kDigits[byte >> 4]);
      out.push_back(kDigits[byte & 15]);
    }
  }
  return out;
}

std::string canonical_query(std::vector<NameValue> query) {
  for (auto& [name, value] : query) {
    name = uri_escape(name, false);
    value = uri_escape(value, false);
  }
  std::sort(query.begin(), query.end());
  std::string out;
  for (const auto& [name, value] : query) {
    if (!out.empty()) out.push_back('&');
    out.append(name).append("=").append(value);
  }
  return out;
}

std::vector<NameValue> sign_s3_request(S3Request request, const S3Credentials& credentials,
                                       std::string_view region, uint64_t now_ns) {
  std::vector<NameValue> headers = std::move(request.headers);
  const std::string date = amz_date(now_ns);
  const std::string day = date.substr(0, 8);
  headers.emplace_back("x-amz-date", date);
  headers.emplace_back("x-amz-content-sha256", request.payload_hash);
  if (!credentials.session_token.empty()) {
    headers.emplace_back("x-amz-security-token", credentials.session_token);
  }
  std::sort(headers.begin(), headers.end());
  std::string names;
  std::string lines;
  for (const auto& [name, value] : headers) {
    if (!names.empty()) names.push_back(';');
    names += name;
    lines.append(name).append(":").append(trimmed(value)).append("\n");
  }
  const std::string canonical = request.method + "\n" + request.path + "\n" +
                                canonical_query(std::move(request.query)) + "\n" + lines + "\n" +
                                names + "\n" + request.payload_hash;
  const std::string scope = day + "/" + std::string(region) + "/s3/aws4_request";
  const std::string to_sign =
      "AWS4-HMAC-SHA256\n" + date + "\n" + scope + "\n" + hex_text(sha256(canonical));
  const Sha256 signature = hmac_sha256(signing_key(credentials.secret_key, day, region), to_sign);
  headers.emplace_back("authorization", "AWS4-HMAC-SHA256 Credential=" + credentials.access_key +
                                            "/" + scope + ", SignedHeaders=" + names +
                                            ", Signature=" + hex_text(signature));
  return headers;
}

}  // namespace dreamdb
