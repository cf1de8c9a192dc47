#include "object/objects.h"

#include <algorithm>
#include <unordered_set>

#include "format/limits.h"
#include "object/verify.h"

namespace dreamdb {

namespace {

constexpr uint64_t kTrailerBytes = 16;
constexpr uint64_t kScatteredBytesMin = 1 << 20;  // less is read faster than a thread wakes

Error missing_object(const std::string& key, const Error& cause) {
  if (cause.code != Code::kNotFound) return cause;
  return Error{Code::kCorruption, "object " + key +
                                      " is missing although a version names it; restore it from "
                                      "a copy of the store"};
}

// Structured objects are hashed whole.
Status check_address(const Buffer& bytes, const Address& address, const std::string& key) {
  const Address found = Address::of(bytes.span());
  if (found == address) return {};
  return fail(Code::kCorruption, key + ": its bytes hash to " + found.text() +
                                     "; restore the object from a copy of the store");
}

std::string_view use_text(SegmentUse use) {
  switch (use) {
    case SegmentUse::kValues: return "values";
    case SegmentUse::kCodes: return "codes of vectors";
    case SegmentUse::kSpatial: return "a spatial index";
  }
  return "";
}

// What a page or a manifest says of a segment, against what the segment says (S6.6, S7.8).
Status check_entry(const Segment& segment, const Entry& entry, SegmentUse use) {
  const SegmentUse holds = segment.codes     ? SegmentUse::kCodes
                           : segment.spatial ? SegmentUse::kSpatial
                                             : SegmentUse::kValues;
  if (holds != use)
    return fail(Code::kCorruption, segment_key(segment.address) + ": holds " +
                                       std::string(use_text(holds)) + ", where a version names " +
                                       std::string(use_text(use)) + " (S7.8)");
  if (use == SegmentUse::kSpatial) return {};
  if (use == SegmentUse::kCodes && segment.rows == entry.rows) return {};
  const uint64_t step = segment.anchors ? 0 : segment.step;
  if (segment.rows == entry.rows && step == entry.step &&
      (segment.anchors || segment.first == entry.first))
    return {};
  return fail(Code::kCorruption, segment_key(segment.address) + ": has " +
                                     std::to_string(segment.rows) +
                                     " rows and anchors other than its page says (" +
                                     std::to_string(entry.rows) + " rows; S6.6)");
}

// What was read of an extent along with the footer of its segment; empty: nothing.
Buffer read_along(const LoadedSegment& loaded, const Extent& e) {
  const auto slice = [&](const Buffer& bytes, uint64_t at) {
    const bool has_all = e.offset() >= at && e.offset() - at + e.size() <= bytes.size();
    return has_all ? bytes.slice(e.offset() - at, e.size()) : Buffer();
  };
  if (!loaded.head.empty()) return slice(loaded.head, kHeadOffset);
  return slice(loaded.tail, loaded.segment.end - loaded.tail.size());
}

size_t page_memory_bytes(const Page& page, uint64_t size_bytes) {
  size_t bytes = size_bytes + page.entries.size() * (sizeof(Entry) + sizeof(uint32_t));
  // Each column is a node of a map; texts are counted by the bytes of the page.
  for (const Entry& entry : page.entries)
    bytes += entry.stats.size() * (sizeof(Stats::value_type) + 48);
  return bytes;
}

size_t segment_memory_bytes(const Segment& s, uint64_t object_bytes) {
  const size_t blocks = s.data.blocks() + s.payloads.blocks();
  size_t bytes = 1024 + blocks * (sizeof(Hash) + 16) + object_bytes;
  for (const ScalarColumn& column : s.columns) bytes += 512 + column.data.blocks() * 56;
  if (s.codes)
    bytes += s.codes->cells.size() * 8 +
             (s.codes->codes.blocks() + (s.codes->extra ? s.codes->extra->blocks() : 0)) * 48;
  if (s.spatial)
    bytes += s.spatial->origin.size() * 5 +
             (s.spatial->centroids.blocks() + s.spatial->routes.blocks()) * 48;
  return bytes;
}

}  // namespace

std::string manifest_key(const Address& address) { return "manifests/" + address.text(); }
std::string page_key(const Address& address) { return "pages/" + address.text(); }
std::string genesis_key(const Address& address) { return "genesis/" + address.text(); }
std::string ref_key(std::string_view name) { return "refs/" + std::string(name); }

Objects::Objects(std::shared_ptr<Store> store, uint64_t cache_bytes)
    : store_(std::move(store)), caches_(cache_bytes) {}

Status Objects::keep_all(std::span<const ReadRequest> requests,
                         std::span<const Result<Buffer>> replies, const Keep& keep) {
  Status first;
  const auto note = [&](Status status) {
    if (first && !status) first = std::move(status);
  };
  std::vector<size_t> damaged;
  std::vector<ReadRequest> again;
  for (size_t i = 0; i < requests.size(); ++i) {
    Status kept = keep(i, replies[i]);
    if (kept || !replies[i] || kept.error().code != Code::kCorruption) {
      note(std::move(kept));
      continue;
    }
    store_->forget({&requests[i].key, 1});
    damaged.push_back(i);
    again.push_back(requests[i]);
  }
  if (again.empty()) return first;
  const auto others = store_->read_many(again);
  for (size_t k = 0; k < again.size(); ++k) {
    Status kept = keep(damaged[k], others[k]);
    if (!kept && kept.error().code == Code::kCorruption) store_->forget({&again[k].key, 1});
    note(std::move(kept));
  }
  return first;
}

Result<ManifestPtr> Objects::manifest(const Address& address) {
  return std::move(manifests({&address, 1})[0]);
}

std::vector<Result<ManifestPtr>> Objects::manifests(std::span<const Address> addresses) {
  std::vector<Result<ManifestPtr>> out(addresses.size());
  std::vector<ReadRequest> requests;
  std::vector<size_t> asked;
  for (size_t i = 0; i < addresses.size(); ++i) {
    if (auto cached = caches_.find<Manifest>({addresses[i], Part::kManifest})) {
      out[i] = std::move(cached);
      continue;
    }
    requests.push_back({.key = manifest_key(addresses[i]), .size = kStructureBytesMax + 1});
    asked.push_back(i);
  }
  if (requests.empty()) return out;
  const auto replies = store_->read_many(requests);
  (void)keep_all(requests, replies, [&](size_t k, const Result<Buffer>& bytes) -> Status {
    out[asked[k]] = keep_manifest(addresses[asked[k]], bytes);
    DREAMDB_TRY(out[asked[k]]);
    return {};
  });
  return out;
}

Result<ManifestPtr> Objects::keep_manifest(const Address& address, const Result<Buffer>& bytes) {
  if (!bytes) return std::unexpected(bytes.error());
  const std::string key = manifest_key(address);
  DREAMDB_TRY(check_address(*bytes, address, key));
  DREAMDB_ASSIGN(Manifest parsed, parse_manifest(bytes->span(), key));
  auto manifest = std::make_shared<const Manifest>(std::move(parsed));
  remember(address, manifest, bytes->size());
  return manifest;
}

Status Objects::pages(std::span<const PageRef> refs, PageMap& into) {
  std::vector<ReadRequest> requests;
  std::vector<Address> wanted;
  std::unordered_set<Address> seen;
  for (const PageRef& ref : refs) {
    if (into.find(ref.address) != nullptr || !seen.insert(ref.address).second) continue;
    if (auto cached = caches_.find<Page>({ref.address, Part::kPage})) {
      into.add(ref.address, std::move(cached));
      continue;
    }
    requests.push_back({.key = page_key(ref.address), .size = kPageBytesMax + 1});
    wanted.push_back(ref.address);
  }
  if (requests.empty()) return {};
  const auto replies = store_->read_many(requests);
  return keep_all(requests, replies, [&](size_t i, const Result<Buffer>& bytes) -> Status {
    if (!bytes) return std::unexpected(missing_object(requests[i].key, bytes.error()));
    DREAMDB_ASSIGN(PagePtr page, keep_page(wanted[i], *bytes));
    into.add(wanted[i], std::move(page));
    return {};
  });
}

Result<PagePtr> Objects::keep_page(const Address& address, const Buffer& bytes) {
  const std::string key = page_key(address);
  DREAMDB_TRY(check_address(bytes, address, key));
  PagePtr kin;
  const auto find_kin = [&](std::span<const std::byte> entries, uint32_t height) {
    kin = kin_.find(entries, height);
    return kin.get();
  };
  DREAMDB_ASSIGN(Page parsed, parse_page_like(bytes.span(), key, find_kin));
  auto page = std::make_shared<const Page>(std::move(parsed));
  remember(address, page, bytes.size());
  return page;
}

Status Objects::admit(std::span<const PutRequest> objects) {
  for (const PutRequest& object : objects) {
    const std::string_view key = object.key;
    const auto address_behind = [&](std::string_view prefix) -> std::optional<Address> {
      if (!key.starts_with(prefix)) return std::nullopt;
      const auto address = Address::parse(key.substr(prefix.size()));
      return address ? std::optional(*address) : std::nullopt;
    };
    if (const auto manifest = address_behind("manifests/")) {
      DREAMDB_TRY(keep_manifest(*manifest, object.body));
    } else if (const auto page = address_behind("pages/")) {
      DREAMDB_TRY(keep_page(*page, object.body));
    }
  }
  return {};
}

Result<std::vector<SegmentPtr>> Objects::segments(std::span<const EntryPtr> entries,
                                                  SegmentUse use) {
  std::vector<SegmentPtr> out(entries.size());
  std::vector<ReadRequest> requests;
  std::vector<size_t> asked;
  for (size_t i = 0; i < entries.size(); ++i) {
    const Entry& entry = *entries[i];
    out[i] = caches_.find<LoadedSegment>({entry.child, Part::kSegment});
    if (out[i] != nullptr) {
      DREAMDB_TRY(check_entry(out[i]->segment, entry, use));
      continue;
    }
    ReadRequest request{.key = segment_key(entry.child), .size = entry.size + 1};
    if (entry.size > kWholeSegmentBytes) {
      request.offset = entry.size - kTrailerBytes - entry.footer;
      request.size = entry.footer;
    }
    requests.push_back(std::move(request));
    asked.push_back(i);
  }
  if (requests.empty()) return out;
  // Where the list of anchors ends is known from the footer only; on a far store a guess is
  // cheaper than a wave.
  std::vector<size_t> with_head;
  for (size_t r = 0; r < asked.size() && store_->is_far(); ++r) {
    const Entry& entry = *entries[asked[r]];
    if (use != SegmentUse::kValues || entry.step > 0 || entry.size <= kWholeSegmentBytes) continue;
    with_head.push_back(r);
    requests.push_back(
        {requests[r].key, kHeadOffset, std::min(entry.rows * kHeadBytesAnAnchor, kHeadBytesMax)});
  }
  const auto replies = store_->read_many(requests);
  std::vector<Buffer> heads(asked.size());
  for (size_t k = 0; k < with_head.size(); ++k) {
    const Result<Buffer>& head = replies[asked.size() + k];
    if (head) heads[with_head[k]] = *head;  // without it the list is read later
  }
  const auto keep = [&](size_t r, const Result<Buffer>& bytes) -> Status {
    if (!bytes) return std::unexpected(missing_object(requests[r].key, bytes.error()));
    DREAMDB_ASSIGN(out[asked[r]], keep_segment(*entries[asked[r]], use, *bytes, heads[r]));
    return {};
  };
  DREAMDB_TRY(keep_all(std::span(requests).first(asked.size()), replies, keep));
  return out;
}

Objects::PagesAhead Objects::missing_pages(std::span<const PageRef> refs) {
  PagesAhead out;
  std::unordered_set<Address> seen;
  for (const PageRef& ref : refs) {
    if (!seen.insert(ref.address).second) continue;
    if (caches_.find<Page>({ref.address, Part::kPage}) != nullptr) continue;
    out.addresses.push_back(ref.address);
    out.requests.push_back({.key = page_key(ref.address), .size = kPageBytesMax + 1});
  }
  return out;
}

void Objects::keep_ahead(const PagesAhead& pages, std::span<Result<Buffer>> replies) {
  for (size_t i = 0; i < replies.size(); ++i)
    if (replies[i]) (void)keep_page(pages.addresses[i], *replies[i]);
}

template <typename Parse>
Result<SegmentPtr> Objects::read_segment(ReadRequest request, const Entry& entry, SegmentUse use,
                                         std::span<const PageRef> pages_ahead, const Parse& parse) {
  const PagesAhead ahead = missing_pages(pages_ahead);
  std::vector<ReadRequest> requests = {std::move(request)};
  requests.insert(requests.end(), ahead.requests.begin(), ahead.requests.end());
  auto replies = store_->read_many(requests);
  keep_ahead(ahead, std::span(replies).subspan(1));
  SegmentPtr out;
  const auto keep = [&](size_t, const Result<Buffer>& bytes) -> Status {
    if (!bytes) return std::unexpected(missing_object(requests[0].key, bytes.error()));
    DREAMDB_ASSIGN(LoadedSegment loaded, parse(*bytes));
    DREAMDB_TRY(check_entry(loaded.segment, entry, use));
    out = std::make_shared<const LoadedSegment>(std::move(loaded));
    return {};
  };
  DREAMDB_TRY(keep_all(std::span(requests).first(1), std::span(replies).first(1), keep));
  return out;
}

Result<SegmentPtr> Objects::whole_segment(const Entry& entry, SegmentUse use,
                                          std::span<const PageRef> pages_ahead) {
  const auto parse = [&](const Buffer& bytes) -> Result<LoadedSegment> {
    DREAMDB_ASSIGN(Segment parsed, parse_whole_segment(bytes.span(), entry.child));
    return LoadedSegment{std::move(parsed), bytes, {}, {}};
  };
  return read_segment({.key = segment_key(entry.child), .size = entry.size + 1}, entry, use,
                      pages_ahead, parse);
}

Result<SegmentPtr> Objects::segment_tail(const Entry& entry, SegmentUse use, uint64_t tail_bytes,
                                         std::span<const PageRef> pages_ahead) {
  const uint64_t footer_at = entry.size - kTrailerBytes - entry.footer;
  const uint64_t tail = std::min(tail_bytes, footer_at);
  const auto parse = [&](const Buffer& bytes) -> Result<LoadedSegment> {
    const uint64_t before = std::min<uint64_t>(tail, bytes.size());
    DREAMDB_ASSIGN(Segment parsed, parse_segment_footer(bytes.span().subspan(before), entry.child));
    return LoadedSegment{std::move(parsed), {}, {}, bytes.slice(0, before)};
  };
  return read_segment({segment_key(entry.child), footer_at - tail, tail + entry.footer}, entry, use,
                      pages_ahead, parse);
}

// Parses what was read of a segment and keeps it in the cache.
Result<SegmentPtr> Objects::keep_segment(const Entry& entry, SegmentUse use, const Buffer& bytes,
                                         const Buffer& head) {
  const bool whole = entry.size <= kWholeSegmentBytes;
  auto parsed = whole ? parse_whole_segment(bytes.span(), entry.child)
                      : parse_segment_footer(bytes.span(), entry.child);
  if (!parsed) return std::unexpected(std::move(parsed).error());
  DREAMDB_TRY(check_entry(*parsed, entry, use));
  LoadedSegment loaded{*std::move(parsed), {}, {}, {}, ++last_number_};
  // Copies: the replies may share their memory with others of the wave.
  if (whole) loaded.whole = Buffer::copy_of(bytes.span());
  const std::optional<Run>& list = loaded.segment.anchors;
  if (!head.empty() && list && list->at == kHeadOffset && list->end() - kHeadOffset <= head.size())
    loaded.head = Buffer::copy_of(head.span().first(list->end() - kHeadOffset));
  const size_t memory =
      segment_memory_bytes(loaded.segment, loaded.whole.size() + loaded.head.size());
  auto kept = std::make_shared<const LoadedSegment>(std::move(loaded));
  caches_.keep<LoadedSegment>({entry.child, Part::kSegment}, kept, memory);
  return kept;
}

Status Objects::fetch_extents(std::span<const Extent> extents, std::span<const size_t> asked,
                              std::span<const ReadRequest> requests, const Take& take,
                              const PagesAhead& ahead, std::vector<Buffer>& out) {
  uint64_t total_bytes = 0;
  for (const ReadRequest& request : requests) total_bytes += request.size;
  // Many short extents are verified where they are read; long ones are cut for all threads.
  const bool is_scattered =
      total_bytes >= kScatteredBytesMin && total_bytes / requests.size() <= kVerifyUnitBytes;
  struct Outcome {
    Status status;
    bool is_taken = false;
  };
  std::vector<Outcome> outcomes(is_scattered ? requests.size() : 0);
  const auto use = [&](size_t r, std::span<const std::byte> bytes) {
    if (r >= requests.size()) return true;
    outcomes[r].status = verify_extent(tags_, extents[asked[r]], bytes);
    outcomes[r].is_taken =
        take && outcomes[r].status && bytes.size() == requests[r].size && take(asked[r], bytes);
    return !outcomes[r].is_taken;
  };
  std::vector<ReadRequest> with_pages(requests.begin(), requests.end());
  with_pages.insert(with_pages.end(), ahead.requests.begin(), ahead.requests.end());
  auto replies = is_scattered ? store_->read_each(with_pages, use) : store_->read_many(with_pages);
  keep_ahead(ahead, std::span(replies).subspan(requests.size()));
  std::vector<Check> checks;
  bool is_whole = true;
  for (size_t r = 0; r < requests.size(); ++r) {
    const Extent& e = extents[asked[r]];
    const std::string& key = requests[r].key;
    if (!replies[r]) return std::unexpected(missing_object(key, replies[r].error()));
    if (is_scattered && outcomes[r].is_taken) continue;
    is_whole = is_whole && replies[r]->size() == e.size();
    if (!is_scattered && replies[r]->size() == e.size()) add_checks(e, *replies[r], checks);
    out[asked[r]] = *std::move(replies[r]);
  }
  Status status = verify_all(tags_, checks, total_bytes);
  for (Outcome& outcome : outcomes)
    if (status) status = std::move(outcome.status);
  if (status && is_whole) return {};
  std::vector<size_t> left;
  std::vector<ReadRequest> again;
  for (size_t r = 0; r < requests.size(); ++r) {
    if (is_scattered && outcomes[r].is_taken) continue;
    left.push_back(asked[r]);
    again.push_back(requests[r]);
  }
  return fetch_again(extents, left, again, out);
}

Status Objects::fetch_again(std::span<const Extent> extents, std::span<const size_t> asked,
                            std::span<const ReadRequest> requests, std::vector<Buffer>& out) {
  std::vector<Result<Buffer>> replies;
  for (const size_t i : asked) replies.emplace_back(out[i]);
  return keep_all(requests, replies, [&](size_t r, const Result<Buffer>& bytes) -> Status {
    const Extent& e = extents[asked[r]];
    const std::string& key = requests[r].key;
    if (!bytes) return std::unexpected(missing_object(key, bytes.error()));
    if (bytes->size() != e.size())
      return fail(Code::kCorruption, key + ": ends " + std::to_string(e.size() - bytes->size()) +
                                         " bytes early; restore the object from a copy");
    DREAMDB_TRY(verify_extent(tags_, e, bytes->span()));
    out[asked[r]] = *bytes;
    return {};
  });
}

Result<std::vector<Buffer>> Objects::extents(std::span<const Extent> extents, const Take& take,
                                             std::span<const PageRef> pages_ahead) {
  std::vector<Buffer> out(extents.size());
  std::vector<ReadRequest> requests;
  std::vector<size_t> asked;
  requests.reserve(extents.size());
  asked.reserve(extents.size());
  const Extent* last = nullptr;  // asked for; extents of one segment stand together
  for (size_t i = 0; i < extents.size(); ++i) {
    const Extent& e = extents[i];
    if (e.size() == 0) continue;
    if (!e.segment->whole.empty()) {
      out[i] = e.segment->whole.slice(e.offset(), e.size());
      continue;
    }
    out[i] = read_along(*e.segment, e);
    if (!out[i].empty() && verify_extent(tags_, e, out[i].span())) continue;
    const bool same = last != nullptr && last->segment == e.segment;
    requests.push_back({same ? requests.back().key : segment_key(e.segment->segment.address),
                        e.offset(), e.size()});
    last = &e;
    asked.push_back(i);
  }
  PagesAhead ahead = missing_pages(pages_ahead);
  for (size_t begin = 0; begin < requests.size();) {
    size_t end = begin;
    for (uint64_t bytes = 0; end < requests.size(); ++end) {
      bytes += requests[end].size;
      if (end > begin && bytes > kWaveBytesMax) break;
    }
    DREAMDB_TRY(fetch_extents(extents, std::span(asked).subspan(begin, end - begin),
                              std::span(requests).subspan(begin, end - begin), take, ahead, out));
    ahead = {};
    begin = end;
  }
  return out;
}

Status Objects::put(std::span<const PutRequest> requests) {
  if (requests.empty()) return {};
  for (Status& status : store_->put_many(requests)) DREAMDB_TRY(std::move(status));
  return {};
}

void Objects::remember(const Address& address, PagePtr page, uint64_t size_bytes) {
  const size_t memory = page_memory_bytes(*page, size_bytes);
  kin_.add(page);
  caches_.keep<Page>({address, Part::kPage}, std::move(page), memory);
}

void Objects::remember(const Address& address, ManifestPtr manifest, uint64_t size_bytes) {
  caches_.keep<Manifest>({address, Part::kManifest}, std::move(manifest), size_bytes * 2);
}

Result<EntryPtr> next_entry(Objects& objects, TreeCursor& cursor) {
  for (;;) {
    DREAMDB_ASSIGN(TreeCursor::Step step, cursor.next());
    if (step.missing.empty()) return std::move(step.entry);
    PageMap pages;
    DREAMDB_TRY(objects.pages(step.missing, pages));
    DREAMDB_TRY(cursor.feed(step.missing[0].address, pages.find(step.missing[0].address)));
  }
}

Result<std::vector<EntryPtr>> list_entries(Objects& objects, TreeCursor cursor) {
  std::vector<EntryPtr> out;
  for (;;) {
    DREAMDB_ASSIGN(EntryPtr entry, next_entry(objects, cursor));
    if (entry == nullptr) return out;
    out.push_back(std::move(entry));
  }
}

}  // namespace dreamdb
