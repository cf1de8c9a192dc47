// HTTP requests in batches over a pool of connections: what the remote stores are built on.
//
// A caller hands over a batch of *jobs* and gets a reply for each. A job is one logical request;
// the client makes one or more *attempts* of it, each signed anew by the job's `prepare`. All
// retries are made here or by the caller, none below: a layer that repeats a conditional PUT makes
// our own first write look like a rival's.
//
// Thread rule: every call may come from any thread, also in a child after fork() (which gets
// connections and threads of its own).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dreamdb/buffer.h"
#include "dreamdb/result.h"
#include "runtime/runtime.h"

namespace dreamdb {

// One request as it goes on the wire.
struct HttpAttempt {
  std::string method;                // "GET", "PUT", "PROPFIND", ...
  std::string url;                   // absolute, escaped
  std::vector<std::string> headers;  // "name: value"
  Buffer body;                       // of a PUT or POST
};

// What an attempt is made for; given to `HttpJob::prepare`.
struct AttemptContext {
  std::string endpoint;         // scheme://host:port, one of the client's
  uint64_t now_ns = 0;          // wall clock for signatures, corrected by the skew the server told
  uint64_t received_bytes = 0;  // of the body, kept from earlier attempts: ask for what follows
};

// How often and when a job may be tried again.
enum class Repeat : uint8_t {
  // A conditional write: only when the request cannot have left this machine. libcurl, which sends
  // again on its own when a kept connection turns out to be closed, is held back too: kCut then.
  kNever,
  kIdempotent,  // after any failure that may pass: connection, cut body, timeout, 429, 5xx
};

struct HttpJob {
  // Builds the attempt: URL, headers, signature. Called on a thread of the client, for each attempt
  // again. An error ends the job with that error.
  std::function<Result<HttpAttempt>(const AttemptContext&)> prepare;
  Repeat repeat = Repeat::kIdempotent;
  // A GET whose body may be put together from several attempts: `prepare` asks for the range that
  // begins after `received_bytes`. Needs `body_bytes_max`.
  bool resume = false;
  // May be sent a second time to another connection (or endpoint) when it takes much longer than
  // its like (hedge.h); the first whole reply wins. Only of a job that may be repeated.
  bool hedge = false;
  // One of a race: sent at once with the others of its call, on a connection of its own, however
  // narrow the limit. Where racers are sent one after another, every server looks safe. Such jobs
  // come first in their call.
  bool races = false;
  // The body of the reply is at most so long: a longer one ends the job with Corruption. A reply
  // with a known length gets its memory at once, never more than this.
  uint64_t body_bytes_max = 64ull << 20;
  // True for a reply that is to be tried again although its status alone does not say so
  // (an HTML error page with status 200, a body that is no XML). Of a job that is never repeated,
  // only for a reply that says that nothing was done (a token that has expired). Optional.
  std::function<bool(const struct HttpReply&)> is_transient;
};

enum class HttpFailure : uint8_t {
  kNone,     // there is a whole reply; look at `status`
  kNotSent,  // no connection: DNS, refused, TLS; the server did not see the request
  kCut,      // sent, at least in part; the reply is lost or its body cut
  kTimeout,  // sent, at least in part; no answer in time
  kRefused,  // `prepare` failed, or the reply is longer than allowed: see `error`
  kStopped,  // the caller was interrupted; sent, unless `attempts` is 0
};

struct HttpReply {
  HttpFailure failure = HttpFailure::kNone;
  int status = 0;                              // 0 unless kNone (or cut after the headers)
  std::map<std::string, std::string> headers;  // of the last attempt; names in lower case
  Buffer body;                                 // 64-byte aligned
  std::string endpoint;                        // that answered last
  uint64_t request_bytes = 0;                  // of the body that the last attempt had to send
  uint32_t attempts = 0;
  // For messages, without secrets and without the query string: "GET http://host:1/b/k: timed out
  // after 30 s (4 attempts)". Empty when all is well.
  std::string what;
  // What to do about `what` when the client knows: "set AWS_CA_BUNDLE ...". Or empty.
  std::string way_out;
  Error error;  // of kRefused
  // Value of a header, empty when absent. `name` in lower case.
  std::string_view header(std::string_view name) const;
};

struct HttpOptions {
  std::vector<std::string> endpoints;  // scheme://host:port, at least one
  uint32_t connections_max = 128;      // in flight, of all calls together
  uint32_t connections_first = 16;     // in flight at the beginning; grows and shrinks (limit.h)
  // Of one job with all its attempts, from the first one on: time in which nothing moves. What its
  // call moves at 16 KiB a second or more (pace.h) does not count for the jobs that have a part in
  // it; of an attempt that was lost it counts after all, up to a quarter of the budget. A job of a
  // long batch that has not begun when no reply has come for so long is not sent at all.
  uint64_t budget_ns = 60'000'000'000;
  uint64_t connect_timeout_ns = 5'000'000'000;
  uint64_t stall_timeout_ns = 20'000'000'000;  // no byte for so long ends an attempt
  std::string ca_file;                         // of own authorities; empty: the system's
  std::string user_agent = "dreamdb";
};

// Requests by what became of them, since the client was made.
struct HttpStats {
  uint64_t attempts = 0;  // requests sent, hedges and retries (also libcurl's) included
  uint64_t retries = 0;   // attempts after the first of a job, without hedges
  uint64_t hedges = 0;
  uint64_t resumed = 0;      // attempts that went on in the middle of a body
  uint64_t throttled = 0;    // replies 429 and 503
  uint64_t failed = 0;       // jobs that ended with a failure or a status of 500 and above
  uint64_t connections = 0;  // opened
  uint64_t sent_bytes = 0, received_bytes = 0;  // bodies
};

class HttpClient {
 public:
  virtual ~HttpClient() = default;

  // Carries out all jobs at once (as many in flight as the server bears, shared with other calls)
  // and returns when each has a reply or has failed; replies in the order of the jobs. Returns
  // early, with kStopped, for jobs that are not done when the caller is interrupted
  // (`check_interrupt`).
  virtual std::vector<HttpReply> run(std::span<const HttpJob> jobs) = 0;

  virtual HttpStats stats() const = 0;
  // Server time minus ours, as the Date headers say (skew.h): 0 until a server told it.
  virtual int64_t clock_skew_ns() const = 0;
  virtual const HttpOptions& options() const = 0;
};

// A client on libcurl. InvalidArgument: no endpoint, or one that is no http(s)://host[:port].
Result<std::unique_ptr<HttpClient>> make_http_client(HttpOptions options,
                                                     Runtime& runtime = real_runtime());

}  // namespace dreamdb
