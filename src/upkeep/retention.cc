#include "upkeep/retention.h"

#include "dreamdb/interrupt.h"

namespace dreamdb {

namespace {

// What a listing may have missed is asked for once more.
Result<bool> is_young(Store& store, const VersionPoint& version, const Retention& retention) {
  if (retention.young->has(version.address)) return true;
  const std::string key = manifest_key(version.address);
  DREAMDB_ASSIGN(const ListPage page, store.list(key, "", 1));
  return page.objects.empty() || page.objects.front().key != key ||
         page.objects.front().time_ns >= retention.young_ns;
}

}  // namespace

Result<std::optional<VersionPoint>> visit_kept(Objects& objects, const VersionPoint& tip,
                                               const Retention& retention,
                                               const VisitVersion& visit) {
  HistoryWalk walk(objects, tip);
  const uint64_t counted_max = retention.last.value_or(1);
  const uint64_t since_ns = retention.span_ns && *retention.span_ns < retention.now_ns
                                ? retention.now_ns - *retention.span_ns
                                : 0;
  bool only_young = !retention.keeps_all();
  uint64_t counted = 0;
  uint64_t child_ns = UINT64_MAX;  // when the version stopped to be the tip
  for (;;) {
    DREAMDB_TRY(check_interrupt());
    DREAMDB_ASSIGN(const std::optional<VersionPoint> version, walk.next());
    if (!version) return std::optional<VersionPoint>();
    if (only_young) {
      DREAMDB_ASSIGN(only_young, is_young(objects.store(), *version, retention));
    }
    if (!retention.keeps_all() && !only_young) {
      const bool in_span = retention.span_ns && child_ns >= since_ns;
      if (counted >= counted_max && !in_span) return version;
      ++counted;
    }
    child_ns = version->manifest->time_ns;
    DREAMDB_ASSIGN(const bool go_on, visit(*version));
    if (!go_on) return std::optional<VersionPoint>();
  }
}

}  // namespace dreamdb
