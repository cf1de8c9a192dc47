// Listings of WebDAV servers, folder by folder in the order of the keys, and deletions.
#include <algorithm>
#include <limits>

#include "store/key.h"
#include "store/padded_file.h"
#include "store/s3_signature.h"
#include "store/version_file.h"
#include "store/web_dialect.h"
#include "store/web_xml.h"

namespace dreamdb {

namespace {

constexpr std::string_view kFolderVersions = ".swap";  // of a folder store, spec 9.3
constexpr uint64_t kFolderReplyMax = 256 << 20;        // some 600,000 files

HttpReply run_one(HttpClient& client, const HttpJob& job) {
  return std::move(client.run(std::span(&job, 1)).front());
}

}  // namespace

class WebDialect::Walk {
 public:
  Walk(WebDialect& dialect, HttpClient& client, std::string_view prefix,
       std::string_view start_after, size_t limit)
      : dialect_(dialect),
        client_(client),
        prefix_(prefix),
        start_after_(start_after),
        limit_(limit) {}

  // Adds the keys below `parent` ("" or "a/b/"). The depth is bounded by the length of a key.
  Status visit(const std::string& parent) {
    DREAMDB_ASSIGN(const std::vector<Node> nodes, look(parent));
    for (const Node& node : nodes) {
      if (listing_.more) return {};
      if (node.name.ends_with('/')) {
        DREAMDB_TRY(visit(parent + node.name));
        continue;
      }
      if (listing_.objects.size() == limit_) {
        listing_.more = true;
        return {};
      }
      // A mark of deletion, or the version file of a deleted key.
      const bool may_be_gone = node.is_mutable && (may_hold_mark(node.size_bytes) ||
                                                   node.size_bytes == kVersionHeaderSize);
      listing_.objects.push_back(
          {{parent + node.name, node.size_bytes, node.time_ns}, may_be_gone, node.is_mutable});
    }
    return {};
  }

  Listing take() && { return std::move(listing_); }

 private:
  // One thing in a folder. A key `a-b` sorts before `a/b`, so folders sort with their slash.
  struct Node {
    std::string name;  // of the key: "main", or "a/" for all keys below "a/"
    uint64_t size_bytes = 0;
    uint64_t time_ns = 0;
    bool is_mutable = false;
  };

  // True if a key that is `name`, or begins with it when it ends in '/', can be on this page.
  bool is_wanted(std::string_view name) const {
    if (!name.ends_with('/')) return name.starts_with(prefix_) && name > start_after_;
    const size_t common = std::min(name.size(), prefix_.size());
    return name.substr(0, common) == prefix_.substr(0, common) &&
           (name > start_after_ || start_after_.starts_with(name));
  }

  Result<std::vector<Node>> look(const std::string& parent) {
    std::string folder = dialect_.path_of(parent, false);
    if (!folder.empty() && !folder.ends_with('/')) folder.push_back('/');
    HttpJob job = dialect_.job({"PROPFIND",
                                folder,
                                {"depth: 1", "content-type: application/xml"},
                                Buffer::copy_of(web_listing_query())},
                               Repeat::kIdempotent);
    job.body_bytes_max = kFolderReplyMax;
    const HttpReply reply = run_one(client_, job);
    const Status listed = dialect_.status_of(reply, "list", "");
    if (!listed && listed.error().code == Code::kNotFound) return std::vector<Node>();
    DREAMDB_TRY(listed);
    auto entries = parse_web_listing(reply.body.view(), "/" + folder);
    if (!entries)
      return fail(Code::kUnavailable,
                  dialect_.describe() + ": the server's answer is no listing of WebDAV: " +
                      entries.error().message + "; is this a web server, or a proxy before one?");
    std::vector<Node> nodes;
    for (WebEntry& entry : *entries) {
      Node node{std::move(entry.name), entry.size_bytes, entry.time_ns, false};
      if (!entry.is_folder && node.name.ends_with(kPlainSuffix)) {
        node.name.resize(node.name.size() - kPlainSuffix.size());
        node.is_mutable = true;
      }
      // Names of the store's own, and files that are no keys, whoever put them there.
      if (!check_key(node.name) || parent.size() + node.name.size() > kKeySizeMax) continue;
      if (entry.is_folder) node.name.push_back('/');
      if (is_wanted(parent + node.name)) nodes.push_back(std::move(node));
    }
    std::sort(nodes.begin(), nodes.end(),
              [](const Node& a, const Node& b) { return a.name < b.name; });
    return nodes;
  }

  WebDialect& dialect_;
  HttpClient& client_;
  const std::string_view prefix_;
  const std::string_view start_after_;
  const size_t limit_;
  Listing listing_;
};

Result<Dialect::Listing> WebDialect::list(HttpClient& client, std::string_view prefix,
                                          std::string_view start_after, size_t limit) {
  Walk walk(*this, client, prefix, start_after, limit);
  // All keys lie below the last folder that the prefix names.
  const size_t slash = prefix.rfind('/');
  const std::string_view parent =
      slash == std::string_view::npos ? "" : prefix.substr(0, slash + 1);
  if (!parent.empty() && !check_key(parent.substr(0, slash))) return Listing{};
  DREAMDB_TRY(walk.visit(std::string(parent)));
  return std::move(walk).take();
}

Status WebDialect::check_ground(HttpClient& client) {
  constexpr int kIsThere = 207;
  const HttpJob job = this->job({"PROPFIND",
                                 path_of(kFolderVersions, false) + "/",
                                 {"depth: 0", "content-type: application/xml"},
                                 Buffer::copy_of(web_listing_query())},
                                Repeat::kIdempotent);
  const HttpReply reply = run_one(client, job);
  if (reply.failure != HttpFailure::kNone || reply.status != kIsThere) return {};
  return fail(Code::kUnsupported,
              describe() +
                  " is the space of a folder, whose writers would not see what is written here: "
                  "write to the folder. Reading works");
}

std::vector<Status> WebDialect::delete_many(HttpClient& client, std::span<const std::string> keys) {
  constexpr int kIsFolder = 400, kIsForbidden = 403, kHasNoFolder = 409;
  std::vector<HttpJob> jobs;
  for (const std::string& key : keys) jobs.push_back(remove(key, false));
  const std::vector<HttpReply> replies = client.run(jobs);
  std::vector<Status> statuses(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    const HttpReply& reply = replies[i];
    const Status deleted = status_of(reply, "delete", keys[i]);
    if (deleted || deleted.error().code == Code::kNotFound) continue;
    // No object can be there where the key is a folder, or below an object.
    const bool replied = reply.failure == HttpFailure::kNone;
    if (replied && (reply.status == kIsFolder || reply.status == kHasNoFolder)) continue;
    if (replied && reply.status == kIsForbidden) {
      const std::string above = keys[i].substr(0, keys[i].rfind('/'));
      if (status_of(run_one(client, get(above, false, 0, 1)), "read", above)) continue;
    }
    statuses[i] = deleted;
  }
  return statuses;
}

}  // namespace dreamdb
