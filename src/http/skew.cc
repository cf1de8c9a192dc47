#include "http/skew.h"

#include <algorithm>
#include <array>

#include "http/http_date.h"

namespace dreamdb {

namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kAgreeNs = 30 * kSecondNs;
// Replies to GET that a cache may keep although nothing says so.
constexpr std::array<int, 12> kKeptUnasked = {200, 203, 204, 206, 300, 301,
                                              308, 404, 405, 410, 414, 501};
constexpr std::array<std::string_view, 3> kCacheHeaders = {"x-cache", "x-cache-status",
                                                           "cf-cache-status"};

bool says_hit(std::string_view text) {
  constexpr std::string_view kHit = "hit";
  const auto at = std::search(text.begin(), text.end(), kHit.begin(), kHit.end(),
                              [](char a, char b) { return (a | 0x20) == b; });
  return at != text.end();
}

bool may_be_kept(std::string_view method, const HttpReply& reply) {
  if (reply.headers.contains("age")) return true;
  for (const std::string_view name : kCacheHeaders)
    if (says_hit(reply.header(name))) return true;
  if (reply.header("via").empty() || (method != "GET" && method != "HEAD")) return false;
  return std::find(kKeptUnasked.begin(), kKeptUnasked.end(), reply.status) != kKeptUnasked.end();
}

}  // namespace

std::optional<int64_t> skew_of(std::string_view method, const HttpReply& reply, uint64_t now_ns) {
  const auto server = parse_http_date(reply.header("date"));
  if (!server || may_be_kept(method, reply)) return std::nullopt;
  const int64_t skew = *server * kSecondNs - static_cast<int64_t>(now_ns);
  return skew > kAgreeNs || skew < -kAgreeNs ? skew : 0;
}

}  // namespace dreamdb
