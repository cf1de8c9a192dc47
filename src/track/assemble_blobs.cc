#include <algorithm>
#include <unordered_map>

#include "track/assemble.h"
#include "track/columns.h"

namespace dreamdb {

namespace {

// One extent at most, so that a long read is spread over threads and connections.
constexpr uint64_t kExtentBytesMax = 16ull << 20;

class BlobAssembler final : public Assembler {
 public:
  BlobAssembler(Objects& objects, const Field& field, size_t rows, const TrackMatch* match,
                uint64_t bytes_max)
      : objects_(objects), field_(field), rows_(rows), match_(match), bytes_max_(bytes_max) {}

  Status begin(BlockFetch& fetch) override {
    if (match_ == nullptr) return {};
    for (const SegmentMatch& match : match_->segments) {
      const Segment& segment = match.segment->segment;
      if (segment.type != SegmentType::kBlob)
        return fail(Code::kCorruption, segment_key(segment.address) +
                                           ": is not a blob segment, as field `" + field_.name +
                                           "` needs");
      parts_.push_back({&match, {}, {}, {}});
      if (segment.index) {
        want_index(fetch, parts_.back());
      } else {
        for (const MatchRun& run : match.runs)
          for (uint32_t k = 0; k < run.len; ++k) parts_.back().payloads.push_back(run.row + k);
        DREAMDB_TRY(want_payloads(fetch, parts_.back()));
      }
    }
    return {};
  }

  Status more(BlockFetch& fetch) override {
    for (Piece& part : parts_) {
      if (!part.match->segment->segment.index) continue;
      DREAMDB_TRY(read_index(fetch, part));
      DREAMDB_TRY(want_payloads(fetch, part));
    }
    return {};
  }

  Result<Column> finish(const BlockFetch& fetch) override {
    Column out = empty_column(field_, 0);
    out.blobs.resize(rows_);
    Bitmap valid(rows_);
    for (const Piece& part : parts_) {
      const Segment& segment = part.match->segment->segment;
      std::unordered_map<uint32_t, Buffer> decoded;  // what was compressed, once for all its rows
      size_t i = 0;
      for (const MatchRun& run : part.match->runs) {
        valid.set_range(run.pos, run.pos + run.len);
        for (uint32_t k = 0; k < run.len; ++k, ++i) {
          const uint32_t payload = part.payloads[i];
          Buffer& blob = out.blobs[run.pos + k];
          if (segment.payloads.codec(payload) == Codec::kRaw) {
            blob = fetch.block(extent_of(fetch, part, payload), payload);
            continue;
          }
          const auto [known, fresh] = decoded.try_emplace(payload);
          if (fresh) {
            const Buffer stored = fetch.block(extent_of(fetch, part, payload), payload);
            DREAMDB_ASSIGN(known->second, decode_payload(segment, payload, stored));
          }
          blob = known->second;
        }
      }
    }
    out.valid = std::move(valid).finish();
    return out;
  }

 private:
  struct Piece {
    const SegmentMatch* match;
    std::vector<std::pair<size_t, Buffer>> index_blocks;  // decoded; empty Buffer: to be fetched
    std::vector<uint32_t> payloads;                       // of each matched row, in order
    std::vector<size_t> extents;                          // ascending by first payload
  };

  // The index blocks that the rows touch; cached ones are taken, the others asked for.
  void want_index(BlockFetch& fetch, Piece& part) {
    const Segment& segment = part.match->segment->segment;
    const Run& index = *segment.index;
    for (const MatchRun& run : part.match->runs)
      for (size_t b = run.row / index.per; b <= (run.row + run.len - 1) / index.per; ++b) {
        if (!part.index_blocks.empty() && part.index_blocks.back().first >= b) continue;
        const auto cached =
            objects_.caches().find<Buffer>({segment.address, Part::kDecoded, index.starts[b]});
        part.index_blocks.emplace_back(b, cached == nullptr ? Buffer() : *cached);
        if (cached == nullptr) index_wants_.push_back(fetch.want(part.match->segment, index, b, 1));
      }
  }

  Status read_index(const BlockFetch& fetch, Piece& part) {
    const Segment& segment = part.match->segment->segment;
    const Run& index = *segment.index;
    for (auto& [block, decoded] : part.index_blocks) {
      if (!decoded.empty()) continue;
      const auto id = std::find_if(index_wants_.begin(), index_wants_.end(), [&](size_t want) {
        return fetch.extent(want).run == &index && fetch.extent(want).first_block == block;
      });
      // A copy: what is cached must not hold memory that the wave shares.
      DREAMDB_ASSIGN(decoded,
                     decode_index(segment, block, Buffer::copy_of(fetch.bytes(*id).span())));
      objects_.caches().keep<Buffer>({segment.address, Part::kDecoded, index.starts[block]},
                                     std::make_shared<const Buffer>(decoded), decoded.size());
    }
    size_t at = 0;
    for (const MatchRun& run : part.match->runs)
      for (uint32_t row = run.row; row < run.row + run.len; ++row) {
        while (part.index_blocks[at].first < row / index.per) ++at;
        const auto* values = reinterpret_cast<const uint32_t*>(part.index_blocks[at].second.data());
        part.payloads.push_back(values[row % index.per]);
      }
    return {};
  }

  Status want_payloads(BlockFetch& fetch, Piece& part) {
    const Run& run = part.match->segment->segment.payloads;
    std::vector<uint32_t> sorted = part.payloads;
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    for (const uint32_t payload : sorted) bytes_ += run.raw_size(payload);
    if (bytes_ > bytes_max_)
      return fail(Code::kExhausted, "field `" + field_.name + "`: " + std::to_string(bytes_) +
                                        " bytes in one batch; read fewer rows at a time");
    for (size_t i = 0; i < sorted.size();) {
      const size_t first = i++;
      while (i < sorted.size() && sorted[i] == sorted[i - 1] + 1 &&
             run.starts[sorted[i] + 1] - run.starts[sorted[first]] <= kExtentBytesMax)
        ++i;
      part.extents.push_back(fetch.want(part.match->segment, run, sorted[first], i - first));
    }
    return {};
  }

  static size_t extent_of(const BlockFetch& fetch, const Piece& part, uint32_t payload) {
    const auto after =
        std::upper_bound(part.extents.begin(), part.extents.end(), payload,
                         [&](uint32_t p, size_t id) { return p < fetch.extent(id).first_block; });
    return *(after - 1);
  }

  Objects& objects_;
  const Field& field_;
  const size_t rows_;
  const TrackMatch* match_;
  const uint64_t bytes_max_;
  uint64_t bytes_ = 0;  // of the payloads that are wanted
  std::vector<Piece> parts_;
  std::vector<size_t> index_wants_;
};

}  // namespace

std::unique_ptr<Assembler> assemble_blobs(Objects& objects, const Field& field, size_t rows,
                                          const TrackMatch* match, uint64_t bytes_max) {
  return std::make_unique<BlobAssembler>(objects, field, rows, match, bytes_max);
}

}  // namespace dreamdb
