// Content-addressed reads and writes: nothing leaves here that was not compared with its hash.
//
// Every call that fetches issues all it needs as one batch: one wave. What was fetched and
// verified is kept in a cache bounded in bytes. What does not have its hash is asked for once more,
// from the store itself: bits flip on the way and in copies too. Only then it is Corruption.
//
// Thread rule: every call may come from any thread, also in a child after fork().
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "dreamdb/result.h"
#include "format/manifest.h"
#include "format/segment.h"
#include "object/caches.h"
#include "object/memory_tag.h"
#include "object/page_kin.h"
#include "plan/tree.h"
#include "store/store.h"

namespace dreamdb {

// Segments up to this size are fetched whole: one wave instead of two.
inline constexpr uint64_t kWholeSegmentBytes = 64 * 1024;
// Where the first run of a segment stands (spec 7.2), and how much of it is read unseen: anchors,
// written as differences, seldom take more than three bytes each.
inline constexpr uint64_t kHeadOffset = 64;
inline constexpr uint64_t kHeadBytesAnAnchor = 3;
inline constexpr uint64_t kHeadBytesMax = 256 * 1024;
// Ranges of segments asked for in one wave. More are read in as many waves as needed, one after
// the other, so that what is under way stays bounded whatever a caller wants.
inline constexpr uint64_t kWaveBytesMax = 128ull << 20;

// A segment whose footer is verified. Small segments are held whole, all blocks verified.
struct LoadedSegment {
  Segment segment;
  Buffer whole;  // empty when only the footer was read
  // Bytes from kHeadOffset on, where a list of anchors stands, read along with the footer of a
  // segment whose anchors are no sequence if the store is far; not verified yet.
  Buffer head;
  // Bytes up to the footer, read along with it; not verified yet.
  Buffer tail;
  uint64_t number = 0;  // of its own, under which its rows are kept; 0: it is not kept itself
  // Of a segment of codes, both atomic: rows that searches have looked at, and whether a thread
  // moves its blocks together.
  mutable uint64_t code_rows_asked = 0;
  mutable uint32_t is_gathering = 0;
};
// What a version names a segment for.
enum class SegmentUse : uint8_t { kValues, kCodes, kSpatial };
using SegmentPtr = std::shared_ptr<const LoadedSegment>;
using ManifestPtr = std::shared_ptr<const Manifest>;

// Consecutive blocks of one run; or a part of one, which is not hashed by itself, known by the tag
// that it had when its block was verified.
struct Extent {
  struct Part {
    uint64_t offset, size;  // in the object
    MemoryTag tag;
  };

  SegmentPtr segment;
  const Run* run = nullptr;  // of `segment`
  size_t first_block = 0;
  size_t block_count = 0;
  std::optional<Part> part = {};

  uint64_t offset() const { return part ? part->offset : run->starts[first_block]; }
  uint64_t size() const {
    return part ? part->size : run->starts[first_block + block_count] - offset();
  }
};

std::string manifest_key(const Address& address);
std::string page_key(const Address& address);
std::string genesis_key(const Address& address);
std::string ref_key(std::string_view name);

class Objects {
 public:
  Objects(std::shared_ptr<Store> store, uint64_t cache_bytes);

  Store& store() { return *store_; }
  Caches& caches() { return caches_; }
  // By which parts of blocks that were verified are known again.
  const MemoryTags& tags() const { return tags_; }

