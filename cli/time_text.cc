// Civil dates by the calendar arithmetic of std::chrono; no clock is read here.
#include "cli/time_text.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

#include "cli/text.h"
#include "search/iso_time.h"

namespace dreamdb::cli {

namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kNsPerDay = 86'400 * kNsPerSecond;

}  // namespace

std::string iso_time(int64_t unix_ns) {
  const int64_t days = unix_ns / kNsPerDay - (unix_ns % kNsPerDay < 0 ? 1 : 0);
  const int64_t rest = unix_ns % kNsPerDay + (unix_ns % kNsPerDay < 0 ? kNsPerDay : 0);
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{days}}};
  const int64_t second = rest / kNsPerSecond;
  std::array<char, 80> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(second / 3600),
                static_cast<int>(second / 60 % 60), static_cast<int>(second % 60));
  std::string out = text.data();
  if (const int64_t fraction = rest % kNsPerSecond; fraction != 0) {
    std::string digits = std::to_string(fraction);
    digits.insert(0, 9 - digits.size(), '0');
    digits.erase(digits.find_last_not_of('0') + 1);
    out += "." + digits;
  }
  return out + "Z";
}

Result<int64_t> parse_time(std::string_view text) {
  int64_t plain = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), plain);
  if (error == std::errc() && end == text.data() + text.size()) return plain;
  auto time = parse_iso_time(text);
  if (time) return time;
  return fail(time.error().code, "\"" + one_line(text, 80) + "\": " + time.error().message);
}

}  // namespace dreamdb::cli
