// Parsing with exceptions of the library turned into Results.
#include "cli/json.h"

#include <string>

namespace dreamdb::cli {

namespace {

// The library builds and destroys deep values by recursion in places; hold it to kJsonDepthMax.
bool too_deep(std::string_view text) {
  size_t depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kJsonDepthMax) return true;
    } else if (c == ']' || c == '}') {
      if (depth > 0) --depth;
    }
  }
  return false;
}

}  // namespace

Result<Json> parse_json(std::string_view text) {
  if (too_deep(text)) {
    return fail(Code::kInvalidArgument,
                "JSON nested deeper than " + std::to_string(kJsonDepthMax) + " levels");
  }
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const Json::exception& error) {
    std::string what = error.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 7: ..." from the column on.
    if (const size_t at = what.find("column "); at != std::string::npos) what.erase(0, at);
    const bool cut = what.find("unexpected end of input") != std::string::npos;
    return fail(Code::kInvalidArgument,
                (cut ? "JSON is cut short: " : "JSON is malformed: ") + what);
  }
}

std::string json_line(const OrderedJson& value) {
  return value.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

std::string json_quoted(std::string_view text) { return json_line(OrderedJson(std::string(text))); }

}  // namespace dreamdb::cli
