// The dialect of web servers: reading from any, writing by WebDAV where the server does that.
//
// Key `k` of http://host/path is the file path/k, a mutable one path/k.ref (spec 10.4). Reading
// needs nothing but GET, better with ranges; listing needs PROPFIND, writing PUT, MKCOL and DELETE.
// Honoured conditions are If-Match and If-None-Match on PUT; conditions on DELETE are not counted
// on. A write into a folder that is not there makes the folder and is sent again.
//
// Source: RFC 9110, RFC 4918. Thread rule: every call may come from any thread, also in a child
// after fork().
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/fork.h"
#include "store/dialect.h"

namespace dreamdb {

class WebDialect final : public Dialect {
 public:
  // `endpoint`: scheme://host:port; `prefix`: the path on it, without '/' at its ends.
  WebDialect(std::string endpoint, std::string prefix);

  std::string describe() const override;
  std::string_view name() const override { return "web"; }
  std::string_view where_writing_is_safe() const override {
    return "Use lighttpd with mod_webdav, whose conditions hold, S3, or the folder that the server "
           "serves";
  }
  bool tags_may_repeat() const override { return true; }
  // A padded file.
  Buffer file_of(const Buffer& body, uint64_t replaced_size) const override;
  HttpJob get(std::string_view key, bool is_mutable, uint64_t offset, uint64_t size) override;
  // Cost: one request; into a folder that is not there one more, and two for each missing folder.
  HttpJob put(std::string_view key, bool is_mutable, const Buffer& file,
              const WriteCondition& condition, EtagStyle style) override;
  HttpJob remove(std::string_view key, bool is_mutable) override;
  Status status_of(const HttpReply& reply, std::string_view act, std::string_view key) override;
  // Who speaks S3 keeps refs under other names than a web server does.
  std::string hint_of_absence(const HttpReply& reply) override;
  // None for what a folder store has written: it is not to be replaced by other means.
  std::string etag_of(const HttpReply& reply) override;
  // A padded file, a version file of a folder store, or a body alone.
  Result<std::optional<Buffer>> body_of(const HttpReply& reply, std::string_view key) override;
  // Unsupported: a folder store keeps this space. Cost: one request.
  Status check_ground(HttpClient& client) override;
  Status put_large(HttpClient& client, std::string_view key, const Buffer& body) override;
  // Cost: one request for each folder that the page touches, which is read whole: large folders
  // want large pages. Unsupported: the server gives no listings.
  Result<Listing> list(HttpClient& client, std::string_view prefix, std::string_view start_after,
                       size_t limit) override;
  // Cost: one request for each key, in one wave.
  std::vector<Status> delete_many(HttpClient& client, std::span<const std::string> keys) override;

 private:
  // One request.
  struct Draft {
    std::string method;
    std::string path;  // not escaped, without '/' at its begin
    std::vector<std::string> headers = {};
    Buffer body = {};
    std::optional<std::pair<uint64_t, uint64_t>> range = {};  // first and last byte
  };
  struct Folders;  // the folders that one write has to make
  class Walk;      // a listing

  HttpJob job(Draft draft, Repeat repeat);
  // Path of a key without '/' at its begin, not escaped: "path/refs/main.ref".
  std::string path_of(std::string_view key, bool is_mutable) const;
  // Looks at a reply to a write or to MKCOL; true when another request should follow.
  bool goes_on(const HttpReply& reply, const std::string& path, Folders& folders);
  bool was_made(const std::string& folder) const;

  const std::string endpoint_;
  const std::string prefix_;
  mutable ForkSafeMutex mutex_;  // guards made_
  std::set<std::string> made_;   // folders that were made, or found there, by this process
};

}  // namespace dreamdb
