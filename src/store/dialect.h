// What differs between remote stores: how a key becomes a request, and what a reply means.
//
// `RemoteStore` (remote_store.h) does what they share: waves, coalescing, swaps and their outcomes.
// Dialects: S3 (s3_dialect.h), WebDAV and plain web servers (web_dialect.h).
//
// Thread rule: every call may come from any thread; a dialect keeps no state that a request
// changes, but for credentials and where the server sent it, which it guards itself. Jobs must not
// outlive the dialect that made them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/http.h"
#include "store/store.h"

namespace dreamdb {

// On what a write of a mutable key depends.
struct WriteCondition {
  enum class Kind : uint8_t { kNone, kAbsent, kMatch } kind = Kind::kNone;
  std::string etag = {};   // kMatch: as `etag_of` gave it, without quotes
  uint64_t file_size = 0;  // kMatch: bytes of what has this tag
  // Random hexadecimal digits of this write, to be kept beside the body where a store can (S3:
  // metadata), so that a writer knows its own write again. Empty: none.
  std::string write_id = {};
};

// How a server wants the tag in If-Match; found out by racing (shared_writing.h).
enum class EtagStyle : uint8_t { kQuoted, kPlain };

// The body that stands for a deleted mutable key (S10.5).
inline constexpr std::string_view deletion_mark() { return "dreamdb: this is gone.\n\n"; }

// A mutable key has at most so many bytes, and no more are received of it: refs and sessions have 1
// MiB at most (S1.3), the version file of a folder a header and a note besides (S9.7).
inline constexpr uint64_t kMutableBytesMax = 4 << 20;

// The value of If-Match for a condition of kind kMatch.
std::string if_match_of(const WriteCondition& condition, EtagStyle style);

// The tag that a reply tells, without quotes and W/; empty when it tells none.
std::string plain_etag(const HttpReply& reply);

class Dialect {
 public:
  virtual ~Dialect() = default;

  // One line for messages, without secrets: "s3://bucket/prefix".
  virtual std::string describe() const = 0;
  // "s3", "web".
  virtual std::string_view name() const = 0;
  // What to use in place of a store that lets several writers win: a sentence of a message.
  virtual std::string_view where_writing_is_safe() const = 0;
  // True where tags are made of what may come again (times, sizes, numbers of files): then the race
  // of writers also looks whether quick writes can be told apart.
  virtual bool tags_may_repeat() const { return false; }

  // The object that keeps `body` in place of one of `replaced_size` bytes (0: none).
  virtual Buffer file_of(const Buffer& body, uint64_t replaced_size) const {
    (void)replaced_size;
    return body;
  }

  // Requests for an immutable key (`is_mutable` false) or a mutable one. `size` may reach beyond
  // the end; a range of everything is a plain GET.
  virtual HttpJob get(std::string_view key, bool is_mutable, uint64_t offset, uint64_t size) = 0;
  // `file`: for a mutable key as `file_of` made it.
  virtual HttpJob put(std::string_view key, bool is_mutable, const Buffer& file,
                      const WriteCondition& condition, EtagStyle style) = 0;
  // Without a condition: servers ignore those of DELETE, so a mutable key that others may have is
  // swapped to the mark of deletion instead (spec 10).
  virtual HttpJob remove(std::string_view key, bool is_mutable) = 0;

  // The error that a reply stands for (also one without a status); ok for a success. `key` and
  // `act` (reply_error.h: "read", "write", kUpload) go into the message. 404 is NotFound, 403
  // Denied with what to do, ...
  virtual Status status_of(const HttpReply& reply, std::string_view act, std::string_view key) = 0;
  // Text of the server's for a message, without what it was told in secret.
  virtual std::string without_secrets(std::string_view text) const { return std::string(text); }

  // Whether a reply to an upload that is ok says for certain that the bytes are kept. Where it does
  // not, whoever uploads has to look for the object.
  virtual bool confirms_upload(const HttpReply& reply) {
    (void)reply;
    return true;
  }
  // What to do about a reply that refuses whoever asked, whatever it was: an expired token, a clock
  // that is off, unknown keys. Empty for other replies, of an act that is not permitted too.
  virtual std::string advice_to_caller(const HttpReply& reply) {
    (void)reply;
    return {};
  }
  // The body's tag without quotes and W/; empty when the server gave none.
  virtual std::string etag_of(const HttpReply& reply) = 0;

  // What the reply of a server without the key tells of the locator: " It answers as S3 ...". Empty
  // when it tells nothing.
  virtual std::string hint_of_absence(const HttpReply& reply) {
    (void)reply;
    return {};
  }

  // What the object of a mutable key says in the reply to its `get`: its body, or (nullopt) that
  // the key is absent. Corruption, Unsupported: it says neither.
  virtual Result<std::optional<Buffer>> body_of(const HttpReply& reply, std::string_view key) {
    (void)key;
    return reply.body;
  }

  // Why nobody should write here although the server may take it; asked before a race of writers.
  virtual Status check_ground(HttpClient& client) {
    (void)client;
    return {};
  }

  // The `write_id` that the object was written with; empty where none is kept.
  virtual std::string write_id_of(const HttpReply& reply) {
    (void)reply;
    return {};
  }

  // Bodies of at least so many bytes go up by `put_large`; none does when 0.
  virtual uint64_t large_bytes() const { return 0; }
  virtual Status put_large(HttpClient& client, std::string_view key, const Buffer& body) = 0;

  // As Store::list and Store::delete_many; keys without the store's prefix, names that are no keys
  // left out. What stands for deleted keys is not: `RemoteStore` reads what `may_be_gone`, by its
  // size.
  struct Listed {
    ListedObject object;
    bool may_be_gone = false;
    bool is_mutable = false;  // where immutable keys lie elsewhere
  };
  struct Listing {
    std::vector<Listed> objects;
    bool more = false;
  };
  virtual Result<Listing> list(HttpClient& client, std::string_view prefix,
                               std::string_view start_after, size_t limit) = 0;
  virtual std::vector<Status> delete_many(HttpClient& client,
                                          std::span<const std::string> keys) = 0;
};

}  // namespace dreamdb
