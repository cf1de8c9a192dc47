#include "version/history.h"

#include <algorithm>
#include <map>
#include <utility>

namespace dreamdb {

namespace {

constexpr uint64_t kWindowMax = 256;

Result<VersionPoint> point_of(const Address& address, Result<ManifestPtr> manifest) {
  if (manifest) return VersionPoint{address, *std::move(manifest)};
  Error error = std::move(manifest).error();
  if (error.code == Code::kNotFound)
    error.message = "the history was collected: " + manifest_key(address) +
                    ", which a later version names, is gone";
  else
    error.message += " (a later version names it)";
  return std::unexpected(std::move(error));
}

Result<VersionPoint> fetch(Objects& objects, const Address& address) {
  return point_of(address, objects.manifest(address));
}

template <typename T>
bool is_collected(const Result<T>& point) {
  return !point && point.error().code == Code::kNotFound;
}

Status check_depth(const VersionPoint& point, uint64_t depth) {
  if (point.manifest->depth == depth) return {};
  return fail(Code::kCorruption, manifest_key(point.address) + ": stands at depth " +
                                     std::to_string(point.manifest->depth) +
                                     " where a later version says " + std::to_string(depth));
}

// The newest version above depth `above` of the chain of `other` that the chain of `from` has
// merged. All of that chain is asked: what was merged last need not be the newest.
Result<std::optional<VersionPoint>> newest_merged(Objects& objects, const VersionPoint& from,
                                                  const VersionPoint& other, uint64_t above) {
  std::optional<VersionPoint> newest;
  HistoryWalk walk(objects, from);
  for (;;) {
    DREAMDB_ASSIGN(const std::optional<VersionPoint> point, walk.next());
    if (!point && walk.collected())
      return fail(Code::kNotFound,
                  "the history was collected up to depth " + std::to_string(*walk.collected()));
    if (!point || point->manifest->depth <= above) return newest;
    const std::vector<Address>& parents = point->manifest->parents;
    for (size_t i = 1; i < parents.size(); ++i) {
      DREAMDB_ASSIGN(const VersionPoint merged, fetch(objects, parents[i]));
      // It may be newer than `other`, or of a branch that began above the base.
      auto both = common_ancestor(objects, merged, objects, other);
      if (is_collected(both)) continue;
      DREAMDB_TRY(both);
      if (!*both || (**both).manifest->depth <= above) continue;
      if (newest && newest->manifest->depth >= (**both).manifest->depth) continue;
      newest = *std::move(both);
      if (newest->address == other.address) return newest;
    }
  }
}

// Whether the chain of `from` has merged `other`, which stands above depth `above`, or what lies
// above it.
Result<bool> has_merged(Objects& objects, const VersionPoint& from, const VersionPoint& other,
                        uint64_t above) {
  DREAMDB_ASSIGN(const auto newest, newest_merged(objects, from, other, above));
  return newest && newest->address == other.address;
}

}  // namespace

HistoryWalk::HistoryWalk(Objects& objects, VersionPoint start) : objects_(objects) {
  ready_.push_back(std::move(start));
}

Result<std::optional<VersionPoint>> HistoryWalk::next() {
  if (failure_) return std::unexpected(*std::exchange(failure_, std::nullopt));
  if (ready_.empty()) return std::optional<VersionPoint>();
  std::optional<VersionPoint> point = std::move(ready_.front());
  ready_.pop_front();
  if (ready_.empty() && point->manifest->depth > 0 && !collected_) {
    Status fetched = fetch_window(*point);
    if (!fetched) failure_ = std::move(fetched).error();  // told after `point`
  }
  return point;
}

// The versions below `from`, as many as the window has.
Status HistoryWalk::fetch_window(const VersionPoint& from) {
  const uint64_t top = from.manifest->depth;
  uint64_t low = top - std::min(top, window_);
  window_ = std::min(4 * window_, kWindowMax);
  std::map<uint64_t, Address> known;  // by depth; named by a version that is there
  std::map<uint64_t, VersionPoint> there;
  const auto learn = [&](const VersionPoint& point) -> Status {
    for (const Ancestor& ancestor : point.manifest->ancestors) {
      if (ancestor.depth < low) break;
      const auto [it, fresh] = known.emplace(ancestor.depth, ancestor.manifest);
      if (it->second != ancestor.manifest)
        return fail(Code::kCorruption,
                    manifest_key(point.address) + ": names another ancestor at depth " +
                        std::to_string(ancestor.depth) + " than its children do");
    }
    return {};
  };
  DREAMDB_TRY(learn(from));
  while (there.size() < top - low) {
    std::vector<Address> wanted;
    std::vector<uint64_t> depths;
    for (const auto& [depth, address] : known) {
      if (there.contains(depth)) continue;
      wanted.push_back(address);
      depths.push_back(depth);
    }
    auto manifests = objects_.manifests(wanted);
    for (size_t i = wanted.size(); i-- > 0;) {  // newest first: where one is gone, no older is told
      auto point = point_of(wanted[i], std::move(manifests[i]));
      if (is_collected(point)) {
        collected_ = depths[i];
        low = depths[i] + 1;
        known.erase(known.begin(), known.lower_bound(low));
        there.erase(there.begin(), there.lower_bound(low));
        break;
      }
      DREAMDB_TRY(point);
      DREAMDB_TRY(check_depth(*point, depths[i]));
      DREAMDB_TRY(learn(*point));
      there.emplace(depths[i], *std::move(point));
    }
  }
  for (auto it = there.rbegin(); it != there.rend(); ++it) ready_.push_back(std::move(it->second));
  return {};
}

Result<VersionPoint> ancestor_at(Objects& objects, VersionPoint from, uint64_t depth) {
  if (depth > from.manifest->depth)
    return fail(Code::kInvalidArgument, "depth " + std::to_string(depth) +
                                            " is beyond the version's own, " +
                                            std::to_string(from.manifest->depth));
  while (from.manifest->depth > depth) {
    const Ancestor next = ancestor_towards(*from.manifest, depth);
    DREAMDB_ASSIGN(from, fetch(objects, next.manifest));
    DREAMDB_TRY(check_depth(from, next.depth));
  }
  return from;
}

Result<std::optional<VersionPoint>> common_ancestor(Objects& left_space, VersionPoint left,
                                                    Objects& right_space, VersionPoint right) {
  const uint64_t depth = std::min(left.manifest->depth, right.manifest->depth);
  DREAMDB_ASSIGN(left, ancestor_at(left_space, std::move(left), depth));
  DREAMDB_ASSIGN(right, ancestor_at(right_space, std::move(right), depth));
  while (left.address != right.address) {
    // At equal depth both lists have the same depths. The answer lies between the newest element
    // that both share and the oldest that they do not.
    const std::vector<Ancestor>& a = left.manifest->ancestors;
    const std::vector<Ancestor>& b = right.manifest->ancestors;
    size_t shared = 0;
    while (shared < a.size() && shared < b.size() && a[shared] != b[shared]) ++shared;
    if (shared == 0) {
      if (a.empty() || b.empty()) return std::optional<VersionPoint>();
      DREAMDB_ASSIGN(VersionPoint found, fetch(left_space, a[0].manifest));
      return std::optional(std::move(found));
    }
    const Ancestor to_left = a[shared - 1];
    const Ancestor to_right = b[shared - 1];
    if (&left_space == &right_space) {
      const Address both[] = {to_left.manifest, to_right.manifest};
      auto manifests = left_space.manifests(both);
      DREAMDB_ASSIGN(left, point_of(both[0], std::move(manifests[0])));
      DREAMDB_ASSIGN(right, point_of(both[1], std::move(manifests[1])));
    } else {
      DREAMDB_ASSIGN(left, fetch(left_space, to_left.manifest));
      DREAMDB_ASSIGN(right, fetch(right_space, to_right.manifest));
    }
    DREAMDB_TRY(check_depth(left, to_left.depth));
    DREAMDB_TRY(check_depth(right, to_left.depth));
  }
  return std::optional(std::move(left));
}

Result<std::vector<VersionPoint>> merged_ancestors(Objects& objects, const VersionPoint& left,
                                                   const VersionPoint& right,
                                                   const VersionPoint& base) {
  const uint64_t above = base.manifest->depth;
  DREAMDB_ASSIGN(std::optional<VersionPoint> of_right, newest_merged(objects, left, right, above));
  DREAMDB_ASSIGN(std::optional<VersionPoint> of_left, newest_merged(objects, right, left, above));
  if (of_right && of_left) {  // one that the other has merged is not near
    DREAMDB_ASSIGN(const bool is_left_old, has_merged(objects, *of_right, *of_left, above));
    DREAMDB_ASSIGN(const bool is_right_old, has_merged(objects, *of_left, *of_right, above));
    if (is_left_old) of_left.reset();
    if (is_right_old) of_right.reset();
  }
  std::vector<VersionPoint> out;
  if (of_right) out.push_back(*std::move(of_right));
  if (of_left) out.push_back(*std::move(of_left));
  return out;
}

Result<VersionPoint> version_at_time(Objects& objects, VersionPoint from, uint64_t time_ns) {
  while (from.manifest->time_ns > time_ns) {
    // Times ascend along the chain: find the oldest listed ancestor that is still too young.
    const std::vector<Ancestor>& listed = from.manifest->ancestors;
    std::optional<VersionPoint> young, parent;
    for (size_t low = 0, high = listed.size(); low < high;) {  // newest first
      const size_t middle = low + (high - low) / 2;
      auto point = fetch(objects, listed[middle].manifest);
      const bool is_gone = is_collected(point);  // older than those that are there
      if (!is_gone) DREAMDB_TRY(point);
      const bool is_young = !is_gone && (*point).manifest->time_ns > time_ns;
      (is_young ? low : high) = middle + (is_young ? 1 : 0);
      if (is_young)
        young = *std::move(point);
      else if (middle == 0 && is_gone)
        return std::unexpected(std::move(point).error());
      else if (middle == 0)
        parent = *std::move(point);
    }
    if (parent) return *std::move(parent);
    if (!young)
      return fail(Code::kNotFound, "no version is as old as " + std::to_string(time_ns) +
                                       " ns; the first one was made at " +
                                       std::to_string(from.manifest->time_ns) + " ns");
    from = *std::move(young);
  }
  return from;
}

}  // namespace dreamdb
