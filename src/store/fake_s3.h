// An S3 server and its client in one, in memory, for tests: with the quirks of real servers, and
// with losses. What a request does is decided under one lock, as a server with one thread does.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "http/http.h"
#include "store/digest.h"
#include "store/s3_xml.h"

namespace dreamdb {

struct FakeS3Quirks {
  bool plain_tags = false;          // If-Match wants the tag without quotes (Ceph)
  bool losers_see_500 = false;      // a refused If-Match says 500 (Ceph)
  bool ignores_conditions = false;  // nginx; Ceph with a versioned bucket
  bool ignores_absent = false;      // If-None-Match alone
  bool ignores_match = false;       // If-Match alone
  bool keeps_versions = false;      // says so in replies
  bool no_tags = false;
  bool stale_lists = false;     // what was written is not listed
  bool refuses_writes = false;  // 403
  bool refuses_deletes = false;
  bool refuses_lists = false;
  bool wrong_order = false;          // listings backwards
  size_t body_bytes_max = SIZE_MAX;  // of a proxy before it: 413 above
  std::string refuses_callers = "";  // this error to every request
  bool no_parts = false;             // multipart is not known: 405
  double lost_replies = 0;           // the request is carried out, its reply lost
  double faults = 0;                 // 500 without being carried out
  double lost_requests = 0;          // timeout without being carried out
  bool conflict_is_409 = false;
  int seed = 1;
  // What is answered in place of carrying an attempt out; nullopt: it is carried out.
  std::function<std::optional<HttpReply>(const HttpAttempt&)> instead = {};
};

class FakeS3 final : public HttpClient {
 public:
  explicit FakeS3(const FakeS3Quirks& quirks = {})
      : quirks_(quirks), random_(static_cast<unsigned>(quirks.seed)) {
    options_.endpoints = {"http://fake:80"};
  }

  std::vector<HttpReply> run(std::span<const HttpJob> jobs) override {
    std::vector<HttpReply> replies;
    {
      const std::lock_guard lock(mutex_);
      stats_.connections = std::max<uint64_t>(stats_.connections, jobs.size());
      for (const HttpJob& job : jobs) racers_ += job.races;
    }
    for (const HttpJob& job : jobs) replies.push_back(one(job));
    return replies;
  }

  HttpStats stats() const override {
    const std::lock_guard lock(mutex_);
    return stats_;
  }
  int64_t clock_skew_ns() const override { return 0; }
  const HttpOptions& options() const override { return options_; }

  void set(const FakeS3Quirks& quirks) {
    const std::lock_guard lock(mutex_);
    quirks_ = quirks;
  }
  // Before any request.
  void set_budget(uint64_t budget_ns) { options_.budget_ns = budget_ns; }
  // Jobs that were to be sent at once with others.
  size_t racers() const {
    const std::lock_guard lock(mutex_);
    return racers_;
  }
  // The attempts since the last call.
  std::vector<HttpAttempt> take_attempts() {
    const std::lock_guard lock(mutex_);
    return std::exchange(attempts_, {});
  }
  std::map<std::string, std::string> objects() const {
    const std::lock_guard lock(mutex_);
    return objects_;
  }
  // The next attempts get these replies instead.
  void answer(std::vector<HttpReply> replies) {
    const std::lock_guard lock(mutex_);
    canned_.insert(canned_.end(), replies.begin(), replies.end());
  }

 private:
  using Headers = std::map<std::string, std::string>;
  static constexpr const char* kWriteId = "x-amz-meta-dreamdb-write";

  HttpReply one(const HttpJob& job) {
    HttpReply reply;
    for (uint32_t attempt = 1; attempt <= 6; ++attempt) {
      AttemptContext context;
      context.endpoint = options_.endpoints.front();
      context.now_ns = 1'767'323'045'000'000'000;
      const auto made = job.prepare(context);
      if (!made) {
        reply.failure = HttpFailure::kRefused;
        reply.error = made.error();
        return reply;
      }
      reply = answer_to(*made);
      reply.attempts = attempt;
      reply.endpoint = context.endpoint;
      if (reply.body.size() > job.body_bytes_max) {
        reply.failure = HttpFailure::kRefused;
        reply.error = {Code::kCorruption, "longer than asked for"};
        return reply;
      }
      const bool fault = reply.failure != HttpFailure::kNone || reply.status >= 500;
      const bool again = (fault && job.repeat == Repeat::kIdempotent) ||
                         (!fault && job.is_transient && job.is_transient(reply));
      if (!again) break;
    }
    return reply;
  }

