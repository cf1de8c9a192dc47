#include "cli/prices.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "cli/json.h"
#include "cli/text.h"

namespace dreamdb::cli {

namespace {

constexpr double kRequestsUnit = 1'000;
constexpr double kBytesUnit = 1e9;

using Names = std::initializer_list<std::pair<std::string_view, double Prices::*>>;

std::unexpected<Error> wrong(const std::string& file, const std::string& what) {
  return fail(Code::kInvalidArgument,
              file + ": " + what +
                  "; expected {\"currency\": \"USD\", \"per_1000_requests\": {\"get\": 0, \"put\": "
                  "0, \"swap\": 0, \"list\": 0, \"delete\": 0}, \"per_gb\": {\"out\": 0, "
                  "\"in\": 0}}");
}

Status read_group(const Json& group, const std::string& name, const Names& names,
                  const std::string& file, Prices& prices) {
  if (!group.is_object()) return wrong(file, "\"" + name + "\" is no object");
  for (const auto& [key, value] : group.items()) {
    double Prices::* place = nullptr;
    for (const auto& [known, member] : names)
      if (key == known) place = member;
    const std::string shown = "\"" + name + "." + one_line(key, 40) + "\"";
    if (place == nullptr) return wrong(file, shown + " is unknown");
    if (!value.is_number() || !std::isfinite(value.get<double>()) || value.get<double>() < 0)
      return wrong(file, shown + " is no price: a number that is not negative");
    prices.*place = value.get<double>();
  }
  return {};
}

}  // namespace

Result<Prices> parse_prices(std::string_view json, const std::string& file) {
  auto parsed = parse_json(json);
  if (!parsed) return wrong(file, parsed.error().message);
  if (!parsed->is_object()) return wrong(file, "it is no object");
  Prices prices;
  for (const auto& [key, value] : parsed->items()) {
    if (key == "note") continue;
    if (key == "currency") {
      if (!value.is_string() || value.get<std::string>().empty())
        return wrong(file, "\"currency\" is no text");
      prices.currency = one_line(value.get<std::string>(), 20);
    } else if (key == "per_1000_requests") {
      DREAMDB_TRY(read_group(value, key,
                             {{"get", &Prices::get},
                              {"put", &Prices::put},
                              {"swap", &Prices::swap},
                              {"list", &Prices::list},
                              {"delete", &Prices::deletion}},
                             file, prices));
    } else if (key == "per_gb") {
      DREAMDB_TRY(read_group(value, key, {{"out", &Prices::bytes_out}, {"in", &Prices::bytes_in}},
                             file, prices));
    } else {
      return wrong(file, "\"" + one_line(key, 40) + "\" is unknown");
    }
  }
  if (prices.currency.empty()) return wrong(file, "\"currency\" is missing");
  return prices;
}

Money money_of(const StoreStats& s, const Prices& p) {
  const auto cost = [](uint64_t count, double price) { return static_cast<double>(count) * price; };
  Money money;
  if (s.is_remote) {
    money.requests = cost(s.sent_gets, p.get) + cost(s.sent_puts, p.put) +
                     cost(s.sent_swaps, p.swap) + cost(s.sent_lists, p.list) +
                     cost(s.sent_deletes, p.deletion);
    money.bytes = cost(s.bytes_received, p.bytes_out) + cost(s.bytes_sent, p.bytes_in);
  } else {
    money.requests = cost(s.gets + s.loads, p.get) + cost(s.puts, p.put) + cost(s.swaps, p.swap) +
                     cost(s.lists, p.list) + cost(s.deletes, p.deletion);
    money.bytes = cost(s.bytes_read, p.bytes_out) + cost(s.bytes_written, p.bytes_in);
  }
  money.requests /= kRequestsUnit;
  money.bytes /= kBytesUnit;
  return money;
}

std::string amount_text(double amount) {
  char text[64];
  std::snprintf(text, sizeof text, amount >= 0.01 ? "%.4f" : "%.9f", amount);
  std::string out = text;
  while (out.ends_with('0')) out.pop_back();
  if (out.ends_with('.')) out.pop_back();
  return out;
}

}  // namespace dreamdb::cli
