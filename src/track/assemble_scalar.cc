#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "track/assemble.h"
#include "track/columns.h"

namespace dreamdb {

namespace {

// Decoded blocks of one run of one segment.
class Decoded {
 public:
  void add(size_t block, Buffer bytes) {
    is_sorted_ = is_sorted_ && (blocks_.empty() || blocks_.back().first < block);
    blocks_.emplace_back(block, std::move(bytes));
  }
  // After the last `add`.
  void sort() {
    if (!is_sorted_)
      std::sort(blocks_.begin(), blocks_.end(),
                [](const auto& a, const auto& b) { return a.first < b.first; });
    is_sorted_ = true;
  }
  // nullptr: not among them.
  const Buffer* find(size_t block) const {
    const auto at = std::lower_bound(blocks_.begin(), blocks_.end(), block,
                                     [](const auto& a, size_t b) { return a.first < b; });
    return at == blocks_.end() || at->first != block ? nullptr : &at->second;
  }

 private:
  std::vector<std::pair<size_t, Buffer>> blocks_;
  bool is_sorted_ = true;
};

class ScalarAssembler final : public Assembler {
 public:
  ScalarAssembler(Objects& objects, const Field& field, size_t rows, const TrackMatch* match,
                  uint64_t bytes_max)
      : objects_(objects),
        field_(field),
        rows_(rows),
        match_(match),
        bytes_max_(std::min<uint64_t>(bytes_max, UINT32_MAX)),
        text_(is_string(field.type)) {}

  Status begin(BlockFetch& fetch) override {
    if (match_ == nullptr) return {};
    for (const SegmentMatch& match : match_->segments) {
      const ScalarColumn* column = match.segment->segment.find_column(field_.id);
      if (column == nullptr) continue;
      if (column->type != field_.type)
        return fail(Code::kCorruption, segment_key(match.segment->segment.address) +
                                           ": holds field `" + field_.name +
                                           "` with another type than the schema");
      parts_.push_back({.match = &match, .column = column});
    }
    if (fits_in_place()) {
      const MatchRun& run = parts_[0].match->runs[0];
      const Run& data = parts_[0].column->data;
      in_place_ = fetch.want(parts_[0].match->segment, data, run.row / data.per,
                             (run.row + run.len - 1) / data.per - run.row / data.per + 1);
      return {};
    }
    for (Piece& part : parts_) {
      if (part.column->valid) want_blocks(fetch, part, *part.column->valid, part.valid);
      want_blocks(fetch, part, part.column->data, part.data);
      if (part.column->dict) want_dictionary(fetch, part);
    }
    return {};
  }

  bool is_at_hand() const override {
    return !in_place_ && wants_.empty() && std::ranges::none_of(parts_, [](const Piece& part) {
      return part.dictionary_extent.has_value();
    });
  }

  Status more(BlockFetch&) override { return {}; }

  Result<Column> finish(const BlockFetch& fetch) override {
    if (in_place_) return finish_in_place(fetch);
    keeps_decoded_ = fits_in_cache(fetch);
    DREAMDB_TRY(decode_wanted(fetch));
    return text_ ? finish_text(fetch) : finish_fixed(fetch);
  }

 private:
  struct Piece {
    const SegmentMatch* match;
    const ScalarColumn* column;
    Decoded valid = {};
    Decoded data = {};
    std::unordered_map<size_t, size_t> fetched = {};  // block of `data` -> extent that has it
    std::optional<size_t> dictionary_extent = {};
    std::shared_ptr<const Dictionary> dictionary = nullptr;
    // Plain texts are views of their blocks, so these stay until the column is joined.
    bool keeps_blocks(bool text) const { return text && !column->dict; }
  };
  struct Want {
    size_t piece;
    size_t extent;
    const Run* run;
  };

  // 8-byte values of consecutive rows in raw blocks: the fetched bytes are the column.
  bool fits_in_place() const {
    if (parts_.size() != 1 || text_ || field_.type == FieldType::kBool) return false;
    const Piece& part = parts_[0];
    if (part.column->valid || part.match->runs.size() != 1 || part.match->runs[0].len != rows_)
      return false;
    const MatchRun& run = part.match->runs[0];
    const Run& data = part.column->data;
    for (size_t b = run.row / data.per; b <= (run.row + run.len - 1) / data.per; ++b)
      if (data.codec(b) != Codec::kRaw) return false;
    // Small reads go through the cache of decoded blocks instead.
    return run.len >= data.per;
  }

  Result<Column> finish_in_place(const BlockFetch& fetch) {
    const MatchRun& run = parts_[0].match->runs[0];
    const Extent& extent = fetch.extent(*in_place_);
    const size_t skipped = run.row - extent.first_block * extent.run->per;
    Column out = empty_column(field_, 0);
    out.values = fetch.bytes(*in_place_).slice(skipped * 8, rows_ * 8);
    if (reinterpret_cast<uintptr_t>(out.values.data()) % 8 != 0)
      out.values = Buffer::copy_of(out.values.span());
    return out;
  }

