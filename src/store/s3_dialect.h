// The S3 dialect: how keys become requests of S3, and what its replies mean.
//
// Key `k` of s3://bucket/prefix is the object prefix/k of the bucket, mutable or not. Bodies go up
// with a signed hash and Content-MD5; large ones in parts. Honoured conditions are If-Match and
// If-None-Match on PUT; conditions on DELETE are not counted on.
//
// A refused token is read again and the request repeated, a bucket of another region is followed
// there, a clock that is off is corrected by the server's: each at most once or twice a request.
//
// Source: Amazon S3 API Reference. Thread rule: every call may come from any thread, also in a
// child after fork().
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/fork.h"
#include "store/dialect.h"
#include "store/s3_credentials.h"
#include "store/s3_error.h"
#include "store/s3_signature.h"

namespace dreamdb {

struct S3DialectOptions {
  std::string bucket;
  std::string prefix;         // without '/' at its ends; may be empty
  std::string region;         // that requests are signed for
  bool virtual_host = false;  // http://bucket.host/key instead of http://host/bucket/key
  bool is_aws = false;        // the endpoint follows from the region
  std::shared_ptr<S3CredentialSource> credentials;
  Runtime* runtime = &real_runtime();
};

// Names of buckets are part of URLs and host names. InvalidArgument: not 3 to 63 characters of
// [a-z0-9.-] (and _, A-Z as old ones have) that begin and end with a letter or digit.
Status check_bucket_name(std::string_view bucket);

// Names of regions are part of signatures and host names. InvalidArgument: not 1 to 63 letters,
// digits and signs of ".-_" that begin with a letter or digit.
Status check_region_name(std::string_view region);

// https://s3.REGION.amazonaws.com
std::string aws_endpoint(std::string_view region);

class S3Dialect final : public Dialect {
 public:
  explicit S3Dialect(S3DialectOptions options);

  std::string describe() const override;
  std::string_view name() const override { return "s3"; }
  std::string_view where_writing_is_safe() const override {
    return "Use a bucket without versioning on a server that honours If-Match and If-None-Match, "
           "or a folder";
  }
  HttpJob get(std::string_view key, bool is_mutable, uint64_t offset, uint64_t size) override;
  HttpJob put(std::string_view key, bool is_mutable, const Buffer& body,
              const WriteCondition& condition, EtagStyle style) override;
  HttpJob remove(std::string_view key, bool is_mutable) override;
  Status status_of(const HttpReply& reply, std::string_view act, std::string_view key) override;
  std::string without_secrets(std::string_view text) const override;
  // Every S3 tells the tag of what it has kept.
  bool confirms_upload(const HttpReply& reply) override { return !etag_of(reply).empty(); }
  std::string advice_to_caller(const HttpReply& reply) override;
  std::string etag_of(const HttpReply& reply) override;
  std::string write_id_of(const HttpReply& reply) override;
  uint64_t large_bytes() const override;
  Status put_large(HttpClient& client, std::string_view key, const Buffer& body) override;
  Result<Listing> list(HttpClient& client, std::string_view prefix, std::string_view start_after,
                       size_t limit) override;
  std::vector<Status> delete_many(HttpClient& client, std::span<const std::string> keys) override;

 private:
  // One request before it is signed.
  struct Draft {
    std::string method;
    std::string key;  // empty: the bucket itself
    std::vector<NameValue> query;
    std::vector<NameValue> headers;  // without host
    Buffer body;
    std::string payload_hash;                            // of `body`
    std::optional<std::pair<uint64_t, uint64_t>> range;  // first and last byte
  };
  struct Attempts;  // what the attempts of one job know of each other

  static Draft draft(std::string method, std::string key, std::vector<NameValue> query = {});
  static Draft draft_with_body(std::string method, std::string key, Buffer body,
                               std::vector<NameValue> query = {});
  HttpJob job(Draft draft, Repeat repeat);
  Result<HttpAttempt> attempt(const Draft& draft, const AttemptContext& context,
                              Attempts& attempts);
  // True when the request should be sent again: what was wrong has been put right.
  bool mends(const HttpReply& reply, bool misanswered, Attempts& attempts);
  bool follow_region(const HttpReply& reply);
  std::string object_name(std::string_view key) const;
  std::string region() const;
  void remove_parts(HttpClient& client, const std::string& name, const std::string& id);
  Status upload_parts(HttpClient& client, std::string_view key, const Buffer& body,
                      const std::string& id);
  bool has_size(HttpClient& client, std::string_view key, uint64_t size);
  Status delete_page(HttpClient& client, std::span<const std::string> keys,
                     std::span<Status> statuses);

  const S3DialectOptions options_;
  mutable ForkSafeMutex mutex_;  // guards all below
  std::string region_;
};

}  // namespace dreamdb
