// How many records make a piece of a stream.
//
// Thread rule: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "format/manifest.h"
#include "stream/stream_options.h"

namespace dreamdb {

// About the bytes that one record takes in the chosen fields: those that are handed out in place
// when rows stand together, and those that are not.
struct RowBytes {
  uint64_t in_place = 8;
  uint64_t apart = 0;
};
RowBytes estimate_row_bytes(const Manifest& manifest, const RowStreamOptions& options);

// Whole batches, so that a batch lies in one piece and is not copied; parts of a batch only where
// payloads outweigh what would be copied.
size_t rows_in_piece(const RowBytes& row, uint64_t piece_bytes, size_t batch_rows);

// True when segments are so small that planning reads them whole: then what is planned is held.
bool plans_hold_data(const Manifest& manifest, const RowStreamOptions& options);

}  // namespace dreamdb