  // The blocks of `run` that the matched rows touch: cached ones into `decoded`, others asked for.
  void want_blocks(BlockFetch& fetch, const Piece& part, const Run& run, Decoded& decoded) {
    const size_t piece = static_cast<size_t>(&part - parts_.data());
    std::optional<std::pair<size_t, size_t>> open;  // blocks [first, last] to ask for
    const auto ask = [&] {
      if (open)
        wants_.push_back(
            {piece,
             fetch.want(part.match->segment, run, open->first, open->second - open->first + 1),
             &run});
      open.reset();
    };
    size_t next = 0;
    for (const MatchRun& rows : part.match->runs)
      for (size_t b = std::max(next, rows.row / run.per); b <= (rows.row + rows.len - 1) / run.per;
           ++b) {
        next = b + 1;
        const Address& address = part.match->segment->segment.address;
        if (auto cached =
                objects_.caches().find<Buffer>({address, Part::kDecoded, cache_offset(run, b)})) {
          decoded.add(b, *cached);
          continue;
        }
        if (open && open->second + 1 == b) {
          open->second = b;
        } else {
          ask();
          open = {b, b};
        }
      }
    ask();
  }

  // Blocks of no bytes (frame of reference never is) share an offset with the next one; the block
  // number keeps their keys apart.
  static uint64_t cache_offset(const Run& run, size_t block) {
    return run.starts[block] + (static_cast<uint64_t>(block) << 40);
  }

  void want_dictionary(BlockFetch& fetch, Piece& part) {
    const Address& address = part.match->segment->segment.address;
    const Run& dict = *part.column->dict;
    part.dictionary = objects_.caches().find<Dictionary>({address, Part::kDictionary, dict.at});
    if (part.dictionary == nullptr)
      part.dictionary_extent = fetch.want(part.match->segment, dict, 0, dict.blocks());
  }

  // A read scattered over more blocks than this share of the cache keeps none of them: they would
  // push out the footers that the next read needs, and each other.
  static constexpr uint64_t kKeptShare = 4;

  bool fits_in_cache(const BlockFetch& fetch) const {
    uint64_t rows = 0;
    for (const Want& want : wants_) rows += fetch.extent(want.extent).block_count * want.run->per;
    return rows * sizeof(uint64_t) <= objects_.caches().small_bytes() / kKeptShare;
  }

  // Decodes validity and what must stay; other blocks are decoded where they are used, one at a
  // time, for a take that is scattered over many blocks would hold each of them twice.
  Status decode_wanted(const BlockFetch& fetch) {
    for (const Want& want : wants_) {
      Piece& part = parts_[want.piece];
      const bool is_valid_run = part.column->valid && want.run == &*part.column->valid;
      const Extent& extent = fetch.extent(want.extent);
      for (size_t b = extent.first_block; b < extent.first_block + extent.block_count; ++b) {
        if (!is_valid_run) part.fetched[b] = want.extent;
        if (!is_valid_run && !part.keeps_blocks(text_)) continue;
        DREAMDB_ASSIGN(Buffer raw, decode(fetch, part, *want.run, want.extent, b));
        (is_valid_run ? part.valid : part.data).add(b, std::move(raw));
      }
    }
    for (Piece& part : parts_) {
      part.valid.sort();
      part.data.sort();
      if (!part.dictionary_extent) continue;
      const Segment& segment = part.match->segment->segment;
      DREAMDB_ASSIGN(
          Dictionary decoded,
          decode_dictionary(segment, *part.column,
                            Buffer::copy_of(fetch.bytes(*part.dictionary_extent).span())));
      const size_t memory = decoded.raw.size() + decoded.words.size() * sizeof(std::string_view);
      part.dictionary = std::make_shared<const Dictionary>(std::move(decoded));
      objects_.caches().keep<Dictionary>(
          {segment.address, Part::kDictionary, part.column->dict->at}, part.dictionary, memory);
    }
    return {};
  }

  Result<Buffer> decode(const BlockFetch& fetch, const Piece& part, const Run& run, size_t extent,
                        size_t b) {
    const Segment& segment = part.match->segment->segment;
    const Buffer stored = fetch.block(extent, b);
    const bool is_valid_run = part.column->valid && &run == &*part.column->valid;
    DREAMDB_ASSIGN(Buffer raw, is_valid_run ? decode_valid(segment, *part.column, b, stored)
                                            : decode_scalar(segment, *part.column, b, stored));
    // A block of its own: numbers of texts must be aligned, and a cached block must not hold the
    // whole extent.
    if (raw.owner() == stored.owner() && (keeps_decoded_ || text_))
      raw = Buffer::copy_of(raw.span());
    if (keeps_decoded_)
      objects_.caches().keep<Buffer>({segment.address, Part::kDecoded, cache_offset(run, b)},
                                     std::make_shared<const Buffer>(raw), raw.size());
    return raw;
  }

