#include "upkeep/sweep.h"

#include <algorithm>
#include <mutex>

#include "runtime/interrupt.h"
#include "runtime/thread_pool.h"

namespace dreamdb {

namespace {

constexpr size_t kFarPage = 1'000;    // what a request of S3 lists and deletes
constexpr size_t kNearPage = 32'768;  // each reads a directory whole
constexpr size_t kDeletedAtOnce = 1'000;
constexpr uint64_t kPieces = 64;  // that a large folder of a far store is listed in side by side
constexpr int kDeleteTries = 4;

class Sweep {
 public:
  Sweep(Store& store, std::string_view folder, const SweepOptions& options, const Judge& judge)
      : store_(store), folder_(folder), options_(options), judge_(judge) {}

  Result<Swept> run(const HashSlice& slice) {
    std::vector<KeyRange> ranges = ranges_of(folder_, slice);
    if (store_.is_far()) {
      DREAMDB_ASSIGN(const bool is_done, try_small(ranges));
      if (is_done) return swept_;
      ranges.clear();
      for (uint64_t i = 0; i < kPieces; ++i)
        for (KeyRange& range : ranges_of(folder_, part_of(slice, i, kPieces)))
          ranges.push_back(std::move(range));
    }
    std::vector<Status> done(ranges.size());
    const auto scan_one = [&](size_t i) { done[i] = scan(ranges[i]); };
    if (store_.is_far()) {
      interruptible_for(waiting_pool(), ranges.size(), scan_one);
    } else {
      for (size_t i = 0; i < ranges.size() && (i == 0 || done[i - 1]); ++i) scan_one(i);
    }
    for (Status& status : done) DREAMDB_TRY(std::move(status));
    return swept_;
  }

 private:
  // True if there is so little that one page had all of it.
  Result<bool> try_small(const std::vector<KeyRange>& ranges) {
    if (ranges.size() != 1) return false;
    DREAMDB_ASSIGN(ListPage page, store_.list(folder_, ranges[0].after, kFarPage));
    if (page.more && !is_behind(page, ranges[0])) return false;
    DREAMDB_TRY(take(std::move(page), ranges[0]));
    return true;
  }

  static bool is_behind(const ListPage& page, const KeyRange& range) {
    return !range.last.empty() && !page.objects.empty() && page.objects.back().key > range.last;
  }

  Status scan(const KeyRange& range) {
    std::string after = range.after;
    const size_t limit = store_.is_far() ? kFarPage : kNearPage;
    for (bool more = true; more;) {
      DREAMDB_TRY(check_interrupt());
      if (is_over()) return {};
      DREAMDB_ASSIGN(ListPage page, store_.list(folder_, after, limit));
      more = page.more && !page.objects.empty() && !is_behind(page, range);
      const KeyRange rest{std::move(after), range.last};
      after = page.objects.empty() ? "" : page.objects.back().key;
      const Status taken = take(std::move(page), rest);
      if (!taken) {
        const std::lock_guard lock(mutex_);
        is_over_ = true;
      }
      DREAMDB_TRY(taken);
    }
    return {};
  }

  bool is_over() {
    const std::lock_guard lock(mutex_);
    return is_over_;
  }

