#include "cli/cost.h"

#include "cli/json.h"
#include "cli/text.h"

namespace dreamdb::cli {

namespace {

constexpr uint64_t StoreStats::* kSummed[] = {&StoreStats::gets,
                                              &StoreStats::puts,
                                              &StoreStats::loads,
                                              &StoreStats::swaps,
                                              &StoreStats::lists,
                                              &StoreStats::deletes,
                                              &StoreStats::bytes_read,
                                              &StoreStats::bytes_written,
                                              &StoreStats::waves,
                                              &StoreStats::cache_hits,
                                              &StoreStats::cache_misses,
                                              &StoreStats::cache_bytes_read,
                                              &StoreStats::cache_bytes_written,
                                              &StoreStats::cache_damaged,
                                              &StoreStats::sent_gets,
                                              &StoreStats::sent_puts,
                                              &StoreStats::sent_swaps,
                                              &StoreStats::sent_lists,
                                              &StoreStats::sent_deletes,
                                              &StoreStats::retries,
                                              &StoreStats::hedges,
                                              &StoreStats::bytes_received,
                                              &StoreStats::bytes_sent};

uint64_t asked(const StoreStats& s) {
  return s.gets + s.puts + s.loads + s.swaps + s.lists + s.deletes;
}

uint64_t sent(const StoreStats& s) {
  return s.sent_gets + s.sent_puts + s.sent_swaps + s.sent_lists + s.sent_deletes;
}

bool has_cache(const StoreStats& s) { return s.cache_hits + s.cache_misses > 0; }

}  // namespace

StoreStats sum_of(const std::vector<StoreStats>& parts) {
  StoreStats sum;
  for (const StoreStats& part : parts) {
    for (uint64_t StoreStats::* const figure : kSummed) sum.*figure += part.*figure;
    sum.is_remote = sum.is_remote || part.is_remote;
  }
  return sum;
}

std::string cost_text(const StoreStats& s, const std::optional<Prices>& prices,
                      const std::string& prices_file) {
  std::string out;
  // `doctor` speaks to the server itself: nothing is asked of a store then.
  if (asked(s) > 0 || sent(s) == 0)
    out = "cost: " + with_commas(asked(s)) + " requests (gets " + with_commas(s.gets) + ", puts " +
          with_commas(s.puts) + ", loads " + with_commas(s.loads) + ", swaps " +
          with_commas(s.swaps) + ", lists " + with_commas(s.lists) + ", deletes " +
          with_commas(s.deletes) + ") in " + with_commas(s.waves) + " waves, read " +
          with_commas(s.bytes_read) + " bytes, wrote " + with_commas(s.bytes_written) + " bytes\n";
  if (s.is_remote)
    out += "sent: " + with_commas(sent(s)) + " HTTP requests (gets " + with_commas(s.sent_gets) +
           ", puts " + with_commas(s.sent_puts) + ", swaps " + with_commas(s.sent_swaps) +
           ", lists " + with_commas(s.sent_lists) + ", deletes " + with_commas(s.sent_deletes) +
           "; retries " + with_commas(s.retries) + ", hedges " + with_commas(s.hedges) +
           " among them), received " + with_commas(s.bytes_received) + " bytes, sent " +
           with_commas(s.bytes_sent) + " bytes\n";
  if (has_cache(s))
    out += "cache: " + with_commas(s.cache_hits) + " reads from the disk, " +
           with_commas(s.cache_bytes_read) + " bytes; " + with_commas(s.cache_misses) +
           " from the store, kept " + with_commas(s.cache_bytes_written) + " bytes; damaged " +
           with_commas(s.cache_damaged) + "\n";
  if (prices) {
    const Money money = money_of(s, *prices);
    out += "money: " + amount_text(money.sum()) + " " + prices->currency + " (requests " +
           amount_text(money.requests) + ", bytes " + amount_text(money.bytes) + ") by " +
           one_line(prices_file) + (s.is_remote ? "\n" : ", if each request went to a bucket\n");
  }
  return out;
}

std::string cost_json(const StoreStats& s, const std::optional<Prices>& prices) {
  OrderedJson cost;
  cost["requests"] = asked(s);
  cost["gets"] = s.gets;
  cost["puts"] = s.puts;
  cost["loads"] = s.loads;
  cost["swaps"] = s.swaps;
  cost["lists"] = s.lists;
  cost["deletes"] = s.deletes;
  cost["bytes_read"] = s.bytes_read;
  cost["bytes_written"] = s.bytes_written;
  cost["waves"] = s.waves;
  if (s.is_remote) {
    cost["sent"] = {
        {"requests", sent(s)},       {"gets", s.sent_gets},   {"puts", s.sent_puts},
        {"swaps", s.sent_swaps},     {"lists", s.sent_lists}, {"deletes", s.sent_deletes},
        {"retries", s.retries},      {"hedges", s.hedges},    {"bytes_received", s.bytes_received},
        {"bytes_sent", s.bytes_sent}};
  }
  if (has_cache(s)) {
    cost["cache"] = {{"hits", s.cache_hits},
                     {"misses", s.cache_misses},
                     {"bytes_read", s.cache_bytes_read},
                     {"bytes_written", s.cache_bytes_written},
                     {"damaged", s.cache_damaged}};
  }
  if (prices) {
    const Money money = money_of(s, *prices);
    cost["money"] = {{"sum", money.sum()},
                     {"requests", money.requests},
                     {"bytes", money.bytes},
                     {"currency", prices->currency},
                     {"of", s.is_remote ? "sent" : "asked"}};
  }
  return json_line(OrderedJson{{"cost", cost}}) + "\n";
}

}  // namespace dreamdb::cli
