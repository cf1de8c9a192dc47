#include "upkeep/verifier.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "format/ref.h"
#include "format/shard.h"
#include "runtime/interrupt.h"
#include "upkeep/anchor_rules.h"
#include "upkeep/segment_probe.h"
#include "upkeep/shard_range.h"
#include "version/tip.h"

namespace dreamdb {

namespace {

constexpr uint64_t kOwnCacheBytes = 32ull << 20;
constexpr size_t kSegmentsAtOnce = 256;
constexpr uint64_t kBytesAtOnce = 64ull << 20;
constexpr size_t kRefsAtOnce = 1000;

constexpr const char* kMissing = "missing";
constexpr const char* kDamaged = "damaged";
constexpr const char* kWrong = "wrong";

// A part of an address as a number; `is_of_shard` takes the first 8 bytes.
uint64_t number_of(const Address& address) {
  uint64_t number;
  std::memcpy(&number, address.hash.data() + 8, sizeof number);
  return number;
}

uint64_t number_of(const Entry& entry) { return number_of(entry.child) + entry.seq; }

bool is_sampled(const Address& address, double sample) {
  return sample >= 1 || static_cast<double>(number_of(address)) < std::ldexp(sample, 64);
}

bool is_damage(const Error& error) {
  return error.code == Code::kCorruption || error.code == Code::kNotFound;
}

}  // namespace

Status check_options(const VerifyOptions& options) {
  if (options.shard) DREAMDB_TRY(check_shard(*options.shard));
  if (options.sample > 0 && options.sample <= 1) return {};
  return fail(Code::kInvalidArgument, "the sample is " + std::to_string(options.sample) +
                                          ", expected above 0 and at most 1");
}

Verifier::Verifier(std::shared_ptr<Store> store, const VerifyOptions& options)
    : store_(std::move(store)),
      options_(options),
      shard_(options.shard.value_or(Shard())),
      objects_(store_, kOwnCacheBytes) {}

// ---------------------------------------------------------------------------------- versions

Status Verifier::check_ref(const std::string& name) {
  const auto loaded = load_ref(*store_, name);
  if (loaded) return check_version(loaded->ref.manifest);
  if (loaded.error().code != Code::kCorruption) return std::unexpected(loaded.error());
  tell(ref_key(name), Address(), kDamaged, loaded.error().message);
  return {};
}

Status Verifier::check_all_refs() {
  std::string after;
  for (bool more = true; more;) {
    DREAMDB_ASSIGN(const ListPage page, store_->list(ref_key(""), after, kRefsAtOnce));
    for (const ListedObject& object : page.objects) {
      const Status status = check_ref(object.key.substr(ref_key("").size()));
      if (!status && status.error().code != Code::kNotFound) return status;  // deleted meanwhile
      after = object.key;
    }
    more = page.more && !page.objects.empty();
  }
  return {};
}

Status Verifier::check_version(const Address& address) {
  if (!versions_.insert(address).second) return {};
  ++report_.versions;
  auto manifest = objects_.manifest(address);
  if (!manifest) {
    if (!is_damage(manifest.error())) return std::unexpected(manifest.error());
    tell_lost(manifest_key(address), address, manifest.error());
    return {};
  }
  manifest_ = *std::move(manifest);
  in_order_ = true;
  DREAMDB_TRY(check_genesis(manifest_->timeline));
  DREAMDB_TRY(check_descent(address, *manifest_));
  for (const FieldIndex& index : manifest_->indexes) DREAMDB_TRY(check_index(index));
  replaced_.clear();
  for (const bool is_first : {true, false})  // what was taken out is known when others are read
    for (const NamedTree& tree : list_trees(*manifest_))
      if ((tree.kind == TreeKind::kReplaced) == is_first) DREAMDB_TRY(check_tree(tree));
  DREAMDB_TRY(probe_pending());
  for (const FieldIndex& index : manifest_->indexes) DREAMDB_TRY(check_covered(index));
  return options_.data && options_.sample == 1 ? check_records(address) : Status();
}

Status Verifier::check_genesis(const Address& timeline) {
  if (!versions_.insert(timeline).second) return {};
  const std::string key = genesis_key(timeline);
  const ReadRequest request{.key = key};
  auto read = std::move(store_->read_many({&request, 1})[0]);
  const auto is_right = [&] { return read && Address::of(read->span()) == timeline; };
  if (read && !is_right()) read = std::move(store_->read_many({&request, 1})[0]);
  if (is_right()) return {};
  if (!read && !is_damage(read.error())) return std::unexpected(read.error());
  tell_lost(
      key, timeline,
      read ? Error{Code::kCorruption, key + ": its bytes do not hash to its name"} : read.error());
  return {};
}

// It is what follows from its parents and from the versions that its jump list names (spec 5.3,
// 5.5), as far as these were not collected.
Status Verifier::check_descent(const Address& address, const Manifest& manifest) {
  std::vector<Address> named = manifest.parents;
  for (const Ancestor& ancestor : manifest.ancestors) named.push_back(ancestor.manifest);
  const auto found = objects_.manifests(named);
  uint64_t generation = 0;
  bool is_whole = true;
  const auto expect = [&](bool holds, const std::string& what) {
    if (!holds) tell(manifest_key(address), address, kWrong, manifest_key(address) + ": " + what);
  };
  for (size_t i = 0; i < named.size(); ++i) {
    const size_t listed = i - manifest.parents.size();  // for those behind the parents
    if (!found[i]) {
      const Error& error = found[i].error();
      if (!is_damage(error)) return std::unexpected(error);
      const bool is_told = !versions_.insert(named[i]).second;
      is_whole = is_whole && i >= manifest.parents.size();
      if (is_told) continue;
      if (error.code == Code::kNotFound)
        ++report_.versions_gone;
      else
        tell_lost(manifest_key(named[i]), named[i], error);
    } else if (i < manifest.parents.size()) {
      generation = std::max(generation, (*found[i])->generation + 1);
    } else {
      expect((*found[i])->depth == manifest.ancestors[listed].depth,
             "its jump list says another depth than " + manifest_key(named[i]) + " has (S5.4)");
    }
  }
  if (manifest.parents.empty() || !is_whole) return {};
  const Manifest& first = **found[0];
  expect(manifest.generation == generation && manifest.depth == first.depth + 1,
         "its generation or depth does not follow from its parents (S5.5)");
  expect(manifest.timeline == first.timeline, "has another timeline than its parent (S5.5)");
  expect(manifest.time_ns >= first.time_ns, "was made before its first parent (S5.1)");
  expect(manifest.ancestors == ancestors_of_child(first, manifest.parents[0]),
         "its jump list does not follow from its first parent's (S5.4)");
  return {};
}

// ---------------------------------------------------------------------------------- trees

Status Verifier::check_tree(const NamedTree& named) {
  Tree tree{named, tree_name(named, manifest_->schema), ++tree_count_};
  if (named.kind == TreeKind::kCodes) {
    const auto spatial = spatial_.find(named.index->spatial);
    if (spatial != spatial_.end()) tree.spatial = &*spatial->second.spatial;
  }
  progress_.segments_all += named.root->segments;
  TreeVisitor visitor;
  visitor.wants = [&](const NamedPage& page) {
    const auto [seen, is_new] = pages_.emplace(number_of(page.above.child), tree.number);
    if (is_new) return true;
    const bool is_read_again =
        named.kind == TreeKind::kReplaced && seen->second != tree.number;  // its entries are needed
    if (is_read_again) {
      seen->second = tree.number;
      return true;
    }
    progress_.segments += page.above.segments;
    if (seen->second == tree.number) {
      in_order_ = false;
      tell(page_key(page.above.child), page.above.child, kWrong,
           page_key(page.above.child) + ": stands in its tree twice (S6.1)", tree.name, page.above);
    }
    return false;
  };
  visitor.on_page = [&](const NamedPage& page, const PagePtr& found) -> Result<bool> {
    ++report_.pages;
    DREAMDB_TRY(tell_progress());
    const Status sums = check_page(page, *found);
    if (sums) return true;
    in_order_ = false;
    tell(page_key(page.above.child), page.above.child, kWrong,
         page_key(page.above.child) + ": " + sums.error().message, tree.name, page.above);
    if (found->height == page.height) return true;
    losses_.add(page.above.child);
    return false;
  };
  visitor.on_lost = [&](const NamedPage& page, const Error& error) -> Status {
    losses_.add(page.above.child);
    tell_lost(page_key(page.above.child), page.above.child, error, tree.name, page.above);
    return {};
  };
  visitor.on_leaf = [&](const EntryPtr& entry) { return take_leaf(tree, entry); };
  return walk_tree(objects_, *named.root, visitor);
}

Status Verifier::take_leaf(Tree& tree, const EntryPtr& entry) {
  const std::string key = segment_key(entry->child);
  if (tree.last != nullptr && !entry_less(*tree.last, *entry)) {
    in_order_ = false;
    tell(key, entry->child, kWrong, key + ": stands in its tree out of order, or twice (S6.1)",
         tree.name, *entry);
  }
  tree.last = entry;
  const Status fits = check_leaf(tree.named, *entry, manifest_->generation);
  if (!fits) tell(key, entry->child, kWrong, key + ": " + fits.error().message, tree.name, *entry);
  if (tree.named.kind == TreeKind::kReplaced) replaced_.insert(number_of(*entry));
  const bool may_be_replaced =
      tree.named.kind == TreeKind::kTrack || tree.named.kind == TreeKind::kCodes;
  if (may_be_replaced && replaced_.contains(number_of(*entry)))
    tell(key, entry->child, kWrong, key + ": is there, and among what was taken out (S6.11)",
         tree.name, *entry);
  // What is covered stands in the track too, or is of no interest.
  if (entry->size == 0 || tree.named.kind == TreeKind::kCovered) return {};
  const bool is_codes = tree.named.kind == TreeKind::kCodes;
  return add_segment({*entry, is_codes ? SegmentUse::kCodes : SegmentUse::kValues, tree.named.kind,
                      tree.named.field(), tree.named.index, tree.spatial},
                     tree.name);
}

// ---------------------------------------------------------------------------------- segments

Status Verifier::add_segment(const NamedSegment& segment, const std::string& field) {
  const Address& address = segment.entry.child;
  if (options_.all_refs && !segments_.insert(number_of(address)).second) return {};
  if (segment.use != SegmentUse::kSpatial && !is_of_shard(address, shard_)) return {};
  pending_.push_back({segment, field});
  if (options_.data) pending_bytes_ += segment.entry.size;
  const bool is_full = pending_.size() >= kSegmentsAtOnce || pending_bytes_ >= kBytesAtOnce;
  return is_full ? probe_pending() : Status();
}

Status Verifier::probe_pending() {
  const std::vector<Pending> pending = std::exchange(pending_, {});
  pending_bytes_ = 0;
  std::vector<NamedSegment> segments;
  std::vector<bool> whole;
  for (const Pending& one : pending) {
    segments.push_back(one.segment);
    whole.push_back(options_.data && is_sampled(one.segment.entry.child, options_.sample));
    report_.segments_whole += whole.back();
  }
  DREAMDB_ASSIGN(const std::vector<ProbedSegment> probed,
                 probe_segments(*store_, manifest_->schema, segments, whole));
  for (size_t i = 0; i < probed.size(); ++i) {
    const Entry& entry = segments[i].entry;
    report_.bytes += probed[i].bytes;
    if (probed[i].found && probed[i].fits) {
      if (segments[i].use == SegmentUse::kSpatial) spatial_.emplace(entry.child, *probed[i].found);
      continue;
    }
    losses_.add(entry.child);
    if (probed[i].found) {
      tell(segment_key(entry.child), entry.child, kWrong, probed[i].fits.error().message,
           pending[i].field, entry);
    } else {
      tell_lost(segment_key(entry.child), entry.child, probed[i].found.error(), pending[i].field,
                entry);
    }
  }
  report_.segments += probed.size();
  progress_.segments += probed.size();
  progress_.bytes = report_.bytes;
  return tell_progress();
}

Status Verifier::check_index(const FieldIndex& index) {
  const Field* const field = manifest_->schema.find(index.field);
  Entry entry;
  entry.child = index.spatial;
  entry.size = index.size;
  entry.footer = index.footer;
  DREAMDB_TRY(add_segment({.entry = entry, .use = SegmentUse::kSpatial, .field = index.field},
                          "(index of " + (field == nullptr ? "" : field->name) + ")"));
  return probe_pending();  // its codes are compared with it
}

// What stands in both trees is the same there (S12.9).
Status Verifier::check_covered(const FieldIndex& index) {
  const Root* const track = manifest_->find_track(index.field);
  if (!index.covered || track == nullptr || index.covered->page == track->page) return {};
  if (!losses_.empty() || !in_order_) return {};
  TreeCursor covered(*index.covered, 0, kAnchorMax), all(*track, 0, kAnchorMax);
  DREAMDB_ASSIGN(EntryPtr there, next_entry(objects_, all));
  for (;;) {
    DREAMDB_ASSIGN(const EntryPtr entry, next_entry(objects_, covered));
    if (entry == nullptr) return {};
    while (there != nullptr && entry_less(*there, *entry)) {
      DREAMDB_ASSIGN(there, next_entry(objects_, all));
    }
    if (there == nullptr || entry_less(*entry, *there) || *entry == *there) continue;
    const std::string key = segment_key(entry->child);
    tell(key, entry->child, kWrong, key + ": its entry is another among the covered (S12.9)",
         tree_name({TreeKind::kCovered, &*index.covered, &index}, manifest_->schema), *entry);
  }
}

Status Verifier::check_records(const Address& address) {
  if (!in_order_) return {};
  const auto tell_anchor = [&](const NamedTree& tree, const Entry& entry, const std::string& what) {
    const std::string key = segment_key(entry.child);
    add({key, kWrong, key + ": " + what, tree_name(tree, manifest_->schema), entry.first,
         entry.last});
  };
  const auto is_lost = [&](const Address& object) { return losses_.has(object); };
  const auto check = [&]() -> Status {
    DREAMDB_ASSIGN(const AnchorRange range, range_of_shard(objects_, *manifest_, shard_));
    if (range.first >= range.end) return {};
    return check_anchors(objects_, *manifest_, range.first, range.end - 1, is_lost, tell_anchor);
  };
  const Status status = check();
  if (status || status.error().code != Code::kCorruption) return status;
  // Of several shards another one may know, and tell, what is lost here.
  if (shard_.of == 1) tell(manifest_key(address), address, kWrong, status.error().message);
  return {};
}

// ---------------------------------------------------------------------------------- telling

Status Verifier::tell_progress() {
  DREAMDB_TRY(check_interrupt());
  if (!options_.progress || options_.progress(progress_)) return {};
  return fail(Code::kCancelled, "not all was verified: its caller ended it");
}

void Verifier::tell(const std::string& key, const Address& object, const std::string& kind,
                    const std::string& what, const std::string& field, const Entry& at) {
  if (is_of_shard(object, shard_)) add({key, kind, what, field, at.first, at.last});
}

void Verifier::add(Damage damage) {
  ++report_.damage_count;
  if (report_.damages.size() < options_.damages_max) report_.damages.push_back(std::move(damage));
}

void Verifier::tell_lost(const std::string& key, const Address& object, const Error& error,
                         const std::string& field, const Entry& at) {
  const ReadRequest request{key, 0, 1};
  const auto read = std::move(store_->read_many({&request, 1})[0]);
  const bool is_missing = !read && read.error().code == Code::kNotFound;
  tell(key, object, is_missing ? kMissing : kDamaged, error.message, field, at);
}

}  // namespace dreamdb
