#include "index/code_spill.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>

#include "dreamdb/interrupt.h"

namespace dreamdb {

namespace {

constexpr size_t kHeldRowsMin = 64;

std::string temporary_folder() {
  const char* const set = std::getenv("TMPDIR");
  return set != nullptr && *set != '\0' ? set : "/tmp";
}

std::unexpected<Error> disk_error(std::string_view what) {
  const int error = errno;
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return fail(full ? Code::kExhausted : Code::kUnavailable,
              "cannot " + std::string(what) + " a temporary file in " + temporary_folder() + ": " +
                  std::strerror(error) + "; codes on their way need about 100 bytes a row there; " +
                  "set TMPDIR to a folder with more room");
}

Result<std::FILE*> open_temporary() {
  std::string path = temporary_folder() + "/dreamdb-XXXXXX";
  const int file = ::mkostemp(path.data(), O_CLOEXEC);
  if (file < 0) return disk_error("make");
  ::unlink(path.c_str());
  std::FILE* const stream = ::fdopen(file, "w+b");
  if (stream != nullptr) return stream;
  ::close(file);
  return disk_error("make");
}

}  // namespace

CodeSpill::CodeSpill(const SpatialIndex& index, uint64_t rows, std::span<const uint64_t> cell_rows,
                     uint64_t memory_bytes, uint64_t piece_bytes)
    : index_(index), piece_rows_(std::max<uint64_t>(1, piece_bytes / CodeTable::row_bytes(index))) {
  uint64_t sample_rows = 0;
  for (const uint64_t count : cell_rows) sample_rows += count;
  const double scale =
      sample_rows == 0 ? 0 : static_cast<double>(rows) / static_cast<double>(sample_rows);
  first_cells_.push_back(0);
  double held = 0;
  for (size_t cell = 0; cell < cell_rows.size(); ++cell) {
    const double more = scale * static_cast<double>(cell_rows[cell]);
    if (held > 0 && held + more > static_cast<double>(piece_rows_)) {
      first_cells_.push_back(static_cast<uint32_t>(cell));
      held = 0;
    }
    held += more;
  }
  for (size_t i = 0; i < first_cells_.size(); ++i) parts_.push_back({CodeTable(index), nullptr});
  const uint64_t rows_max = memory_bytes / CodeTable::row_bytes(index);
  held_rows_max_ =
      rows <= rows_max ? SIZE_MAX : std::max<uint64_t>(kHeldRowsMin, rows_max / 4 / parts_.size());
}

Status CodeSpill::flush(Part& part) {
  if (part.file == nullptr) {
    DREAMDB_ASSIGN(std::FILE* const file, open_temporary());
    part.file.reset(file);
  }
  if (!part.held.write(part.file.get())) return disk_error("write");
  part.rows += part.held.rows();
  part.held = CodeTable(index_);
  return {};
}

Status CodeSpill::add(const CodeTable& codes) {
  rows_ += codes.rows();
  if (parts_.size() == 1) {
    parts_[0].held.append(codes);
  } else {
    for (size_t row = 0; row < codes.rows(); ++row) {
      const auto after = std::ranges::upper_bound(first_cells_, codes.cells()[row]);
      parts_[static_cast<size_t>(after - first_cells_.begin()) - 1].held.append_row(codes, row);
    }
  }
  for (Part& part : parts_)
    if (part.held.rows() > held_rows_max_) DREAMDB_TRY(flush(part));
  return {};
}

Status CodeSpill::finish(const std::function<Status(const CodeTable&)>& use) {
  for (Part& part : parts_) {
    DREAMDB_TRY(check_interrupt());
    if (part.file != nullptr) {
      if (part.held.rows() > 0) DREAMDB_TRY(flush(part));
      if (std::fseek(part.file.get(), 0, SEEK_SET) != 0) return disk_error("read");
    }
    for (uint64_t left = part.file ? part.rows : part.held.rows(); left > 0;) {
      const uint64_t take = std::min(left, 2 * piece_rows_);
      if (part.file == nullptr && take == part.held.rows()) {
        DREAMDB_TRY(use(part.held));
      } else {
        CodeTable piece(index_);
        if (part.file != nullptr) {
          if (!piece.read(part.file.get(), take)) return disk_error("read");
        } else {
          for (uint64_t i = 0; i < take; ++i)
            piece.append_row(part.held, part.held.rows() - left + i);
        }
        DREAMDB_TRY(use(piece));
      }
      left -= take;
    }
    part.held = CodeTable(index_);
    part.file.reset();
  }
  return {};
}

}  // namespace dreamdb
