// A client that counts what is really sent, by what servers charge for it.
//
// The store's own counts are of ranges and objects that were asked for; on the wire neighbours come
// together, large ones go in parts, and what failed is sent again. A bill is about the latter.
//
// Thread rule: every call may come from any thread, also in a child after fork().
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "dreamdb/dataset.h"
#include "http/http.h"
#include "store/store.h"

namespace dreamdb {

enum class WireKind : uint8_t { kGet = 0, kPut, kSwap, kList, kDelete };
constexpr size_t kWireKindCount = 5;

// Uploads in parts and WebDAV's own methods are puts; a write under a condition is a swap.
WireKind wire_kind_of(const HttpAttempt& attempt);

// What was sent, as the figures that users see.
void add_sent(StoreStats& stats, const WireCounts& counts);

class WireCountingClient final : public HttpClient {
 public:
  explicit WireCountingClient(std::shared_ptr<HttpClient> inner) : inner_(std::move(inner)) {}

  WireCounts counts() const;

  std::vector<HttpReply> run(std::span<const HttpJob> jobs) override;
  HttpStats stats() const override { return inner_->stats(); }
  int64_t clock_skew_ns() const override { return inner_->clock_skew_ns(); }
  const HttpOptions& options() const override { return inner_->options(); }

 private:
  const std::shared_ptr<HttpClient> inner_;
  // Shared with jobs: an attempt may be prepared when nobody waits for its job any more.
  const std::shared_ptr<std::array<std::atomic<uint64_t>, kWireKindCount>> sent_ =
      std::make_shared<std::array<std::atomic<uint64_t>, kWireKindCount>>();
};

}  // namespace dreamdb
