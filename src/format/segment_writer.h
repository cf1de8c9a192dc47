// Shared by the builders of segments: runs in the making, and the assembly of the whole object.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "format/segment_runs.h"

namespace dreamdb {

// A run in the making. `at`, `starts` and, unless `hashed`, `hashes` are filled by assemble.
struct RunDraft {
  Run run;
  std::vector<std::span<const std::byte>> blocks;  // stored bytes, borrowed until assemble
  std::vector<Buffer> kept;                        // owners of blocks that nobody else owns
  bool hashed = false;

  uint64_t stored_bytes() const;
};

// A run of raw blocks cut from `bytes` = items x item_bytes.
RunDraft raw_run(std::span<const std::byte> bytes, uint64_t items, uint64_t per,
                 uint64_t item_bytes);
// An empty run for add_block; `items` and `per` as in the footer.
RunDraft empty_run(uint64_t items, uint64_t per);
void add_block(RunDraft& draft, Encoded block, uint64_t raw_size);

// A segment in the making: its footer, and the stored bytes of its runs in their order.
class SegmentDraft {
 public:
  // Checks the anchors and takes them as a sequence or a run. They stay borrowed until assemble.
  static Result<SegmentDraft> start(const Nonce& nonce, SegmentType type, FieldId field,
                                    std::span<const uint64_t> anchors);

  // Of codes, whose anchors stand in their blocks. `stats`: of the page entry.
  static SegmentDraft start_codes(const Nonce& nonce, FieldId field, CodeParts parts,
                                  std::span<const uint64_t> anchors, Stats stats);

  static SegmentDraft start_spatial(const Nonce& nonce, FieldId field, SpatialParts parts);

  Segment& segment() { return segment_; }
  uint64_t rows() const { return segment_.rows; }
  // Takes the blocks of the next run in the order of spec 7.2, and returns the run for the footer.
  Run add(RunDraft draft);

  // Lays out header, runs, padding, footer and trailer in one allocation of the exact size. Each
  // block is copied and hashed while it is in the cache. InvalidArgument if a limit is exceeded.
  Result<BuiltSegment> assemble() &&;

 private:
  struct Blocks {
    std::vector<std::span<const std::byte>> stored;
    std::vector<Buffer> kept;
    bool hashed;
  };

  void lay_out();
  void write_blocks(std::byte* object);

  Segment segment_;
  std::vector<Blocks> blocks_;
  uint64_t first_ = 0, last_ = 0;
};

std::unexpected<Error> bad_input(std::string what);

}  // namespace dreamdb