  HttpReply answer_to(const HttpAttempt& attempt) {
    const std::lock_guard lock(mutex_);
    ++stats_.attempts;
    attempts_.push_back(attempt);
    if (!canned_.empty()) {
      HttpReply reply = canned_.front();
      canned_.erase(canned_.begin());
      return reply;
    }
    if (quirks_.instead) {
      if (auto other = quirks_.instead(attempt)) return *std::move(other);
    }
    if (chance(quirks_.lost_requests)) return lost();
    if (chance(quirks_.faults)) return status(500);
    HttpReply reply = carry_out(attempt);
    if (chance(quirks_.lost_replies)) return lost();
    return reply;
  }

  bool chance(double probability) {
    return std::uniform_real_distribution<double>(0, 1)(random_) < probability;
  }

  static HttpReply lost() {
    HttpReply reply;
    reply.failure = HttpFailure::kTimeout;
    reply.what = "no answer";
    return reply;
  }

  static HttpReply status(int code, std::string body = "", Headers headers = {}) {
    HttpReply reply;
    reply.status = code;
    reply.body = Buffer::adopt(std::move(body));
    reply.headers = std::move(headers);
    return reply;
  }

  static HttpReply error(int code, const std::string& name) {
    return status(code, "<Error><Code>" + name + "</Code></Error>",
                  {{"content-type", "application/xml"}});
  }