  // A version. NotFound when it is not on the store; Corruption when its bytes are wrong.
  Result<ManifestPtr> manifest(const Address& address);
  // Several of them in one wave, each with its own error.
  std::vector<Result<ManifestPtr>> manifests(std::span<const Address> addresses);
  // Fetches pages into `into`. A missing or wrong page is Corruption: a version names it.
  Status pages(std::span<const PageRef> refs, PageMap& into);
  // The segments of leaf entries, in their order. Errors as `pages`.
  // Corruption also when one holds something else than it is named for.
  Result<std::vector<SegmentPtr>> segments(std::span<const EntryPtr> entries,
                                           SegmentUse use = SegmentUse::kValues);
  // A segment that is all read at once, with pages that will be wanted soon: one wave. It is not
  // kept. Errors as `segments`; a page that cannot be had is left for who asks for it.
  Result<SegmentPtr> whole_segment(const Entry& entry, SegmentUse use,
                                   std::span<const PageRef> pages_ahead = {});
  // The same of its footer and of as many as `tail_bytes` before it, which `extents` then finds.
  Result<SegmentPtr> segment_tail(const Entry& entry, SegmentUse use, uint64_t tail_bytes,
                                  std::span<const PageRef> pages_ahead = {});
  // The stored bytes of each extent, every block verified; a wave for each kWaveBytesMax of them.
  // `take`, if given, is called for some of them, perhaps on several threads, with the bytes where
  // they were read and verified: true if it has all it wants, and no Buffer is made of them.
  // `pages_ahead`: pages that will be wanted soon, asked for in the first of these waves and kept.
  using Take = std::function<bool(size_t, std::span<const std::byte>)>;
  Result<std::vector<Buffer>> extents(std::span<const Extent> extents, const Take& take = nullptr,
                                      std::span<const PageRef> pages_ahead = {});

  // Keeps manifests and pages that came another way than from the store, as if they were read:
  // verified by their names. What is of another kind is left out.
  Status admit(std::span<const PutRequest> objects);

  // Puts all in one wave; the first error, if any.
  Status put(std::span<const PutRequest> requests);
  // Keeps a page that was just written, so that the next commit need not read it.
  void remember(const Address& address, PagePtr page, uint64_t size_bytes);
  void remember(const Address& address, ManifestPtr manifest, uint64_t size_bytes);

 private:
  Result<ManifestPtr> keep_manifest(const Address& address, const Result<Buffer>& bytes);
  Result<PagePtr> keep_page(const Address& address, const Buffer& bytes);
  // `keep(i, reply)` is told what was read for each request, and again what was read instead of
  // bytes that it finds damaged: one more request for each. The first error, if any.
  using Keep = std::function<Status(size_t, const Result<Buffer>&)>;
  Status keep_all(std::span<const ReadRequest> requests, std::span<const Result<Buffer>> replies,
                  const Keep& keep);
  Result<SegmentPtr> keep_segment(const Entry& entry, SegmentUse use, const Buffer& bytes,
                                  const Buffer& head);
  // Pages that are asked for along with something else; what cannot be had is left out.
  struct PagesAhead {
    std::vector<Address> addresses;
    std::vector<ReadRequest> requests;
  };
  PagesAhead missing_pages(std::span<const PageRef> refs);
  void keep_ahead(const PagesAhead& pages, std::span<Result<Buffer>> replies);
  // `parse(bytes)` -> Result<LoadedSegment> of what is read.
  template <typename Parse>
  Result<SegmentPtr> read_segment(ReadRequest request, const Entry& entry, SegmentUse use,
                                  std::span<const PageRef> pages_ahead, const Parse& parse);
  // One wave: requests[r] is for extents[asked[r]], whose bytes go to out[asked[r]].
  Status fetch_extents(std::span<const Extent> extents, std::span<const size_t> asked,
                       std::span<const ReadRequest> requests, const Take& take,
                       const PagesAhead& ahead, std::vector<Buffer>& out);
  // The same for those whose bytes in `out` are damaged; the error of what still is.
  Status fetch_again(std::span<const Extent> extents, std::span<const size_t> asked,
                     std::span<const ReadRequest> requests, std::vector<Buffer>& out);

  std::shared_ptr<Store> store_;
  Caches caches_;
  std::atomic<uint64_t> last_number_ = 0;  // of a segment
  const MemoryTags tags_;
  PageKin kin_;
};

// `fetch` with pages until `plan(pages)` misses none: one wave a level.
template <typename Plan>
auto with_pages(Objects& objects, PageMap& pages, const Plan& plan) -> decltype(plan(pages)) {
  for (;;) {
    auto answer = plan(pages);
    if (!answer || answer->missing.empty()) return answer;
    DREAMDB_TRY(objects.pages(answer->missing, pages));
  }
}

// The next leaf entry of a walk, nullptr at the end: one wave for each page that is not cached.
Result<EntryPtr> next_entry(Objects& objects, TreeCursor& cursor);
// All that are left of it.
Result<std::vector<EntryPtr>> list_entries(Objects& objects, TreeCursor cursor);

}  // namespace dreamdb
