// A store behind HTTP: what S3, WebDAV and plain web servers share. What differs is the dialect's.
//
// A wave is one batch of requests: neighbouring ranges together, large ones in pieces
// (read_plan.h). A swap is one conditional write; whatever is unclear about its outcome is cleared
// up by reading back, or reported as OutcomeUnknown. Before the first swap of a process the verdict
// on shared writing must be there (shared_writing.h).
//
// Spec: spec/10-remote-stores.md. Thread rule: every call may come from any thread, also in a child
// after fork().
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/dialect.h"
#include "store/read_plan.h"
#include "store/shared_writing.h"
#include "store/store.h"
#include "store/wire_counts.h"

namespace dreamdb {

class RemoteStore final : public Store {
 public:
  // `place`: endpoint and bucket, to whom the verdict applies (spec 10.3).
  RemoteStore(std::unique_ptr<Dialect> dialect, std::shared_ptr<HttpClient> client,
              std::string place, Runtime& runtime = real_runtime());

  std::string describe() const override { return dialect_->describe(); }
  WireCounts wire() const override { return client_->counts(); }
  bool is_far() const override { return true; }
  // What one request may take with all its attempts (DREAMDB_TIMEOUT).
  uint64_t unanswered_budget_ns() const override { return client_->options().budget_ns; }

  // Cost: a request for each piece of the plan; a second wave for what is longer than one piece
  // when the request did not say how long.
  std::vector<Result<Buffer>> read_many(std::span<const ReadRequest> requests) override;
  // Cost: a request for each body, and one more for each whose reply does not confirm it; for large
  // ones one for each part and two more.
  std::vector<Status> put_many(std::span<const PutRequest> requests) override;
  // Cost: one request.
  Result<Loaded> load(std::string_view key) override;
  // Cost: one request, two when it was lost; the first of a process also that of the verdict.
  // Unsupported: the store does not honour conditions, see `race_writers`.
  Result<Version> swap(std::string_view key, const std::optional<Version>& expected,
                       const Buffer& body) override;
  Status swap_delete(std::string_view key, const Version& expected) override;
  // Cost: a request for 1,000 keys, and one for each deleted mutable key among them.
  Result<ListPage> list(std::string_view prefix, std::string_view start_after,
                        size_t limit) override;
  // Cost: a request for 1,000 keys.
  std::vector<Status> delete_many(std::span<const std::string> keys) override;

  HttpClient& client() { return *client_; }
  Dialect& dialect() { return *dialect_; }
  const std::string& place() const { return writing_.place(); }

 private:
  // A mutable key as it is: absent, a mark, or a body.
  struct Seen {
    bool is_there = false;
    bool is_mark = false;
    Buffer body;
    std::string etag;
    uint64_t file_size = 0;  // of the object that keeps the body
    std::string write_id;    // empty: the store keeps none
    std::string hint;        // of one that is absent, see Dialect::hint_of_absence
  };
  Result<Seen> look(std::string_view key);
  static bool is_ours(const Seen& seen, const Buffer& body, std::string_view write_id,
                      bool refused);
  HttpReply run_one(const HttpJob& job);
  // One piece of a plan that was answered.
  struct Fetched;
  Fetched fetched(const ReadPiece& piece, HttpReply reply);
  Result<Buffer> assemble(const ReadRequest& request, const ReadPlace& place,
                          std::span<const Fetched> pieces);
  void read_rests(std::span<const ReadRequest> requests, const ReadPlan& plan,
                  std::span<const Fetched> pieces, std::span<Result<Buffer>> results);

  void confirm_uploads(std::span<const PutRequest> requests, std::span<const size_t> sent,
                       std::span<const HttpReply> replies, std::span<Status> statuses);

  Result<Version> swap_to(std::string_view key, const std::optional<Version>& expected,
                          const Buffer& body);
  // The error of a swap that was tried in vain. `answer`: what was said, and what is there.
  std::unexpected<Error> given_up(std::string_view key, const std::string& answer, bool is_refused);

  const std::unique_ptr<Dialect> dialect_;
  const std::shared_ptr<WireCountingClient> client_;
  Runtime& runtime_;
  SharedWriting writing_;
};

}  // namespace dreamdb
