#include "dreamdb/size.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>

#include "base/text.h"

namespace dreamdb {

namespace {

constexpr double kSizeMax = 1ull << 60;  // doubles tell whole bytes apart far below this
constexpr std::array<std::pair<std::string_view, uint64_t>, 10> kUnits = {{
    {"", 1},
    {"b", 1},
    {"kb", 1'000},
    {"mb", 1'000'000},
    {"gb", 1'000'000'000},
    {"tb", 1'000'000'000'000},
    {"kib", 1ull << 10},
    {"mib", 1ull << 20},
    {"gib", 1ull << 30},
    {"tib", 1ull << 40},
}};

std::unexpected<Error> wrong(std::string_view text, const char* what) {
  std::string shown;
  for (const char c : text.substr(0, 40)) shown += c >= ' ' && c <= '~' ? c : '?';
  return fail(Code::kInvalidArgument, "\"" + shown + "\" is no size: " + what +
                                          "; give a number with a unit (KB MB GB TB, or KiB MiB "
                                          "GiB TiB), for example 20GB");
}

}  // namespace

Result<uint64_t> parse_size(std::string_view text) {
  double number = 0;
  const bool begins = !text.empty() && text.front() >= '0' && text.front() <= '9';
  const auto parsed =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (!begins || parsed.ec != std::errc()) return wrong(text, "it does not begin with a number");
  const std::string unit =
      lower_ascii(trimmed(text.substr(static_cast<size_t>(parsed.ptr - text.data())), " "));
  const auto found = std::find_if(kUnits.begin(), kUnits.end(),
                                  [&](const auto& known) { return known.first == unit; });
  if (found == kUnits.end()) return wrong(text, "its unit is unknown");
  const double bytes = number * static_cast<double>(found->second);
  if (!(bytes <= kSizeMax)) return wrong(text, "it is too large");
  return static_cast<uint64_t>(bytes);
}

}  // namespace dreamdb
