#include "store/web_dialect.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <optional>

#include "store/key.h"
#include "store/padded_file.h"
#include "store/read_plan.h"
#include "store/reply_error.h"
#include "store/s3_signature.h"
#include "store/version_file.h"
#include "store/web_error.h"

namespace dreamdb {

namespace {

constexpr uint64_t kWholeBodyMax = 1 << 30;
constexpr uint64_t kSmallReplyMax = 4 << 20;
constexpr size_t kMadeMax = 4'096;   // folders remembered; forgetting costs only requests
constexpr int kFolderStepsMax = 64;  // requests that make folders, for one write

}  // namespace

// A write is never sent twice at a time, so this needs no lock.
struct WebDialect::Folders {
  std::vector<std::string> to_make;  // the last one first; empty: the write itself is next
  bool believed = false;             // that a folder which was made is still there
  int steps = 0;
};

WebDialect::WebDialect(std::string endpoint, std::string prefix)
    : endpoint_(std::move(endpoint)), prefix_(std::move(prefix)) {}

std::string WebDialect::describe() const {
  return endpoint_ + (prefix_.empty() ? "" : "/" + prefix_);
}

std::string WebDialect::path_of(std::string_view key, bool is_mutable) const {
  std::string path = prefix_;
  if (!path.empty()) path.push_back('/');
  return path + (is_mutable ? plain_name(key) : std::string(key));
}

bool WebDialect::was_made(const std::string& folder) const {
  const std::lock_guard lock(mutex_);
  return made_.contains(folder);
}

HttpJob WebDialect::job(Draft draft, Repeat repeat) {
  const auto shared = std::make_shared<const Draft>(std::move(draft));
  HttpJob made;
  made.prepare = [shared](const AttemptContext& context) -> Result<HttpAttempt> {
    HttpAttempt attempt;
    attempt.method = shared->method;
    attempt.url = context.endpoint + "/" + uri_escape(shared->path, true);
    attempt.headers = shared->headers;
    attempt.body = shared->body;
    if (shared->range)
      attempt.headers.push_back(
          "range: bytes=" + std::to_string(shared->range->first + context.received_bytes) + "-" +
          std::to_string(shared->range->second));
    return attempt;
  };
  made.repeat = repeat;
  made.body_bytes_max = kSmallReplyMax;
  return made;
}

Buffer WebDialect::file_of(const Buffer& body, uint64_t replaced_size) const {
  return padded_file(body, replaced_size);
}

HttpJob WebDialect::get(std::string_view key, bool is_mutable, uint64_t offset, uint64_t size) {
  const bool whole = offset == 0 && size == std::numeric_limits<uint64_t>::max();
  Draft draft{"GET", path_of(key, is_mutable)};
  if (!whole) draft.range = {offset, offset + size - 1};
  // Caches on the way have to ask whether it is still so.
  if (is_mutable) draft.headers.push_back("cache-control: no-cache");
  HttpJob get = job(std::move(draft), Repeat::kIdempotent);
  // A server that knows no ranges sends all: no more memory than the largest range takes.
  const uint64_t whole_max = is_mutable ? kMutableBytesMax + kPaddedExtraMax : kWholeBodyMax;
  get.body_bytes_max = whole ? whole_max : std::max(size, kReadPieceMax);
  get.resume = !is_mutable && !whole;
  get.hedge = true;
  return get;
}

HttpJob WebDialect::put(std::string_view key, bool is_mutable, const Buffer& file,
                        const WriteCondition& condition, EtagStyle style) {
  const std::string path = path_of(key, is_mutable);
  Draft draft{"PUT", path, {"content-type: application/octet-stream"}, file};
  if (condition.kind == WriteCondition::Kind::kAbsent)
    draft.headers.emplace_back("if-none-match: *");
  if (condition.kind == WriteCondition::Kind::kMatch)
    draft.headers.push_back("if-match: " + if_match_of(condition, style));
  const bool plain = condition.kind == WriteCondition::Kind::kNone;
  HttpJob put = job(std::move(draft), plain ? Repeat::kIdempotent : Repeat::kNever);
  const auto folders = std::make_shared<Folders>();
  put.prepare = [folders, write = std::move(put.prepare)](
                    const AttemptContext& context) -> Result<HttpAttempt> {
    if (folders->to_make.empty()) return write(context);
    HttpAttempt attempt;
    attempt.method = "MKCOL";
    attempt.url = context.endpoint + "/" + uri_escape(folders->to_make.back(), true) + "/";
    return attempt;
  };
  put.is_transient = [this, folders, path](const HttpReply& reply) {
    return goes_on(reply, path, *folders);
  };
  return put;
}

bool WebDialect::goes_on(const HttpReply& reply, const std::string& path, Folders& folders) {
  constexpr int kMade = 201, kIsThere = 405, kParentIsMissing = 409;
  if (reply.failure != HttpFailure::kNone || ++folders.steps > kFolderStepsMax) return false;
  const bool is_folder = !folders.to_make.empty();
  if (is_folder && (reply.status == kMade || reply.status == kIsThere)) {
    const std::lock_guard lock(mutex_);
    if (made_.size() >= kMadeMax) made_.clear();
    made_.insert(std::move(folders.to_make.back()));
    folders.to_make.pop_back();
    return true;
  }
  if (reply.status != kParentIsMissing) return false;
  const std::string parent(parent_of(is_folder ? folders.to_make.back() : path));
  if (parent.empty()) return false;
  // Another write of the same wave may have made it meanwhile.
  if (!is_folder && !std::exchange(folders.believed, true) && was_made(parent)) return true;
  folders.to_make.push_back(parent);
  return true;
}

HttpJob WebDialect::remove(std::string_view key, bool is_mutable) {
  // Where the key is a folder of others the server has to refuse: no folder is deleted to depth 0.
  return job({"DELETE", path_of(key, is_mutable), {"depth: 0"}}, Repeat::kIdempotent);
}

Status WebDialect::status_of(const HttpReply& reply, std::string_view act, std::string_view key) {
  return web_status(reply, act, key,
                    {describe(), key.empty() ? "" : "/" + uri_escape(path_of(key, false), true)});
}

Result<std::optional<Buffer>> WebDialect::body_of(const HttpReply& reply, std::string_view key) {
  const std::string name = describe() + "/" + plain_name(key);
  if (is_padded_file(reply.body.view())) return parse_padded_file(reply.body, name);
  if (!is_version_file(reply.body.view())) return reply.body;
  DREAMDB_ASSIGN(const VersionHeader header, parse_any_version(reply.body.span(), name));
  if (header.deleted) return std::nullopt;
  return reply.body.slice(kVersionHeaderSize, reply.body.size() - kVersionHeaderSize);
}

std::string WebDialect::etag_of(const HttpReply& reply) {
  if (is_version_file(reply.body.view())) return {};
  return plain_etag(reply);
}

std::string WebDialect::hint_of_absence(const HttpReply& reply) { return s3_hint(reply); }

Status WebDialect::put_large(HttpClient& client, std::string_view key, const Buffer& body) {
  const HttpJob one = put(key, false, body, {}, EtagStyle::kQuoted);
  return status_of(client.run(std::span(&one, 1)).front(), kUpload, key);
}

}  // namespace dreamdb
