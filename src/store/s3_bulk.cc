// Requests of S3 that stand for many: listings, deletions by the thousand, uploads in parts.
#include <algorithm>
#include <map>

#include "dreamdb/interrupt.h"
#include "runtime/thread_pool.h"
#include "store/key.h"
#include "store/reply_error.h"
#include "store/s3_dialect.h"
#include "store/s3_xml.h"

namespace dreamdb {

namespace {

constexpr size_t kListPageMax = 1'000;
constexpr size_t kDeletePageMax = 1'000;
constexpr uint64_t kPartBytesMin = 8 << 20;
constexpr uint64_t kPartsMax = 10'000;
constexpr uint64_t kPartsRemovalMaxNs = 5'000'000'000;

HttpReply run_one(HttpClient& client, const HttpJob& job) {
  return std::move(client.run(std::span(&job, 1)).front());
}

// The error of a reply that `parse` could not read. It quotes the reply, so that is read once more
// without what the server was told in secret.
template <typename Parse>
std::unexpected<Error> unreadable(const Dialect& dialect, const HttpReply& reply, Parse parse) {
  const auto shown = parse(dialect.without_secrets(reply.body.view()));
  return fail(Code::kUnavailable,
              dialect.describe() + ": the server's answer is none of S3: " +
                  (shown ? "it tells our keys" : shown.error().message) +
                  "; check AWS_ENDPOINT_URL and whether a proxy stands between");
}

}  // namespace

Result<Dialect::Listing> S3Dialect::list(HttpClient& client, std::string_view prefix,
                                         std::string_view start_after, size_t limit) {
  const std::string root = object_name("");
  const std::string full_prefix = root + std::string(prefix);
  std::string last = start_after.empty() ? "" : root + std::string(start_after);
  std::string token;
  Listing listing;
  do {
    const size_t page_max = std::min(kListPageMax, limit - listing.objects.size());
    std::vector<NameValue> query = {
        {"list-type", "2"}, {"prefix", full_prefix}, {"max-keys", std::to_string(page_max)}};
    if (!token.empty()) {
      query.emplace_back("continuation-token", token);
    } else if (!start_after.empty()) {
      query.emplace_back("start-after", last);
    }
    const HttpReply reply = run_one(client, job(draft("GET", "", query), Repeat::kIdempotent));
    DREAMDB_TRY(status_of(reply, "list", ""));
    auto page = parse_s3_listing(reply.body.view());
    if (!page) return unreadable(*this, reply, parse_s3_listing);
    for (ListedObject& object : page->objects) {
      if (object.key <= last || !object.key.starts_with(full_prefix))
        return fail(Code::kCorruption, describe() + ": the server lists " +
                                           printable(without_secrets(object.key)) + " after " +
                                           printable(without_secrets(last)) +
                                           ", not in the order of bytes; keys could be missed, so "
                                           "this server cannot be used");
      last = object.key;
      object.key.erase(0, root.size());
      if (!check_key(object.key)) continue;
      const bool like_a_mark = object.size_bytes == deletion_mark().size();
      listing.objects.push_back({std::move(object), like_a_mark});
    }
    listing.more = page->truncated;
    token = page->next_token;
  } while (listing.more && listing.objects.size() < limit);
  return listing;
}

std::vector<Status> S3Dialect::delete_many(HttpClient& client, std::span<const std::string> keys) {
  std::vector<Status> statuses(keys.size());
  for (size_t begin = 0; begin < keys.size(); begin += kDeletePageMax) {
    const size_t count = std::min(kDeletePageMax, keys.size() - begin);
    const std::span page(statuses.data() + begin, count);
    const Status done = delete_page(client, keys.subspan(begin, count), page);
    if (!done) std::fill(page.begin(), page.end(), done);
  }
  return statuses;
}

Status S3Dialect::delete_page(HttpClient& client, std::span<const std::string> keys,
                              std::span<Status> statuses) {
  std::string xml = "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>";
  for (const std::string& key : keys)
    xml += "<Object><Key>" + xml_escape(object_name(key)) + "</Key></Object>";
  xml += "</Delete>";
  const HttpReply reply = run_one(
      client, job(draft_with_body("POST", "", Buffer::adopt(std::move(xml)), {{"delete", ""}}),
                  Repeat::kIdempotent));
  DREAMDB_TRY(status_of(reply, "delete", keys.size() == 1 ? keys.front() : ""));
  const auto failures = parse_s3_delete_result(reply.body.view());
  if (!failures) return unreadable(*this, reply, parse_s3_delete_result);
  std::map<std::string, const S3DeleteFailure*> by_name;
  for (const S3DeleteFailure& failure : *failures) by_name[failure.key] = &failure;
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto at = by_name.find(object_name(keys[i]));
    if (at == by_name.end() || at->second->code == "NoSuchKey") continue;
    const bool denied = at->second->code == "AccessDenied";
    statuses[i] = fail(denied ? Code::kDenied : Code::kUnavailable,
                       "cannot delete " + keys[i] + " in " + describe() + " (" +
                           printable(without_secrets(at->second->code)) + " " +
                           printable(without_secrets(at->second->message)) +
                           (denied ? "); let the bucket's owner allow it" : "); try again later"));
  }
  return {};
}