  // Calls f(piece, block's bytes, block, validity, row in block, position, rows) for stretches of
  // rows that share their blocks, oldest segment first; rows without a value are left to `f`.
  template <typename F>
  Status for_stretches(const BlockFetch& fetch, const F& f) {
    for (const Piece& part : parts_) {
      size_t current = 0;  // block that `decoded` holds
      Buffer decoded;
      for (const MatchRun& run : part.match->runs) {
        const size_t per = part.column->data.per;
        for (size_t done = 0; done < run.len;) {
          const size_t row = run.row + done;
          const size_t count = std::min(run.len - done, per - row % per);
          const size_t block = row / per;
          const Buffer* valid = part.column->valid ? part.valid.find(block) : nullptr;
          const Buffer* held = part.data.find(block);
          if (held == nullptr && (decoded.empty() || current != block)) {
            DREAMDB_ASSIGN(decoded,
                           decode(fetch, part, part.column->data, part.fetched.at(block), block));
            current = block;
          }
          f(part, held == nullptr ? decoded : *held, block, valid, row % per, run.pos + done,
            count);
          done += count;
        }
      }
    }
    return {};
  }

  static bool bit(const Buffer& bitmap, size_t i) {
    return ((static_cast<uint8_t>(bitmap.data()[i / 8]) >> (i % 8)) & 1u) != 0;
  }

  Result<Column> finish_fixed(const BlockFetch& fetch) {
    Column out = empty_column(field_, 0);
    const uint64_t width = value_bytes(out);
    MutableBuffer values(rows_ * width);
    if (values.size() > 0) std::memset(values.data(), 0, values.size());
    Bitmap valid(rows_);
    const auto copy = [&](const Piece&, const Buffer& data, size_t, const Buffer* present,
                          size_t row, size_t pos, size_t count) {
      if (present == nullptr && width == 8) {
        std::memcpy(values.data() + pos * 8, data.data() + row * 8, count * 8);
        valid.set_range(pos, pos + count);
        return;
      }
      for (size_t i = 0; i < count; ++i) {
        if (present != nullptr && !bit(*present, row + i)) continue;
        valid.set(pos + i);
        if (width == 8) {
          std::memcpy(values.data() + (pos + i) * 8, data.data() + (row + i) * 8, 8);
        } else {
          values.data()[pos + i] = std::byte{bit(data, row + i)};
        }
      }
    };
    DREAMDB_TRY(for_stretches(fetch, copy));
    out.values = std::move(values).freeze();
    out.valid = std::move(valid).finish();
    return out;
  }

  Result<Column> finish_text(const BlockFetch& fetch) {
    std::vector<std::string_view> texts(rows_);
    Bitmap valid(rows_);
    const auto view = [&](const Piece& part, const Buffer& data, size_t block,
                          const Buffer* present, size_t row, size_t pos, size_t count) {
      const auto* codes = reinterpret_cast<const uint32_t*>(data.data());
      // Plain blocks: offsets of the block's rows, then the bytes.
      const size_t text_at = (part.column->data.block_items(block) + 1) * 4;
      for (size_t i = 0; i < count; ++i) {
        if (present != nullptr && !bit(*present, row + i)) continue;
        valid.set(pos + i);
        if (part.dictionary) {
          texts[pos + i] = part.dictionary->words[codes[row + i]];
        } else {
          const uint32_t* o = codes + row + i;
          texts[pos + i] = data.view().substr(text_at + o[0], o[1] - o[0]);
        }
      }
    };
    DREAMDB_TRY(for_stretches(fetch, view));
    return join_texts(texts, std::move(valid));
  }

  Result<Column> join_texts(const std::vector<std::string_view>& texts, Bitmap valid) {
    uint64_t size = 0;
    for (const std::string_view text : texts) size += text.size();
    if (size > bytes_max_)
      return fail(Code::kExhausted, "field `" + field_.name + "`: " + std::to_string(size) +
                                        " bytes of text in one batch; read fewer rows at a time");
    MutableBuffer offsets((rows_ + 1) * 4);
    MutableBuffer values(size);
    auto* o = reinterpret_cast<uint32_t*>(offsets.data());
    uint32_t at = 0;
    o[0] = 0;
    for (size_t i = 0; i < rows_; ++i) {
      if (!texts[i].empty()) std::memcpy(values.data() + at, texts[i].data(), texts[i].size());
      at += static_cast<uint32_t>(texts[i].size());
      o[i + 1] = at;
    }
    Column out = empty_column(field_, 0);
    out.offsets = std::move(offsets).freeze();
    out.values = std::move(values).freeze();
    out.valid = std::move(valid).finish();
    return out;
  }

  Objects& objects_;
  const Field& field_;
  const size_t rows_;
  const TrackMatch* match_;
  const uint64_t bytes_max_;
  const bool text_;
  std::vector<Piece> parts_;
  std::vector<Want> wants_;
  std::optional<size_t> in_place_;
  bool keeps_decoded_ = true;  // in the cache
};

}  // namespace

std::unique_ptr<Assembler> assemble_scalar(Objects& objects, const Field& field, size_t rows,
                                           const TrackMatch* match, uint64_t bytes_max) {
  return std::make_unique<ScalarAssembler>(objects, field, rows, match, bytes_max);
}

}  // namespace dreamdb
