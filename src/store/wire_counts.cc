#include "store/wire_counts.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"

namespace dreamdb {

namespace {

bool has_condition(const HttpAttempt& attempt) {
  return std::any_of(attempt.headers.begin(), attempt.headers.end(), [](std::string_view header) {
    const std::string name = lower_ascii(header.substr(0, header.find(':')));
    return name == "if-match" || name == "if-none-match" || name == "if";
  });
}

// True when the query of `url` has a parameter of this name.
bool has_parameter(std::string_view url, std::string_view name) {
  const size_t query = url.find('?');
  if (query == std::string_view::npos) return false;
  for (std::string_view rest = url.substr(query + 1);;) {
    const std::string_view parameter = rest.substr(0, rest.find('&'));
    if (parameter.substr(0, parameter.find('=')) == name) return true;
    if (parameter.size() == rest.size()) return false;
    rest.remove_prefix(parameter.size() + 1);
  }
}

}  // namespace

WireKind wire_kind_of(const HttpAttempt& attempt) {
  const std::string_view method = attempt.method;
  if (method == "PROPFIND" || has_parameter(attempt.url, "list-type")) return WireKind::kList;
  if (method == "GET" || method == "HEAD" || method == "OPTIONS") return WireKind::kGet;
  if (method == "DELETE" || (method == "POST" && has_parameter(attempt.url, "delete")))
    return WireKind::kDelete;
  return method == "PUT" && has_condition(attempt) ? WireKind::kSwap : WireKind::kPut;
}

void add_sent(StoreStats& stats, const WireCounts& counts) {
  stats.is_remote = stats.is_remote || counts.is_remote;
  stats.sent_gets += counts.gets;
  stats.sent_puts += counts.puts;
  stats.sent_swaps += counts.swaps;
  stats.sent_lists += counts.lists;
  stats.sent_deletes += counts.deletes;
  stats.retries += counts.retries;
  stats.hedges += counts.hedges;
  stats.bytes_received += counts.received_bytes;
  stats.bytes_sent += counts.sent_bytes;
}

WireCounts WireCountingClient::counts() const {
  const auto of = [&](WireKind kind) { return (*sent_)[static_cast<size_t>(kind)].load(); };
  const HttpStats stats = inner_->stats();
  return {.is_remote = true,
          .gets = of(WireKind::kGet),
          .puts = of(WireKind::kPut),
          .swaps = of(WireKind::kSwap),
          .lists = of(WireKind::kList),
          .deletes = of(WireKind::kDelete),
          .retries = stats.retries,
          .hedges = stats.hedges,
          .received_bytes = stats.received_bytes,
          .sent_bytes = stats.sent_bytes};
}

std::vector<HttpReply> WireCountingClient::run(std::span<const HttpJob> jobs) {
  std::vector<HttpJob> counted(jobs.begin(), jobs.end());
  for (HttpJob& job : counted) {
    job.prepare = [prepare = std::move(job.prepare), sent = sent_](const AttemptContext& context) {
      Result<HttpAttempt> attempt = prepare(context);
      if (attempt) ++(*sent)[static_cast<size_t>(wire_kind_of(*attempt))];
      return attempt;
    };
  }
  return inner_->run(counted);
}

}  // namespace dreamdb
