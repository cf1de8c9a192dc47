// The JSON library under short names, and the one door through which text becomes JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "dreamdb/result.h"

namespace dreamdb::cli {

using Json = nlohmann::json;                 // what is read
using OrderedJson = nlohmann::ordered_json;  // what is written: keys stay in order

// Deepest nesting that is read; an array field of 32 dimensions needs 33.
inline constexpr size_t kJsonDepthMax = 64;

// Parses one value. InvalidArgument: malformed (with the place), cut short, nested too deep, or an
// object with a key twice; or a NUL byte anywhere.
Result<Json> parse_json(std::string_view text);

// `value` as one line. Text that is no UTF-8 comes out with replacement characters.
std::string json_line(const OrderedJson& value);

// `text` as a JSON string, quotes included.
std::string json_quoted(std::string_view text);

}  // namespace dreamdb::cli
