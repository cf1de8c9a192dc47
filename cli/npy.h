// NumPy's .npy files (format versions 1.0, 2.0 and 3.0): header, bounds, and rows as bytes.
//
// Little-endian and C order only; what is refused says how to save the array anew.
// Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
// Thread rule: values; an NpyFile may be read from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dreamdb/buffer.h"
#include "dreamdb/result.h"

namespace dreamdb::cli {

// The longest header that is read. A real one has some hundred bytes.
inline constexpr size_t kNpyHeaderMax = 64 * 1024;

enum class NpyKind : uint8_t {
  kBool,
  kInt,
  kUint,
  kFloat,
  kRaw,   // |V2: sixteen bits without a meaning, as bfloat16 arrays are saved
  kTime,  // datetime64 of s, ms, us or ns
};

struct NpyHeader {
  std::string descr;  // as it stands in the file, for example "<f4"
  NpyKind kind = NpyKind::kFloat;
  size_t item_bytes = 4;
  int64_t time_unit_ns = 1;     // kTime only
  std::vector<uint64_t> shape;  // as it stands in the file; never empty
  uint64_t data_offset = 0;     // where the first row begins

  uint64_t rows() const { return shape.front(); }
  std::vector<uint64_t> row_shape() const { return {shape.begin() + 1, shape.end()}; }
  uint64_t row_items() const;  // the product of row_shape; checked against overflow by the parser
  uint64_t row_bytes() const { return row_items() * item_bytes; }
};

// Reads the header at the front of `prefix`: the whole file, or its first kNpyHeaderMax + 16 bytes.
// `file_bytes` is the size of the whole file: the data must be all there. `name` stands in
// messages. InvalidArgument: no .npy file, cut short, malformed, an order or a type that is not
// read.
Result<NpyHeader> parse_npy_header(std::string_view prefix, uint64_t file_bytes,
                                   std::string_view name);

// A version 1.0 header of always the same size (so the number of rows can be written in later).
std::string write_npy_header(std::string_view descr, uint64_t rows,
                             const std::vector<uint64_t>& row_shape);

// An open .npy file, read by ranges of rows: memory is that of the rows asked for.
class NpyFile {
 public:
  // NotFound, Denied, Unavailable: what the system said. InvalidArgument: as parse_npy_header.
  static Result<NpyFile> open(const std::string& path);

  const NpyHeader& header() const { return header_; }
  const std::string& path() const { return path_; }

  // The bytes of rows [first, first + count), which must lie inside. Corruption: the file has
  // become shorter since it was opened.
  Result<Buffer> read_rows(uint64_t first, uint64_t count) const;

 private:
  std::string path_;
  std::shared_ptr<const int> fd_;
  NpyHeader header_;
};

}  // namespace dreamdb::cli
