#include "track/block_fetch.h"

#include <algorithm>
#include <iterator>

namespace dreamdb {

size_t BlockFetch::want(const SegmentPtr& segment, const Run& run, size_t first_block,
                        size_t block_count, ExtentTaker* taker) {
  extents_.push_back({segment, &run, first_block, block_count});
  takers_.push_back(taker);
  return extents_.size() - 1;
}

size_t BlockFetch::want_part(const SegmentPtr& segment, const Run& run, size_t block,
                             const Extent::Part& part, ExtentTaker* taker) {
  extents_.push_back({segment, &run, block, 1, part});
  takers_.push_back(taker);
  return extents_.size() - 1;
}

bool BlockFetch::take(size_t id, std::span<const std::byte> bytes) const {
  if (takers_[id] == nullptr) return false;
  takers_[id]->take(id, bytes);
  return true;
}

Status BlockFetch::run(Objects& objects, std::span<BlockFetch> fetches) {
  struct Place {
    BlockFetch* fetch;
    size_t first;  // in the wave
  };
  std::vector<Place> places;
  std::vector<Extent> wave;
  for (BlockFetch& fetch : fetches) {
    const size_t done = fetch.bytes_.size();
    if (done == fetch.extents_.size()) continue;
    places.push_back({&fetch, wave.size()});
    wave.insert(wave.end(), fetch.extents_.begin() + static_cast<ptrdiff_t>(done),
                fetch.extents_.end());
  }
  const auto take = [&](size_t i, std::span<const std::byte> bytes) {
    const auto behind = std::ranges::upper_bound(places, i, {}, &Place::first);
    const Place& place = *(behind - 1);
    return place.fetch->take(place.fetch->bytes_.size() + i - place.first, bytes);
  };
  DREAMDB_ASSIGN(std::vector<Buffer> fetched, objects.extents(wave, take));
  for (const Place& place : places) {
    const size_t count = place.fetch->extents_.size() - place.fetch->bytes_.size();
    const auto begin = fetched.begin() + static_cast<ptrdiff_t>(place.first);
    std::move(begin, begin + static_cast<ptrdiff_t>(count),
              std::back_inserter(place.fetch->bytes_));
  }
  return {};
}

Buffer BlockFetch::block(size_t id, size_t block) const {
  const Extent& extent = extents_[id];
  return bytes_[id].slice(extent.run->starts[block] - extent.offset(), extent.run->sizes[block]);
}

}  // namespace dreamdb
