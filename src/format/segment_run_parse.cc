// Reads one run of a segment's footer and checks it (spec 7.1 and the rules of each use).
#include <bit>
#include <cstring>

#include "base/checked.h"
#include "format/envelope.h"
#include "format/segment_runs.h"

namespace dreamdb {
namespace {

static_assert(std::endian::native == std::endian::little, "block tables are copied as they stand");

constexpr uint8_t bit(Codec codec) {
  return static_cast<uint8_t>(1u << static_cast<unsigned>(codec));
}

struct UseRule {
  Item item;
  uint64_t per;    // 0: all items in one block
  uint8_t codecs;  // allowed ones, a bit for each
};

constexpr uint8_t kRawOnly = bit(Codec::kRaw);
constexpr uint8_t kRawOrZstd = bit(Codec::kRaw) | bit(Codec::kZstd);
constexpr uint8_t kIntegerCodecs = kRawOrZstd | bit(Codec::kFrameOfReference);
constexpr uint8_t kAnchorCodecs = kRawOrZstd | bit(Codec::kDelta);

UseRule rule_of(RunUse use, uint64_t row_bytes) {
  switch (use) {
    case RunUse::kAnchors: return {Item::kU64, kAnchorsPerBlock, kAnchorCodecs};
    case RunUse::kIndex: return {Item::kU32, kIndexRowsPerBlock, kIntegerCodecs};
    case RunUse::kPayloads: return {Item::kBytes, 1, kRawOrZstd};
    case RunUse::kBitmap: return {Item::kBytes, kScalarRowsPerBlock, kRawOrZstd};
    case RunUse::kDict: return {Item::kBytes, 0, kRawOrZstd};
    case RunUse::kIntegers: return {Item::kI64, kScalarRowsPerBlock, kIntegerCodecs};
    case RunUse::kFloats: return {Item::kBytes, kScalarRowsPerBlock, kRawOrZstd};
    case RunUse::kDictIndexes: return {Item::kU32, kScalarRowsPerBlock, kIntegerCodecs};
    case RunUse::kStrings: return {Item::kBytes, kScalarRowsPerBlock, kRawOrZstd};
    case RunUse::kMatrix: return {Item::kBytes, matrix_rows_per_block(row_bytes), kRawOnly};
    case RunUse::kCodes: return {Item::kBytes, code_rows_per_block(row_bytes), kRawOnly};
  }
  return {Item::kBytes, 1, 0};
}

struct SizeRange {
  uint64_t least, most;
};

// Raw bytes of a block of `items` items; no product overflows: items < 2^25, row_bytes <= 2^30.
SizeRange raw_sizes(RunUse use, uint64_t items, uint64_t row_bytes) {
  const auto exactly = [](uint64_t bytes) { return SizeRange{bytes, bytes}; };
  switch (use) {
    case RunUse::kAnchors:
    case RunUse::kIntegers:
    case RunUse::kFloats: return exactly(8 * items);
    case RunUse::kIndex:
    case RunUse::kDictIndexes: return exactly(4 * items);
    case RunUse::kBitmap: return exactly(ceil_div(items, 8));
    case RunUse::kMatrix:
    case RunUse::kCodes: return exactly(row_bytes * items);
    case RunUse::kDict:
    case RunUse::kStrings: return {4 * (items + 1), kBlockBytesMax};
    case RunUse::kPayloads: return {0, kBlockBytesMax};
  }
  return {0, 0};
}

std::string label(std::string_view name) { return "run `" + std::string(name) + "`"; }

// The fields of a run as they stand in the footer.
struct RawRun {
  uint64_t at = 0, items = 0, per = 0;
  std::span<const std::byte> sizes, hashes;
  std::optional<std::span<const std::byte>> codecs, raws;
};

Result<RawRun> read_fields(CborReader& in, std::string_view name) {
  RawRun raw;
  const auto into = [](auto& table) {
    return [&table](CborReader& value) -> Status {
      DREAMDB_ASSIGN(table, value.bytes());
      return {};
    };
  };
  MapReader map(in);
  map.uint("at", raw.at);
  map.uint("per", raw.per);
  map.optional("raws", into(raw.raws));
  map.uint("items", raw.items);
  map.value("sizes", into(raw.sizes));
  map.optional("codecs", into(raw.codecs));
  map.value("hashes", into(raw.hashes));
  DREAMDB_TRY(map.end());
  if (raw.codecs.has_value() != raw.raws.has_value())
    return footer_bad(label(name) + " has one of `codecs` and `raws` without the other");
  return raw;
}

Status check_tables(const RawRun& raw, std::string_view name, uint64_t blocks) {
  const auto check = [&](std::string_view key, std::span<const std::byte> table,
                         uint64_t bytes_each) -> Status {
    if (table.size() == blocks * bytes_each) return {};
    return footer_bad(label(name) + ": `" + std::string(key) + "` has " +
                      std::to_string(table.size()) + " bytes, expected " +
                      std::to_string(blocks * bytes_each) + " for " + std::to_string(blocks) +
                      " blocks");
  };
  DREAMDB_TRY(check("sizes", raw.sizes, sizeof(uint32_t)));
  DREAMDB_TRY(check("hashes", raw.hashes, sizeof(Hash)));
  if (!raw.codecs) return {};
  DREAMDB_TRY(check("codecs", *raw.codecs, 1));
  return check("raws", *raw.raws, sizeof(uint32_t));
}

template <typename T>
void copy_table(std::span<const std::byte> table, std::vector<T>& out) {
  out.resize(table.size() / sizeof(T));
  if (!table.empty()) std::memcpy(out.data(), table.data(), table.size());
}

Status check_blocks(const Run& run, std::string_view name) {
  for (size_t i = 0; i < run.blocks(); ++i) {
    const bool known = run.codec(i) <= Codec::kDelta;
    const bool sized = run.sizes[i] <= kBlockBytesMax && run.raw_size(i) <= kBlockBytesMax;
    const bool agrees = run.codec(i) != Codec::kRaw || run.raw_size(i) == run.sizes[i];
    if (known && sized && agrees) continue;
    return footer_bad(label(name) + " block " + std::to_string(i) + ": codec " +
                      std::to_string(static_cast<int>(run.codec(i))) + " with " +
                      std::to_string(run.sizes[i]) + " stored and " +
                      std::to_string(run.raw_size(i)) +
                      " raw bytes; expected codec 0 to 3, at most 1 GiB, and equal sizes for 0");
  }
  return {};
}

}  // namespace

std::unexpected<Error> footer_bad(std::string what) {
  return fail(Code::kCorruption, std::move(what));
}

Item run_item(RunUse use) { return rule_of(use, 0).item; }

RunUse data_use(const ScalarColumn& column) {
  switch (column.type) {
    case FieldType::kBool: return RunUse::kBitmap;
    case FieldType::kFloat: return RunUse::kFloats;
    case FieldType::kString:
    case FieldType::kCategorical: return column.dict ? RunUse::kDictIndexes : RunUse::kStrings;
    default: return RunUse::kIntegers;
  }
}

Result<Run> parse_run(CborReader& in, std::string_view name) {
  DREAMDB_ASSIGN(const RawRun raw, read_fields(in, name));
  if (raw.at < kSegmentHeaderBytes || raw.at > kSegmentBytesMax || raw.at % kRunAlignment != 0)
    return footer_bad(label(name) + " begins at " + std::to_string(raw.at) +
                      ", expected a multiple of 64 in [64, 4 GiB]");
  if (raw.per == 0 || raw.items > kSegmentRowsMax)
    return footer_bad(label(name) + " has " + std::to_string(raw.items) + " items, " +
                      std::to_string(raw.per) + " a block; expected at most 2^24, at least 1");
  DREAMDB_TRY(check_tables(raw, name, ceil_div(raw.items, raw.per)));

  Run run;
  run.at = raw.at;
  run.items = raw.items;
  run.per = raw.per;
  copy_table(raw.sizes, run.sizes);
  copy_table(raw.hashes, run.hashes);
  if (raw.codecs) {
    copy_table(*raw.codecs, run.codecs);
    copy_table(*raw.raws, run.raws);
  }
  DREAMDB_TRY(check_blocks(run, name));
  compute_starts(run);  // at most 2^32 + 2^24 * 2^30: no overflow
  return run;
}

Status check_run_use(const Run& run, std::string_view name, RunUse use, uint64_t items,
                     uint64_t row_bytes) {
  const UseRule rule = rule_of(use, row_bytes);
  const uint64_t per = rule.per != 0 ? rule.per : run.items;
  if (run.items != items || run.per != per)
    return footer_bad(label(name) + " has " + std::to_string(run.items) + " items, " +
                      std::to_string(run.per) + " a block; expected " + std::to_string(items) +
                      ", " + std::to_string(per) + " a block");
  for (size_t i = 0; i < run.blocks(); ++i) {
    if ((rule.codecs & bit(run.codec(i))) == 0)
      return footer_bad(label(name) + " block " + std::to_string(i) + " has codec " +
                        std::to_string(static_cast<int>(run.codec(i))) +
                        ", which this use does not allow");
    const SizeRange expected = raw_sizes(use, run.block_items(i), row_bytes);
    if (run.raw_size(i) < expected.least || run.raw_size(i) > expected.most)
      return footer_bad(label(name) + " block " + std::to_string(i) + " has " +
                        std::to_string(run.raw_size(i)) + " raw bytes, expected " +
                        std::to_string(expected.least) +
                        (expected.most != expected.least ? " or more" : ""));
  }
  return {};
}

}  // namespace dreamdb
