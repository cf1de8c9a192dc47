#include "format/segment_strings.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <string_view>
#include <unordered_map>

#include "base/checked.h"
#include "codec/utf8.h"

namespace dreamdb {
namespace {

// More distinct words than this are rarely worth a dictionary, and bound the memory of the search.
constexpr size_t kWordsMax = 65'536;
// If so many of the first values are nearly all distinct, the rest is taken to be so too.
constexpr size_t kProbeRows = 8192;

std::string_view text_of(const Column& column, size_t row) {
  return column.is_valid(row) ? column.text(row) : std::string_view();
}

// A block of u32 offsets[n + 1] from 0 and the bytes of n strings.
template <typename TextAt>
Buffer pack_strings(size_t count, uint64_t text_bytes, TextAt text_at) {
  MutableBuffer block(4 * (count + 1) + text_bytes);
  std::byte* const text = block.data() + 4 * (count + 1);
  uint32_t offset = 0;
  std::memcpy(block.data(), &offset, 4);
  for (size_t i = 0; i < count; ++i) {
    const std::string_view value = text_at(i);
    if (!value.empty()) std::memcpy(text + offset, value.data(), value.size());
    offset += static_cast<uint32_t>(value.size());
    std::memcpy(block.data() + 4 * (i + 1), &offset, 4);
  }
  return std::move(block).freeze();
}

// Raw bytes of the column in plain blocks.
uint64_t plain_bytes(const Column& column, uint64_t rows) {
  uint64_t bytes = 4 * (rows + ceil_div(rows, kScalarRowsPerBlock));
  for (uint64_t row = 0; row < rows; ++row) bytes += text_of(column, row).size();
  return bytes;
}

// Distinct words in the order of their bytes, and the index of each row's.
struct Words {
  std::vector<std::string_view> sorted;
  std::vector<uint32_t> index;
  uint64_t text_bytes = 0;

  uint64_t dict_bytes() const { return 4 * (sorted.size() + 1) + text_bytes; }
};

// Sorts the words, which stand in the order of their first rows, and renames the indexes.
void sort_words(Words& words, const Column& column) {
  std::vector<uint32_t> order(words.sorted.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::sort(order,
                    [&](uint32_t a, uint32_t b) { return words.sorted[a] < words.sorted[b]; });
  std::vector<uint32_t> rank(order.size());
  std::vector<std::string_view> sorted(order.size());
  for (uint32_t i = 0; i < order.size(); ++i) {
    rank[order[i]] = i;
    sorted[i] = words.sorted[order[i]];
  }
  words.sorted = std::move(sorted);
  for (size_t row = 0; row < words.index.size(); ++row)
    words.index[row] = column.is_valid(row) ? rank[words.index[row]] : 0;
}

// Nothing when a dictionary and its indexes would not be smaller than the plain column.
std::optional<Words> find_words(const Column& column, uint64_t rows) {
  const uint64_t plain = plain_bytes(column, rows);
  Words words;
  words.index.resize(rows);
  std::unordered_map<std::string_view, uint32_t> ids;
  size_t seen = 0;
  for (size_t row = 0; row < rows; ++row) {
    if (!column.is_valid(row)) continue;
    const auto next = static_cast<uint32_t>(words.sorted.size());
    const auto [found, is_new] = ids.try_emplace(column.text(row), next);
    words.index[row] = found->second;
    if (is_new) {
      words.sorted.push_back(found->first);
      words.text_bytes += found->first.size();
    }
    const bool hopeless = ++seen == kProbeRows && words.sorted.size() > kProbeRows / 8 * 7;
    if (hopeless || words.sorted.size() > kWordsMax || words.dict_bytes() >= plain)
      return std::nullopt;
  }
  const unsigned width = static_cast<unsigned>(std::bit_width(words.sorted.size() - 1));
  const uint64_t index_bytes = ceil_div(rows * width, 8) + 16 * ceil_div(rows, kScalarRowsPerBlock);
  if (words.dict_bytes() + index_bytes >= plain || words.dict_bytes() > kBlockBytesMax)
    return std::nullopt;
  sort_words(words, column);
  return words;
}

RunDraft dict_run(const Words& words) {
  RunDraft draft = empty_run(words.sorted.size(), words.sorted.size());
  const Buffer raw = pack_strings(words.sorted.size(), words.text_bytes,
                                  [&](size_t i) { return words.sorted[i]; });
  add_block(draft, encode_block(Item::kBytes, raw, true), raw.size());
  return draft;
}

RunDraft index_run(const Words& words) {
  RunDraft draft = empty_run(words.index.size(), kScalarRowsPerBlock);
  for (size_t at = 0; at < words.index.size(); at += kScalarRowsPerBlock) {
    const size_t count = std::min<size_t>(kScalarRowsPerBlock, words.index.size() - at);
    const Buffer raw = Buffer::copy_of(std::as_bytes(std::span(words.index).subspan(at, count)));
    add_block(draft, encode_block(Item::kU32, raw, false), raw.size());
  }
  return draft;
}

Result<RunDraft> plain_run(const Column& column, uint64_t rows) {
  RunDraft draft = empty_run(rows, kScalarRowsPerBlock);
  for (uint64_t at = 0; at < rows; at += kScalarRowsPerBlock) {
    const uint64_t count = std::min(kScalarRowsPerBlock, rows - at);
    uint64_t bytes = 0;
    for (uint64_t row = at; row < at + count; ++row) bytes += text_of(column, row).size();
    if (bytes + 4 * (count + 1) > kBlockBytesMax)
      return bad_input("column `" + column.name + "`: " + std::to_string(count) + " strings of " +
                       std::to_string(bytes) +
                       " bytes exceed a block of 1 GiB; use a field of type text");
    const Buffer raw =
        pack_strings(count, bytes, [&](size_t i) { return text_of(column, at + i); });
    add_block(draft, encode_block(Item::kBytes, raw, true), raw.size());
  }
  return draft;
}

}  // namespace

Status check_strings(const Column& column, uint64_t rows) {
  const auto* offsets = reinterpret_cast<const uint32_t*>(column.offsets.data());
  for (uint64_t row = 0; row < rows; ++row) {
    if (offsets[row] > offsets[row + 1] || offsets[row + 1] > column.values.size())
      return bad_input("column `" + column.name + "` row " + std::to_string(row) + ": offsets " +
                       std::to_string(offsets[row]) + ", " + std::to_string(offsets[row + 1]) +
                       " do not ascend within " + std::to_string(column.values.size()) + " bytes");
    const std::string_view text = column.text(row);
    if (text.size() > kScalarStringBytesMax)
      return bad_input("column `" + column.name + "` row " + std::to_string(row) +
                       ": a string of " + std::to_string(text.size()) +
                       " bytes, expected at most 1 MiB; use a field of type text");
    if (!is_utf8(text))
      return bad_input("column `" + column.name + "` row " + std::to_string(row) +
                       ": the string is not valid UTF-8; encode it, or use a field of type blob");
  }
  return {};
}

Result<StringRuns> string_runs(const Column& column, uint64_t rows) {
  if (const auto words = find_words(column, rows))
    return StringRuns{dict_run(*words), index_run(*words)};
  DREAMDB_ASSIGN(RunDraft data, plain_run(column, rows));
  return StringRuns{std::nullopt, std::move(data)};
}

}  // namespace dreamdb
