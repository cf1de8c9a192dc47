// Which ranges to fetch for a wave of reads: neighbours together, large ones in pieces.
//
// Two ranges of one object whose gap is small come with one request: reading through 128 KiB takes
// less than asking again. No piece has more than 8 MiB, so that one large range crosses several
// connections. A range whose end is not known is read in its first piece; how long the object is,
// the reply says.
//
// Thread rule: pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace dreamdb {

constexpr uint64_t kReadGapMax = 128 << 10;
constexpr uint64_t kReadPieceMax = 8 << 20;
// A request beyond this size asks for "all the rest", however long.
constexpr uint64_t kReadSizeMax = 1 << 30;

// No object is so long. Ranges that begin further on are asked for here: servers compute with
// signed numbers.
constexpr uint64_t kObjectSizeMax = 1ull << 50;

struct ReadPiece {
  std::string_view key;  // of the request it was made for
  uint64_t offset = 0;
  uint64_t size = 0;    // 1 to kReadPieceMax
  uint64_t wanted = 0;  // bytes of it that requests asked for, counted once for each
};

// Where the bytes of one request are: pieces[first], ... pieces[first + count - 1], in order.
struct ReadPlace {
  size_t first = 0;
  size_t count = 0;      // 0: a request for no bytes
  bool is_open = false;  // more may follow the last piece: see the size of the object
};

struct ReadPlan {
  std::vector<ReadPiece> pieces;
  std::vector<ReadPlace> places;  // one for each request
};

// `requests` must outlive the plan. Those whose `skip` is true get no pieces.
ReadPlan plan_reads(std::span<const ReadRequest> requests, const std::vector<bool>& skip);

}  // namespace dreamdb
