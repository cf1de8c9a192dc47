#include "http/http_date.h"

#include <curl/curl.h>

#include <string>

namespace dreamdb {

namespace {

constexpr int64_t kYear2000 = 946'684'800;
constexpr int64_t kYear2200 = 7'258'118'400;
constexpr size_t kDateSizeMax = 64;

}  // namespace

std::optional<int64_t> parse_http_date(std::string_view text) {
  if (text.empty() || text.size() > kDateSizeMax) return std::nullopt;
  const auto seconds = int64_t{curl_getdate(std::string(text).c_str(), nullptr)};
  if (seconds < kYear2000 || seconds >= kYear2200) return std::nullopt;
  return seconds;
}

}  // namespace dreamdb
