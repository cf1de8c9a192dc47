// Any bytes as an .npy file: a header or a typed error, and values only from inside the bytes.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cli/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace dreamdb::cli;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto header = parse_npy_header(bytes.substr(0, kNpyHeaderMax + 16), size, "input.npy");
  if (!header) return header.error().message.empty() ? std::abort(), 0 : 0;
  // What was accepted lies in the file to the last byte, and is written and read back the same.
  if (header->data_offset + header->rows() * header->row_bytes() != size) std::abort();
  const std::string written = write_npy_header("<f4", header->rows(), header->row_shape());
  const uint64_t total = written.size() + header->rows() * header->row_items() * 4;
  if (header->row_items() != 0 && header->row_items() <= size && header->rows() <= size) {
    const auto again = parse_npy_header(written, total, "written.npy");
    if (!again || again->shape != header->shape) std::abort();
  }
  return 0;
}