Status S3Dialect::put_large(HttpClient& client, std::string_view key, const Buffer& body) {
  const std::string name = object_name(key);
  HttpReply reply = run_one(
      client, job(draft_with_body("POST", name, {}, {{"uploads", ""}}), Repeat::kIdempotent));
  DREAMDB_TRY(status_of(reply, kUpload, key));
  const auto id = parse_s3_upload_id(reply.body.view());
  if (!id) return unreadable(*this, reply, parse_s3_upload_id);
  const Status done = upload_parts(client, key, body, *id);
  if (!done) remove_parts(client, name, *id);
  return done;
}

// What was uploaded of an object that never came to be would be paid for, for ever. But a server
// that has just not answered is not waited for as long again.
void S3Dialect::remove_parts(HttpClient& client, const std::string& name, const std::string& id) {
  Runtime& runtime = *options_.runtime;
  const uint64_t begin_ns = runtime.monotonic_ns();
  const InterruptScope patience(
      [&] { return runtime.monotonic_ns() - begin_ns > kPartsRemovalMaxNs; });
  run_one(client, job(draft("DELETE", name, {{"uploadId", id}}), Repeat::kIdempotent));
}

Status S3Dialect::upload_parts(HttpClient& client, std::string_view key, const Buffer& body,
                               const std::string& id) {
  const std::string name = object_name(key);
  const uint64_t part_bytes =
      std::max<uint64_t>(kPartBytesMin, (body.size() + kPartsMax - 1) / kPartsMax);
  std::vector<HttpJob> jobs((body.size() + part_bytes - 1) / part_bytes);
  shared_pool().parallel_for(jobs.size(), [&](size_t i) {
    const uint64_t offset = i * part_bytes;
    const Buffer part = body.slice(offset, std::min<uint64_t>(part_bytes, body.size() - offset));
    jobs[i] = job(draft_with_body("PUT", name, part,
                                  {{"partNumber", std::to_string(i + 1)}, {"uploadId", id}}),
                  Repeat::kIdempotent);
  });
  const std::vector<HttpReply> parts = client.run(jobs);
  std::string xml = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (size_t i = 0; i < parts.size(); ++i) {
    DREAMDB_TRY(status_of(parts[i], kUpload, key));
    if (!confirms_upload(parts[i]))
      return fail(Code::kUnavailable,
                  "cannot write " + std::string(key) + " in " + describe() + ": " +
                      parts[i].endpoint + " answered part " + std::to_string(i + 1) +
                      " without an ETag, which joins the parts; nothing was committed with it. Is "
                      "it S3, or does a proxy take the ETag away?");
    xml += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>\"" +
           xml_escape(etag_of(parts[i])) + "\"</ETag></Part>";
  }
  xml += "</CompleteMultipartUpload>";
  const HttpReply reply = run_one(
      client, job(draft_with_body("POST", name, Buffer::adopt(std::move(xml)), {{"uploadId", id}}),
                  Repeat::kIdempotent));
  const Status completed = status_of(reply, kUpload, key);
  if (completed && parse_s3_completed(reply.body.view())) return {};
  // An upload that was completed by an attempt whose answer was lost is unknown to the next one.
  if (has_size(client, key, body.size())) return {};
  DREAMDB_TRY(completed);
  return fail(Code::kUnavailable, "cannot write " + std::string(key) + " in " + describe() +
                                      ": the server did not say that its parts were joined" +
                                      std::string(unanswered_end(kUpload)));
}

bool S3Dialect::has_size(HttpClient& client, std::string_view key, uint64_t size) {
  const HttpReply reply = run_one(client, get(key, false, 0, 1));
  return status_of(reply, "read", key) &&
         reply.header("content-range") == "bytes 0-0/" + std::to_string(size);
}

}  // namespace dreamdb