  Status take(ListPage page, const KeyRange& range) {
    Swept here;
    std::vector<std::string> condemned;
    std::vector<uint64_t> sizes;
    std::string_view before = range.after;
    for (const ListedObject& object : page.objects) {
      if (object.key == before) continue;  // told twice
      if (object.key < before || !object.key.starts_with(folder_))
        return fail(Code::kUnavailable, "listing of " + folder_ + " in " + store_.describe() +
                                            " names " + object.key + " after " +
                                            std::string(before) + ": out of order; try again");
      before = object.key;
      if (!range.last.empty() && object.key > range.last) break;
      const auto address = Address::parse(std::string_view(object.key).substr(folder_.size()));
      const Fate fate = address ? judge_(object, *address) : Fate::kUnknown;
      const bool is_counted = address ? options_.counted.has(*address) : options_.counts_unknown;
      if (is_counted) add_to(here.counts, fate, object.size_bytes);
      if (fate != Fate::kCondemned || options_.dry_run) continue;
      condemned.push_back(object.key);
      if (is_counted) add_to(here.deleted, object.size_bytes);
    }
    for (size_t begin = 0; begin < condemned.size(); begin += kDeletedAtOnce) {
      const size_t end = std::min(condemned.size(), begin + kDeletedAtOnce);
      if (options_.may_delete) DREAMDB_TRY(options_.may_delete());
      DREAMDB_TRY(delete_surely(store_, {condemned.begin() + static_cast<ptrdiff_t>(begin),
                                         condemned.begin() + static_cast<ptrdiff_t>(end)}));
    }
    const std::lock_guard lock(mutex_);
    add_to(swept_.counts, here.counts);
    add_to(swept_.deleted, here.deleted);
    return options_.on_page ? options_.on_page(swept_.counts.listed, swept_.deleted) : Status();
  }

  Store& store_;
  const std::string folder_;
  const SweepOptions& options_;
  const Judge& judge_;
  std::mutex mutex_;
  Swept swept_;
  bool is_over_ = false;
};

}  // namespace

void add_to(GcTotal& total, uint64_t size_bytes) { add_to(total, GcTotal{1, size_bytes}); }

void add_to(GcTotal& total, const GcTotal& more) {
  total.objects += more.objects;
  total.bytes += more.bytes;
}

void add_to(GcCounts& counts, const GcCounts& more) {
  add_to(counts.listed, more.listed);
  add_to(counts.live, more.live);
  add_to(counts.condemned, more.condemned);
  add_to(counts.guarded, more.guarded);
  add_to(counts.unknown, more.unknown);
}

void add_to(GcCounts& counts, Fate fate, uint64_t size_bytes) {
  add_to(counts.listed, size_bytes);
  switch (fate) {
    case Fate::kLive: return add_to(counts.live, size_bytes);
    case Fate::kCondemned: return add_to(counts.condemned, size_bytes);
    case Fate::kGuarded: return add_to(counts.guarded, size_bytes);
    case Fate::kUnknown: return add_to(counts.unknown, size_bytes);
  }
}

Status delete_surely(Store& store, std::vector<std::string> keys) {
  for (int tries = 0; !keys.empty(); ++tries) {
    std::vector<Status> statuses = store.delete_many(keys);
    std::vector<std::string> again;
    for (size_t i = 0; i < keys.size(); ++i) {
      if (statuses[i]) continue;
      const Code code = statuses[i].error().code;
      const bool is_unanswered = code == Code::kUnavailable || code == Code::kOutcomeUnknown;
      if (!is_unanswered || tries + 1 == kDeleteTries) return std::move(statuses[i]);
      again.push_back(std::move(keys[i]));
    }
    keys = std::move(again);
  }
  return {};
}

Result<Swept> sweep(Store& store, std::string_view folder, const HashSlice& slice,
                    const SweepOptions& options, const Judge& judge) {
  return Sweep(store, folder, options, judge).run(slice);
}

Result<GcTotal> count_strangers(Store& store, const std::vector<std::string>& folders) {
  GcTotal total;
  std::string after;
  for (size_t next = 0;; ++next) {  // keys before folders[next]
    for (bool more = true; more;) {
      DREAMDB_ASSIGN(const ListPage page, store.list("", after, kFarPage));
      more = page.more && !page.objects.empty();
      for (const ListedObject& object : page.objects) {
        if (object.key <= after) continue;
        if (next < folders.size() && object.key >= folders[next]) {
          more = false;
          break;
        }
        after = object.key;
        add_to(total, object.size_bytes);
      }
    }
    if (next == folders.size()) return total;
    after = folders[next] + "~";  // behind all that stand in it
  }
}

}  // namespace dreamdb
