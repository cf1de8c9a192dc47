#include "bench/gc_space.h"

#include <algorithm>

#include "format/ref.h"
#include "object/objects.h"
#include "search/split_mix.h"

namespace dreamdb::bench {

namespace {

constexpr uint64_t kLeafEntries = 400;
constexpr std::string_view kDigits = "234567abcdefghijklmnopqrstuvwxyz";  // as text is ordered
constexpr std::string_view kHighDigits = "23yz";  // that addresses have in the second place
constexpr int kOrderedBits = 42;  // that the order of segments takes: 2 and 8 times 5

const std::string kSegments = "segments/";

}  // namespace

GcSpace::GcSpace(uint64_t count) : count_(count) {
  std::vector<Entry> level;
  const auto add_page = [](const Page& page, std::vector<Entry>& above, const Buffer& body) {
    const Address address = Address::of(body.span());
    above.push_back(summarize(page, address, body.size()));
    return address;
  };
  for (uint64_t i = 0; i * kLeafEntries < count - garbage(); ++i) {
    const Page page = leaf(i);
    leaves_.push_back(add_page(page, level, write_page(page)));
  }
  for (uint32_t height = 1;; ++height) {
    std::vector<Entry> above;
    for (size_t begin = 0; begin < level.size(); begin += kLeafEntries) {
      const size_t end = std::min(level.size(), begin + kLeafEntries);
      Page page;
      page.height = height;
      page.entries.assign(level.begin() + static_cast<ptrdiff_t>(begin),
                          level.begin() + static_cast<ptrdiff_t>(end));
      const Buffer body = write_page(page);
      const Address address = add_page(page, above, body);
      above_.push_back({page_key(address), body});
      root_ = root_of(page, kRecordTrack, address, body.size());
    }
    level = std::move(above);
    if (level.size() == 1) return;
  }
}

std::string GcSpace::segment_text(uint64_t i) const {
  const uint64_t place = (uint64_t{1} << kOrderedBits) / count_ * i;
  std::string text = "d";
  text += kHighDigits[place >> 40];
  for (int shift = 35; shift >= 0; shift -= 5) text += kDigits[place >> shift & 31];
  SplitMix random(i);
  while (text.size() < 52) text += kDigits[random.next() >> 59];
  return text + "a";
}

Page GcSpace::leaf(uint64_t index) const {
  Page page;
  const uint64_t live = count_ - garbage();
  for (uint64_t k = index * kLeafEntries; k < std::min(live, (index + 1) * kLeafEntries); ++k) {
    const uint64_t i = k / (kGarbageIn - 1) * kGarbageIn + k % (kGarbageIn - 1);
    Entry entry;
    entry.first = entry.last = k;
    entry.step = entry.rows = entry.records = 1;
    entry.seq = 1;
    entry.child = *Address::parse(segment_text(i));
    entry.size = entry.bytes = kSegmentBytes;
    entry.footer = 1'000;
    page.entries.push_back(std::move(entry));
  }
  return page;
}

Status GcSpace::put_rest(Store& store) const {
  std::vector<PutRequest> puts = above_;
  const Genesis genesis;
  const Buffer timeline = write_genesis(genesis);
  Manifest manifest;
  manifest.timeline = Address::of(timeline.span());
  manifest.operation = "create";
  manifest.set_track(root_);
  DREAMDB_ASSIGN(const Buffer body, write_manifest(manifest));
  const Address address = Address::of(body.span());
  puts.push_back({genesis_key(manifest.timeline), timeline});
  puts.push_back({manifest_key(address), body});
  for (const Status& status : store.put_many(puts)) DREAMDB_TRY(status);
  DREAMDB_TRY(
      store.swap(ref_key("main"), std::nullopt, write_ref({{}, address, 0, {}, false, 0, {}})));
  return {};
}

GcStore::GcStore(const GcSpace& space) : space_(space) {
  for (uint64_t i = 0; i < space.leaves().size(); ++i) leaf_of_[space.leaves()[i]] = i;
}

std::vector<Result<Buffer>> GcStore::read_many(std::span<const ReadRequest> requests) {
  std::vector<Result<Buffer>> out;
  for (const ReadRequest& request : requests) {
    const auto address =
        Address::parse(std::string_view(request.key)
                           .substr(std::min(request.key.size(), page_key({}).size() - 53)));
    const auto leaf = address ? leaf_of_.find(*address) : leaf_of_.end();
    out.push_back(leaf == leaf_of_.end() ? std::move(memory_.read_many({&request, 1})[0])
                                         : write_page(space_.leaf(leaf->second)));
  }
  return out;
}

Result<ListPage> GcStore::list(std::string_view prefix, std::string_view start_after,
                               size_t limit) {
  if (prefix != kSegments) return memory_.list(prefix, start_after, limit);
  uint64_t low = 0;
  for (uint64_t high = space_.count(); low < high;) {
    const uint64_t middle = low + (high - low) / 2;
    const bool is_before = kSegments + space_.segment_text(middle) <= start_after;
    (is_before ? low : high) = is_before ? middle + 1 : middle;
  }
  ListPage page;
  for (; low < space_.count() && page.objects.size() < limit; ++low)
    page.objects.push_back({kSegments + space_.segment_text(low), GcSpace::kSegmentBytes, 1});
  page.more = low < space_.count();
  return page;
}

}  // namespace dreamdb::bench
