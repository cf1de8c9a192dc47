#include "store/s3_dialect.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <mutex>

#include "store/digest.h"
#include "store/key.h"
#include "store/redact.h"
#include "store/reply_error.h"
#include "store/s3_xml.h"

namespace dreamdb {

namespace {

constexpr int kMendsMax = 4;  // of one job: a token, a clock and two regions
constexpr std::string_view kWriteIdHeader = "x-amz-meta-dreamdb-write";
constexpr uint64_t kSmallReplyMax = 4 << 20;
constexpr uint64_t kWholeBodyMax = 1 << 30;
constexpr uint64_t kErrorPageMax = 64 << 10;  // an error may be longer than the range
constexpr uint64_t kLargeBytes = 32 << 20;

// The host as libcurl sends it: without a port that the scheme implies.
std::string host_header(std::string_view origin) {
  const bool tls = origin.starts_with("https://");
  std::string_view host = origin.substr(origin.find("://") + 3);
  const std::string_view usual = tls ? ":443" : ":80";
  if (host.ends_with(usual)) host.remove_suffix(usual.size());
  return std::string(host);
}

std::string with_bucket(std::string_view origin, std::string_view bucket) {
  const size_t host = origin.find("://") + 3;
  return std::string(origin.substr(0, host)) + std::string(bucket) + "." +
         std::string(origin.substr(host));
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

// Hedged attempts of one job may be prepared at the same time.
struct S3Dialect::Attempts {
  std::atomic<uint64_t> generation{0};  // of the credentials of the last attempt
  std::atomic<int> mends{0};
};

Status check_bucket_name(std::string_view bucket) {
  const bool good = bucket.size() >= 3 && bucket.size() <= 63 && is_plain(bucket.front()) &&
                    is_plain(bucket.back()) &&
                    std::all_of(bucket.begin(), bucket.end(), [](char c) {
                      return is_plain(c) || c == '.' || c == '-' || c == '_';
                    });
  if (good) return {};
  return fail(Code::kInvalidArgument,
              "\"" + printable(bucket) +
                  "\" is no name of a bucket: 3 to 63 characters of a-z 0-9 "
                  ". - that begin and end with a letter or digit");
}

Status check_region_name(std::string_view region) {
  const bool good = !region.empty() && region.size() < 64 && is_plain(region.front()) &&
                    std::all_of(
                        region.begin(), region.end(),
                        [](char c) { return is_plain(c) || c == '.' || c == '-' || c == '_'; });
  if (good) return {};
  return fail(Code::kInvalidArgument,
              "\"" + printable(region) +
                  "\" is no name of a region; set AWS_REGION (or AWS_DEFAULT_REGION, or region in "
                  "the profile) to one such as us-east-1, or leave it out");
}

std::string aws_endpoint(std::string_view region) {
  return "https://s3." + std::string(region) +
         (region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com");
}

S3Dialect::S3Dialect(S3DialectOptions options)
    : options_(std::move(options)), region_(options_.region) {}

std::string S3Dialect::describe() const {
  return "s3://" + options_.bucket + (options_.prefix.empty() ? "" : "/" + options_.prefix);
}

std::string S3Dialect::object_name(std::string_view key) const {
  return options_.prefix.empty() ? std::string(key) : options_.prefix + "/" + std::string(key);
}

std::string S3Dialect::region() const {
  const std::lock_guard lock(mutex_);
  return region_;
}

S3Dialect::Draft S3Dialect::draft(std::string method, std::string key,
                                  std::vector<NameValue> query) {
  static const std::string kEmptyHash = hex_text(sha256(""));
  return {std::move(method), std::move(key), std::move(query), {}, {}, kEmptyHash, {}};
}

S3Dialect::Draft S3Dialect::draft_with_body(std::string method, std::string key, Buffer body,
                                            std::vector<NameValue> query) {
  Draft made = draft(std::move(method), std::move(key), std::move(query));
  made.payload_hash = hex_text(sha256(body.span()));
  made.headers = {{"content-md5", base64_text(md5(body.span()))},
                  {"content-type", "application/octet-stream"}};
  made.body = std::move(body);
  return made;
}

Result<HttpAttempt> S3Dialect::attempt(const Draft& draft, const AttemptContext& context,
                                       Attempts& attempts) {
  DREAMDB_ASSIGN(const auto now, options_.credentials->current());
  attempts.generation = now.generation;
  const std::string region = this->region();
  std::string origin = options_.is_aws ? aws_endpoint(region) : context.endpoint;
  std::string path = "/" + uri_escape(draft.key, true);
  if (options_.virtual_host) {
    origin = with_bucket(origin, options_.bucket);
  } else {
    path = "/" + options_.bucket + (draft.key.empty() ? "" : path);
  }
  HttpAttempt made;
  made.method = draft.method;
  made.url = origin + path;
  if (!draft.query.empty()) made.url += "?" + canonical_query(draft.query);
  made.body = draft.body;
  std::vector<NameValue> headers = draft.headers;
  if (draft.range) {
    headers.emplace_back(
        "range", "bytes=" + std::to_string(draft.range->first + context.received_bytes) + "-" +
                     std::to_string(draft.range->second));
  } else if (context.received_bytes > 0) {
    headers.emplace_back("range", "bytes=" + std::to_string(context.received_bytes) + "-");
  }
  if (now.credentials) {
    headers.emplace_back("host", host_header(origin));
    headers =
        sign_s3_request({draft.method, path, draft.query, std::move(headers), draft.payload_hash},
                        *now.credentials, region, context.now_ns);
    std::erase_if(headers, [](const NameValue& header) { return header.first == "host"; });
  }
  for (auto& [name, value] : headers)
    made.headers.push_back(std::move(name.append(": ").append(value)));
  return made;
}

HttpJob S3Dialect::job(Draft draft, Repeat repeat) {
  const auto shared = std::make_shared<const Draft>(std::move(draft));
  const auto attempts = std::make_shared<Attempts>();
  HttpJob made;
  made.prepare = [this, shared, attempts](const AttemptContext& context) {
    return attempt(*shared, context, *attempts);
  };
  const bool writes = shared->method == "PUT" || shared->method == "POST";
  made.is_transient = [this, attempts, repeat, writes](const HttpReply& reply) {
    const bool misanswered = is_s3_misanswer(reply, writes ? kUpload : "read");
    // What is no answer does not say whether a write was done.
    return !(repeat == Repeat::kNever && misanswered) && mends(reply, misanswered, *attempts);
  };
  made.repeat = repeat;
  made.body_bytes_max = kSmallReplyMax;
  return made;
}

bool S3Dialect::mends(const HttpReply& reply, bool misanswered, Attempts& attempts) {
  if (reply.failure != HttpFailure::kNone) return false;
  if (!misanswered && (reply.status < 300 || reply.status >= 404)) return false;
  if (attempts.mends.fetch_add(1) >= kMendsMax) return false;
  if (misanswered) return true;
  const auto error = parse_s3_error(reply.body.view());
  const std::string code = error ? error->code : "";
  if (code == "RequestTimeTooSkewed")
    return true;  // the client takes the server's time from now on
  if (code == "ExpiredToken" || code == "TokenRefreshRequired" || code == "InvalidToken" ||
      code == "InvalidAccessKeyId") {
    return options_.credentials->renew(attempts.generation);
  }
  return follow_region(reply);
}

bool S3Dialect::follow_region(const HttpReply& reply) {
  std::string region(reply.header("x-amz-bucket-region"));
  if (region.empty()) {
    const auto error = parse_s3_error(reply.body.view());
    if (error) region = error->region;
  }
  const bool named =
      !region.empty() && region.size() < 64 &&
      std::all_of(region.begin(), region.end(), [](char c) { return is_plain(c) || c == '-'; });
  if (!named) return false;
  const std::lock_guard lock(mutex_);
  if (region_ == region) return false;
  region_ = region;
  return true;
}

HttpJob S3Dialect::get(std::string_view key, bool is_mutable, uint64_t offset, uint64_t size) {
  const bool whole = offset == 0 && size == std::numeric_limits<uint64_t>::max();
  Draft made = draft("GET", object_name(key));
  if (!whole) made.range = {offset, offset + size - 1};
  HttpJob get = job(std::move(made), Repeat::kIdempotent);
  const uint64_t whole_max = is_mutable ? kMutableBytesMax : kWholeBodyMax;
  get.body_bytes_max = whole ? whole_max : std::max(size, kErrorPageMax);
  get.resume = !is_mutable;  // between two attempts a mutable key may change
  get.hedge = true;
  return get;
}

HttpJob S3Dialect::put(std::string_view key, bool, const Buffer& body,
                       const WriteCondition& condition, EtagStyle style) {
  Draft made = draft_with_body("PUT", object_name(key), body);
  if (condition.kind == WriteCondition::Kind::kAbsent)
    made.headers.emplace_back("if-none-match", "*");
  if (condition.kind == WriteCondition::Kind::kMatch)
    made.headers.emplace_back("if-match", if_match_of(condition, style));
  if (!condition.write_id.empty()) made.headers.emplace_back(kWriteIdHeader, condition.write_id);
  const bool plain = condition.kind == WriteCondition::Kind::kNone;
  return job(std::move(made), plain ? Repeat::kIdempotent : Repeat::kNever);
}

HttpJob S3Dialect::remove(std::string_view key, bool) {
  return job(draft("DELETE", object_name(key)), Repeat::kIdempotent);
}

Status S3Dialect::status_of(const HttpReply& reply, std::string_view act, std::string_view key) {
  const auto now = options_.credentials->current();
  return s3_status(
      reply, act, key,
      {describe(), options_.bucket, region(), options_.credentials->origin(),
       now && !now->credentials, options_.runtime->now_ns(), options_.credentials->secrets()});
}

std::string S3Dialect::without_secrets(std::string_view text) const {
  return redacted(text, options_.credentials->secrets());
}

std::string S3Dialect::advice_to_caller(const HttpReply& reply) {
  return s3_advice_to_caller(reply, options_.credentials->origin());
}

std::string S3Dialect::etag_of(const HttpReply& reply) { return plain_etag(reply); }

std::string S3Dialect::write_id_of(const HttpReply& reply) {
  return std::string(reply.header(kWriteIdHeader));
}

uint64_t S3Dialect::large_bytes() const { return kLargeBytes; }

}  // namespace dreamdb
