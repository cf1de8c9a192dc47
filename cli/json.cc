// Parsing with exceptions of the library turned into Results.
#include "cli/json.h"

#include <set>
#include <string>
#include <vector>

#include "cli/elements.h"
#include "cli/text.h"

namespace dreamdb::cli {

namespace {

// What a text shows before it is parsed.
struct Glance {
  // The library builds and destroys deep values by recursion in places; hold it to kJsonDepthMax.
  bool too_deep = false;
  size_t members = 0;  // of all its objects
};

Glance glance_at(std::string_view text) {
  Glance seen;
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
      if (++depth > kJsonDepthMax) {
        seen.too_deep = true;
        return seen;
      }
    } else if (c == ']' || c == '}') {
      if (depth > 0) --depth;
    } else if (c == ':') {
      ++seen.members;
    }
  }
  return seen;
}

// Of all objects in `value`; of equal keys the library keeps the last.
size_t members_of(const Json& value) {
  size_t members = value.is_object() ? value.size() : 0;
  for (const Json& inner : value)
    if (inner.is_structured()) members += members_of(inner);
  return members;
}

// The first key that stands twice in an object of `text`.
std::string repeated_key(std::string_view text) {
  std::vector<std::set<std::string>> objects;
  std::string repeated;
  [[maybe_unused]] const Json parsed =
      Json::parse(text.begin(), text.end(), [&](int, Json::parse_event_t event, Json& value) {
        if (event == Json::parse_event_t::object_start) objects.emplace_back();
        if (event == Json::parse_event_t::object_end) objects.pop_back();
        if (event == Json::parse_event_t::key && repeated.empty() &&
            !objects.back().insert(value.get<std::string>()).second)
          repeated = value.get<std::string>();
        return true;
      });
  return repeated;
}

}  // namespace

Result<Json> parse_json(std::string_view text) {
  // The library takes a NUL for the end of the text and would say nothing of what follows.
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return fail(Code::kInvalidArgument, "a NUL byte at column " + std::to_string(nul + 1) +
                                            ", which JSON never holds; write the text as UTF-8");
  }
  const Glance glance = glance_at(text);
  if (glance.too_deep) {
    return fail(Code::kInvalidArgument,
                "JSON nested deeper than " + std::to_string(kJsonDepthMax) + " levels");
  }
  try {
    Json value = Json::parse(text.begin(), text.end());
    const size_t kept = value.is_structured() ? members_of(value) : 0;
    if (kept == glance.members) return value;
    return fail(Code::kInvalidArgument, "the key " + json_quoted(repeated_key(text)) +
                                            " stands twice in one object; leave one of them");
  } catch (const Json::out_of_range& error) {
    // "[json.exception.out_of_range.406] number overflow parsing '1e400'"
    const std::string_view what = error.what();
    const size_t quote = what.find('\'');
    const std::string number =
        quote == std::string_view::npos ? "a number" : one_line(what.substr(quote), 60);
    return fail(Code::kInvalidArgument,
                number + " is " + beyond_text(Dtype::kF64) + "; no field holds it");
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
