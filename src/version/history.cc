#include "version/history.h"

#include <algorithm>

namespace dreamdb {

namespace {

Result<VersionPoint> fetch(Objects& objects, const Address& address) {
  auto manifest = objects.manifest(address);
  if (manifest) return VersionPoint{address, *std::move(manifest)};
  Error error = std::move(manifest).error();
  if (error.code == Code::kNotFound) error.code = Code::kCorruption;
  error.message += " (a later version names it)";
  return std::unexpected(std::move(error));
}

Status check_depth(const VersionPoint& point, uint64_t depth) {
  if (point.manifest->depth == depth) return {};
  return fail(Code::kCorruption, manifest_key(point.address) + ": stands at depth " +
                                     std::to_string(point.manifest->depth) +
                                     " where a later version says " + std::to_string(depth));
}

}  // namespace

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

Result<std::optional<VersionPoint>> common_ancestor(Objects& objects, VersionPoint left,
                                                    VersionPoint right) {
  const uint64_t depth = std::min(left.manifest->depth, right.manifest->depth);
  DREAMDB_ASSIGN(left, ancestor_at(objects, std::move(left), depth));
  DREAMDB_ASSIGN(right, ancestor_at(objects, std::move(right), depth));
  while (left.address != right.address) {
    // At equal depth both lists have the same depths. The answer lies between the newest element
    // that both share and the oldest that they do not.
    const std::vector<Ancestor>& a = left.manifest->ancestors;
    const std::vector<Ancestor>& b = right.manifest->ancestors;
    size_t shared = 0;
    while (shared < a.size() && shared < b.size() && a[shared] != b[shared]) ++shared;
    if (shared == 0) {
      if (a.empty() || b.empty()) return std::optional<VersionPoint>();
      DREAMDB_ASSIGN(VersionPoint found, fetch(objects, a[0].manifest));
      return std::optional(std::move(found));
    }
    const Ancestor to_left = a[shared - 1];
    const Ancestor to_right = b[shared - 1];
    DREAMDB_ASSIGN(left, fetch(objects, to_left.manifest));
    DREAMDB_ASSIGN(right, fetch(objects, to_right.manifest));
    DREAMDB_TRY(check_depth(left, to_left.depth));
    DREAMDB_TRY(check_depth(right, to_left.depth));
  }
  return std::optional(std::move(left));
}

Result<VersionPoint> version_at_time(Objects& objects, VersionPoint from, uint64_t time_ns) {
  while (from.manifest->time_ns > time_ns) {
    // Times ascend along the chain: find the oldest listed ancestor that is still too young.
    const std::vector<Ancestor> listed = from.manifest->ancestors;
    std::optional<VersionPoint> young;
    for (const Ancestor& ancestor : listed) {
      DREAMDB_ASSIGN(VersionPoint point, fetch(objects, ancestor.manifest));
      if (point.manifest->time_ns <= time_ns) {
        if (!young) return point;
        break;
      }
      young = std::move(point);
    }
    if (!young)
      return fail(Code::kNotFound, "no version is as old as " + std::to_string(time_ns) +
                                       " ns; the first one was made at " +
                                       std::to_string(from.manifest->time_ns) + " ns");
    from = *std::move(young);
  }
  return from;
}

}  // namespace dreamdb
