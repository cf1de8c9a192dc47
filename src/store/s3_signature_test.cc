// Signatures against the examples of the Amazon S3 API Reference, digests against their RFCs.
#include "store/s3_signature.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "store/digest.h"

namespace dreamdb {
namespace {

const S3Credentials kExample = {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                                ""};
constexpr uint64_t kExampleNs = 1'369'353'600'000'000'000;  // 2013-05-24T00:00:00Z
const std::string kEmptyHash = hex_text(sha256(""));

std::string value_of(const std::vector<NameValue>& headers, std::string_view name) {
  const auto at = std::find_if(headers.begin(), headers.end(),
                               [&](const NameValue& header) { return header.first == name; });
  return at == headers.end() ? "absent" : at->second;
}

std::string authorization(S3Request request) {
  request.headers.emplace_back("host", "examplebucket.s3.amazonaws.com");
  return value_of(sign_s3_request(std::move(request), kExample, "us-east-1", kExampleNs),
                  "authorization");
}

TEST(S3Signature, GetObjectExample) {
  EXPECT_EQ(authorization({"GET", "/test.txt", {}, {{"range", "bytes=0-9"}}, kEmptyHash}),
            "AWS4-HMAC-SHA256 "
            "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(S3Signature, PutObjectExample) {
  const std::string text = authorization(
      {"PUT",
       "/" + uri_escape("test$file.text", true),
       {},
       {{"date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
       hex_text(sha256("Welcome to Amazon S3."))});
  EXPECT_TRUE(
      text.ends_with("Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"))
      << text;
}

TEST(S3Signature, QueryExamples) {
  EXPECT_TRUE(authorization({"GET", "/", {{"lifecycle", ""}}, {}, kEmptyHash})
                  .ends_with("fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
  EXPECT_TRUE(authorization({"GET", "/", {{"prefix", "J"}, {"max-keys", "2"}}, {}, kEmptyHash})
                  .ends_with("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

TEST(S3Signature, ASessionTokenIsSentAndSigned) {
  S3Credentials credentials = kExample;
  credentials.session_token = "token/+=";
  const auto headers = sign_s3_request({"GET", "/k", {}, {{"host", "h"}}, kEmptyHash}, credentials,
                                       "eu-west-1", kExampleNs);
  EXPECT_EQ(value_of(headers, "x-amz-security-token"), "token/+=");
  EXPECT_NE(value_of(headers, "authorization").find(";x-amz-security-token,"), std::string::npos);
  for (const auto& [name, value] : headers) {
    EXPECT_EQ(value.find(kExample.secret_key), std::string::npos) << name;
  }
}

TEST(S3Signature, Escaping) {
  EXPECT_EQ(uri_escape("a/b c@d=\xc3\xa4~", true), "a/b%20c%40d%3D%C3%A4~");
  EXPECT_EQ(uri_escape("a/b", false), "a%2Fb");
  EXPECT_EQ(canonical_query({{"b", "2 3"}, {"a-", ""}, {"a", "x/y"}}), "a=x%2Fy&a-=&b=2%203");
  EXPECT_EQ(canonical_query({}), "");
}

TEST(Digest, KnownAnswers) {
  const std::string abc = "abc";
  EXPECT_EQ(hex_text(sha256(abc)),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex_text(md5(std::as_bytes(std::span(abc)))), "900150983cd24fb0d6963f7d28e17f72");
  const std::string key = "Jefe";  // RFC 4231, case 2
  EXPECT_EQ(hex_text(hmac_sha256(std::as_bytes(std::span(key)), "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Digest, Base64) {  // RFC 4648, section 10
  const std::pair<std::string, std::string> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [text, encoded] : cases) {
    EXPECT_EQ(base64_text(std::as_bytes(std::span(text))), encoded);
  }
}

}  // namespace
}  // namespace dreamdb