  static std::string unescape(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '%' && i + 2 < text.size()) {
        out.push_back(
            static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16)));
        i += 2;
      } else {
        out.push_back(text[i]);
      }
    }
    return out;
  }

  static std::string tag_of(const std::string& body) {
    return hex_text(md5(std::as_bytes(std::span(body))));
  }

  Headers with_tag(const std::string& body) const {
    if (quirks_.no_tags) return {};
    return {{"etag", "\"" + tag_of(body) + "\""}};
  }

  HttpReply carry_out(const HttpAttempt& attempt) {
    const std::string url = attempt.url.substr(std::string("http://fake:80/").size());
    const size_t mark = url.find('?');
    const std::string path = unescape(url.substr(0, mark));
    Headers query, headers;
    std::string_view rest = mark == std::string::npos ? "" : std::string_view(url).substr(mark + 1);
    while (!rest.empty()) {
      const std::string_view pair = rest.substr(0, rest.find('&'));
      rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
      query[std::string(pair.substr(0, pair.find('=')))] =
          unescape(pair.substr(pair.find('=') + 1));
    }
    for (const std::string& line : attempt.headers) {
      headers[line.substr(0, line.find(':'))] = line.substr(line.find(':') + 2);
    }
    const size_t slash = path.find('/');
    if (path.substr(0, slash) != "bucket") return error(404, "NoSuchBucket");
    const std::string key = slash == std::string::npos ? "" : path.substr(slash + 1);
    const bool writes = attempt.method != "GET";
    const bool deletes = attempt.method == "DELETE" || query.contains("delete");
    const bool lists = attempt.method == "GET" && query.contains("list-type");
    if ((writes && quirks_.refuses_writes) || (deletes && quirks_.refuses_deletes) ||
        (lists && quirks_.refuses_lists))
      return error(403, "AccessDenied");
    if (!quirks_.refuses_callers.empty()) return error(403, quirks_.refuses_callers);
    if (attempt.body.size() > quirks_.body_bytes_max) return status(413);
    if (quirks_.no_parts && query.contains("uploads")) return error(405, "MethodNotAllowed");
    if (attempt.method == "POST" && query.contains("delete"))
      return delete_some(attempt.body.view());
    if (lists) return list(query);
    if (query.contains("uploads") || query.contains("uploadId")) return upload(attempt, key, query);
    if (attempt.method == "PUT") return put(key, std::string(attempt.body.view()), headers);
    if (attempt.method == "GET") return get(key, headers);
    objects_.erase(key);
    return status(204);
  }

  HttpReply refuse(const Headers& headers) const {
    if (headers.contains("if-match") && quirks_.losers_see_500) return error(500, "UnknownError");
    if (quirks_.conflict_is_409) return error(409, "ConditionalRequestConflict");
    return error(412, "PreconditionFailed");
  }

  HttpReply put(const std::string& key, const std::string& body, const Headers& headers) {
    if (headers.contains("content-md5") &&
        headers.at("content-md5") != base64_text(md5(std::as_bytes(std::span(body)))))
      return error(400, "BadDigest");
    const auto at = objects_.find(key);
    if (!quirks_.ignores_conditions) {
      if (headers.contains("if-none-match") && at != objects_.end() && !quirks_.ignores_absent)
        return refuse(headers);
      if (headers.contains("if-match") && !quirks_.ignores_match) {
        if (at == objects_.end()) return error(404, "NoSuchKey");
        const std::string tag = tag_of(at->second);
        if (headers.at("if-match") != (quirks_.plain_tags ? tag : "\"" + tag + "\""))
          return refuse(headers);
      }
    }
    objects_[key] = body;
    write_ids_.erase(key);
    if (headers.contains(kWriteId)) write_ids_[key] = headers.at(kWriteId);
    Headers said = with_tag(body);
    if (quirks_.keeps_versions) said["x-amz-version-id"] = "v" + std::to_string(stats_.attempts);
    return status(200, "", said);
  }

  HttpReply get(const std::string& key, const Headers& headers) const {
    const auto at = objects_.find(key);
    if (at == objects_.end()) return error(404, "NoSuchKey");
    const std::string& body = at->second;
    if (!headers.contains("range")) {
      Headers said = with_tag(body);
      if (write_ids_.contains(key)) said[kWriteId] = write_ids_.at(key);
      return status(200, body, said);
    }
    const std::string& range = headers.at("range");
    const size_t first = std::stoull(range.substr(6));
    const size_t last =
        std::min<size_t>(std::stoull(range.substr(range.find('-') + 1)), body.size() - 1);
    if (first >= body.size()) return error(416, "InvalidRange");
    Headers said = with_tag(body);
    said["content-range"] = "bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" +
                            std::to_string(body.size());
    return status(206, body.substr(first, last + 1 - first), said);
  }

  HttpReply list(const Headers& query) const {
    const auto value = [&](const std::string& name) {
      return query.contains(name) ? query.at(name) : std::string();
    };
    const std::string after = std::max(value("start-after"), value("continuation-token"));
    const size_t limit = std::stoul(value("max-keys"));
    std::vector<std::string> found;
    bool more = false;
    for (auto at = objects_.upper_bound(after); at != objects_.end(); ++at) {
      if (!at->first.starts_with(value("prefix"))) continue;
      if (quirks_.stale_lists && at->first.find("list/") != std::string::npos) continue;
      more = found.size() == limit;
      if (more) break;
      found.push_back(at->first);
    }
    std::string xml =
        "<ListBucketResult><IsTruncated>" + std::string(more ? "true" : "false") + "</IsTruncated>";
    if (more)
      xml += "<NextContinuationToken>" + xml_escape(found.back()) + "</NextContinuationToken>";
    if (quirks_.wrong_order) std::reverse(found.begin(), found.end());
    for (const std::string& key : found) {
      xml += "<Contents><Key>" + xml_escape(key) + "</Key><Size>" +
             std::to_string(objects_.at(key).size()) +
             "</Size><LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>";
    }
    return status(200, xml + "</ListBucketResult>");
  }

  HttpReply delete_some(std::string_view xml) {
    for (size_t at; (at = xml.find("<Key>")) != std::string_view::npos;) {
      xml.remove_prefix(at + 5);
      objects_.erase(std::string(xml.substr(0, xml.find("</Key>"))));
    }
    return status(200, "<DeleteResult/>");
  }

  HttpReply upload(const HttpAttempt& attempt, const std::string& key, const Headers& query) {
    if (query.contains("uploads")) {
      uploads_["u1"];
      return status(200,
                    "<InitiateMultipartUploadResult><UploadId>u1</UploadId>"
                    "</InitiateMultipartUploadResult>");
    }
    const auto at = uploads_.find(query.at("uploadId"));
    if (at == uploads_.end()) return error(404, "NoSuchUpload");
    if (attempt.method == "PUT") {
      at->second[std::stoi(query.at("partNumber"))] = attempt.body.view();
      return status(200, "", {{"etag", "\"" + tag_of(std::string(attempt.body.view())) + "\""}});
    }
    if (attempt.method == "POST") {
      std::string whole;
      for (const auto& [number, part] : at->second) whole += part;
      objects_[key] = std::move(whole);
    }
    uploads_.erase(at);
    return attempt.method == "POST" ? status(200, "<CompleteMultipartUploadResult/>") : status(204);
  }

  HttpOptions options_;
  mutable std::mutex mutex_;  // guards all below
  FakeS3Quirks quirks_;
  HttpStats stats_;
  std::mt19937 random_;
  size_t racers_ = 0;
  std::map<std::string, std::string> objects_;
  std::map<std::string, std::string> write_ids_;
  std::map<std::string, std::map<int, std::string>> uploads_;
  std::vector<HttpAttempt> attempts_;
  std::vector<HttpReply> canned_;
};

}  // namespace dreamdb
