// Fuzz target: any reply, in pieces of any size, stays within its limits, and what is kept of it is
// only gone on from where it ends.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/assert.h"
#include "http/http_date.h"
#include "http/incoming.h"
#include "http/retry.h"

namespace {

constexpr uint64_t kBodyMax = 512;

// Feeds head and body of `reply`; the head ends with an empty line.
void feed(dreamdb::Incoming& incoming, std::string_view reply) {
  while (!reply.empty()) {
    const size_t end = std::min(reply.find('\n'), reply.size() - 1) + 1;
    const std::string_view line = reply.substr(0, end);
    reply.remove_prefix(end);
    if (!incoming.take_line(line)) return;
    if (line == "\n" || line == "\r\n") break;
  }
  while (!reply.empty()) {
    const size_t size =
        std::min<size_t>(reply.size(), 1 + static_cast<uint8_t>(reply.front()) % 16);
    if (!incoming.take_body(std::as_bytes(std::span(reply.data(), size)))) return;
    reply.remove_prefix(size);
  }
  incoming.finish();
}

}  // namespace

// Two replies with a byte 0 between them: the second to a request for what the first left out.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t middle = std::min(input.find('\0'), input.size());
  dreamdb::Incoming incoming;
  incoming.begin(kBodyMax, {});
  feed(incoming, input.substr(0, middle));
  for (const auto& [name, value] : incoming.headers()) {
    const auto pause = dreamdb::parse_retry_after(value, 1'767'323'045'000'000'000);
    DREAMDB_ASSERT(!pause || *pause <= 86'400'000'000'000);
    (void)dreamdb::parse_http_date(value);
  }
  dreamdb::Part part = incoming.take_part();
  DREAMDB_ASSERT(part.size <= kBodyMax && part.size <= part.total);
  const uint64_t kept = part.size;
  incoming.begin(kBodyMax, std::move(part));
  if (middle < input.size()) feed(incoming, input.substr(middle + 1));
  const bool is_ok = incoming.status() >= 200 && incoming.status() < 300;
  DREAMDB_ASSERT(incoming.take_whole().size() <= (is_ok ? kBodyMax : 65'536));
  DREAMDB_ASSERT(incoming.status() != 0 || kept == 0 || !incoming.is_stale());
  return 0;
}
