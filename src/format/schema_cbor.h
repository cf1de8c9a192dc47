// A schema as a manifest keeps it (spec chapter 5.1).
#pragma once

#include <map>
#include <string>

#include "codec/cbor.h"
#include "dreamdb/schema.h"

namespace dreamdb {

Result<Schema> parse_schema(CborReader& in);
void write_schema(const Schema& schema, CborWriter& out);

// A map text to text, at most `bytes_max` bytes in keys and values and `keys_max` keys.
Result<std::map<std::string, std::string>> parse_text_map(CborReader& in, size_t keys_max,
                                                          size_t bytes_max);
void write_text_map(const std::map<std::string, std::string>& map, CborWriter& out);

}  // namespace dreamdb
