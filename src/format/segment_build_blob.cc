// Builds segments of payloads, each distinct one stored once (spec 7.4).
#include <unordered_map>

#include "format/segment_writer.h"

namespace dreamdb {
namespace {

// Smaller payloads are not worth a codec: a frame has a header, and a block its entries.
constexpr size_t kCompressBytesMin = 1024;

struct PayloadKey {
  Hash hash;
  uint64_t size;
  bool operator==(const PayloadKey&) const = default;
};

struct PayloadKeyHash {
  size_t operator()(const PayloadKey& key) const noexcept {
    return std::hash<Address>()(Address{key.hash});
  }
};

// The distinct payloads in the order in which they appear, and which one each row has.
struct Distinct {
  std::vector<const Buffer*> payloads;
  std::vector<Hash> hashes;  // of the raw bytes
  std::vector<uint32_t> index;
};

// Payloads of one hash and size are equal: BLAKE3 has no known collision, and addresses rest on it.
Distinct find_distinct(std::span<const Buffer> payloads) {
  Distinct distinct;
  distinct.index.reserve(payloads.size());
  std::unordered_map<PayloadKey, uint32_t, PayloadKeyHash> known;
  known.reserve(payloads.size());
  for (const Buffer& payload : payloads) {
    const Hash hash = blake3(payload.span());
    const auto next = static_cast<uint32_t>(distinct.payloads.size());
    const auto [found, is_new] = known.try_emplace({hash, payload.size()}, next);
    distinct.index.push_back(found->second);
    if (!is_new) continue;
    distinct.payloads.push_back(&payload);
    distinct.hashes.push_back(hash);
  }
  return distinct;
}

RunDraft payload_run(const Distinct& distinct, bool compress) {
  RunDraft draft = empty_run(distinct.payloads.size(), 1);
  draft.hashed = true;
  draft.run.hashes.reserve(distinct.payloads.size());
  for (size_t i = 0; i < distinct.payloads.size(); ++i) {
    const Buffer& payload = *distinct.payloads[i];
    Encoded block{Codec::kRaw, payload};
    if (compress && payload.size() >= kCompressBytesMin)
      block = encode_block(Item::kBytes, payload, true);
    // The block's hash is over the stored bytes; for raw ones it is known already.
    draft.run.hashes.push_back(block.codec == Codec::kRaw ? distinct.hashes[i]
                                                          : blake3(block.stored.span()));
    add_block(draft, std::move(block), payload.size());
  }
  return draft;
}

RunDraft index_run(const std::vector<uint32_t>& index) {
  RunDraft draft = empty_run(index.size(), kIndexRowsPerBlock);
  for (size_t at = 0; at < index.size(); at += kIndexRowsPerBlock) {
    const auto part = std::as_bytes(
        std::span(index).subspan(at, std::min<size_t>(kIndexRowsPerBlock, index.size() - at)));
    const Buffer raw(nullptr, part.data(), part.size());  // the caller keeps `index`
    add_block(draft, encode_block(Item::kU32, raw, false), part.size());
  }
  return draft;
}

}  // namespace

Result<BuiltSegment> build_blob_segment(const Nonce& nonce, FieldId field,
                                        std::span<const uint64_t> anchors,
                                        std::span<const Buffer> payloads, bool compress) {
  DREAMDB_ASSIGN(SegmentDraft draft,
                 SegmentDraft::start(nonce, SegmentType::kBlob, field, anchors));
  if (payloads.size() != draft.rows())
    return bad_input(std::to_string(payloads.size()) + " payloads for " +
                     std::to_string(draft.rows()) + " rows");
  for (size_t i = 0; i < payloads.size(); ++i)
    if (payloads[i].size() > kBlockBytesMax)
      return bad_input("the payload of row " + std::to_string(i) + " has " +
                       std::to_string(payloads[i].size()) + " bytes, expected at most 1 GiB");
  const Distinct distinct = find_distinct(payloads);
  Segment& segment = draft.segment();
  if (distinct.payloads.size() < payloads.size())
    segment.index = draft.add(index_run(distinct.index));
  segment.payloads = draft.add(payload_run(distinct, compress));
  return std::move(draft).assemble();
}

}  // namespace dreamdb
