// Rows as JSON objects and as cells of a table: the counterpart of row_builder.h.
//
// What `append_row` writes, `ingest` reads back: matrices as nested lists, NaN and infinities as
// text, timestamps in nanoseconds, absent values as null.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "dreamdb/dataset.h"

namespace dreamdb::cli {

// Blobs other than text: {"base64": "..."} with `bytes`, else {"size": 123, "blake3": "..."}.
enum class BlobForm : uint8_t { kDigest, kBytes };

// {"_anchor":5,"caption":"...",...} without an end of line. `extra` goes after the anchor, for
// example ",\"_score\":0.5".
void append_row(std::string& out, const Batch& batch, size_t row, BlobForm form,
                std::string_view extra = "");

// One value, as above.
void append_value(std::string& out, const Column& column, size_t row, BlobForm form);

// The same for people, on one line of at most `max_chars` characters.
std::string value_cell(const Column& column, size_t row, size_t max_chars);

// BLAKE3 of the bytes as 64 hexadecimal digits, as the tool b3sum prints it.
std::string blake3_hex(const Buffer& bytes);

// One scalar as JSON.
std::string scalar_json(const Scalar& value);

}  // namespace dreamdb::cli
