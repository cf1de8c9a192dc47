// What requests and bytes cost, by a table that the user keeps: no price is known to the program.
#pragma once

#include <string>
#include <string_view>

#include "dreamdb/dataset.h"
#include "dreamdb/result.h"

namespace dreamdb::cli {

struct Prices {
  std::string currency;
  // For 1,000 requests. A swap is a write under a condition; reading a ref is a get.
  double get = 0, put = 0, swap = 0, list = 0, deletion = 0;
  // For 10^9 bytes that leave the store, and that go into it.
  double bytes_out = 0, bytes_in = 0;
};

// {"currency": "USD", "per_1000_requests": {"get": 0.1, ...}, "per_gb": {"out": 0.2, "in": 0}}
// and, if wanted, "note" with any text. What is left out costs nothing. InvalidArgument: what is
// wrong, with the name of the file.
Result<Prices> parse_prices(std::string_view json, const std::string& file);

struct Money {
  double requests = 0, bytes = 0;
  double sum() const { return requests + bytes; }
};

// Of what was sent; for a store where nothing is sent, of what was asked of it.
Money money_of(const StoreStats& stats, const Prices& prices);

// An amount with the digits that matter: 12.3456, 0.0000004.
std::string amount_text(double amount);

}  // namespace dreamdb::cli
