#include "tests/model/version.h"

#include <algorithm>
#include <optional>

namespace dreamdb::model {

namespace {

// Which of two values stays, when both sides have one and they differ.
enum class Wins : uint8_t { kTarget, kSource, kNeither };

// Of a value that several wrote, who must be known so that it gives way.
enum class Writers : uint8_t { kAll, kOne };

bool knows(const Writes& seen, const Writes& wrote, Writers who) {
  if (who == Writers::kAll) return std::ranges::includes(seen, wrote);
  return std::ranges::any_of(wrote, [&](uint64_t write) { return seen.contains(write); });
}

Wins winner(const Writes& target, const Writes& target_seen, const Writes& source,
            const Writes& source_seen, Writers who) {
  // A value gives way where the other side knew who wrote it.
  if (knows(target_seen, source, who)) return Wins::kTarget;
  if (knows(source_seen, target, who)) return Wins::kSource;
  return Wins::kNeither;
}

void forget(State& state, uint64_t anchor) {
  state.salts.erase(anchor);
  state.extras.erase(anchor);
}

template <typename Key>
bool unite(std::map<Key, Writes>& into, const Key& key, const Writes& more) {
  into[key].insert(more.begin(), more.end());
  return true;
}

bool merge_given(ModelVersion& out, const ModelVersion& source, Writers who) {
  for (const auto& [anchor, salt] : source.state.salts) {
    const Writes& theirs = source.given.at(anchor);
    const auto [ours, is_new] = out.state.salts.try_emplace(anchor, salt);
    if (is_new || ours->second == salt) {
      unite(out.given, anchor, theirs);
      continue;
    }
    switch (winner(out.given.at(anchor), out.seen, theirs, source.seen, who)) {
      case Wins::kTarget: break;
      case Wins::kNeither: return false;
      case Wins::kSource: ours->second = salt; out.given[anchor] = theirs;
    }
  }
  return true;
}

std::optional<std::string> value_of(const State& state, const std::string& key) {
  const auto found = state.meta.find(key);
  return found == state.meta.end() ? std::nullopt : std::optional(found->second);
}

bool merge_meta_apart(ModelVersion& out, const ModelVersion& source) {
  for (const auto& [key, value] : source.state.meta) {
    const auto [ours, is_new] = out.state.meta.try_emplace(key, value);
    if (ours->second != value) return false;
    if (is_new)
      out.keys[key] = source.keys.at(key);
    else
      unite(out.keys, key, source.keys.at(key));
  }
  return true;
}

bool merge_meta(ModelVersion& out, const ModelVersion& source) {
  for (const auto& [key, theirs] : source.keys) {
    const auto value = value_of(source.state, key);
    const auto [ours, is_new] = out.keys.try_emplace(key, Writes());
    if (value_of(out.state, key) == value) {
      unite(out.keys, key, theirs);
      continue;
    }
    switch (is_new ? Wins::kSource
                   : winner(ours->second, out.heard, theirs, source.heard, Writers::kAll)) {
      case Wins::kTarget: break;
      case Wins::kNeither: return false;
      case Wins::kSource:
        ours->second = theirs;
        out.state.meta.erase(key);
        if (value) out.state.meta[key] = *value;
    }
  }
  return true;
}

}  // namespace

Outcome append(ModelVersion version, std::span<const Row> rows, OnConflict mode, uint64_t write) {
  for (const Row& row : rows) {
    if (version.deleted.contains(row.anchor)) {
      if (mode == OnConflict::kSkip) continue;
      return std::unexpected(Code::kConflict);
    }
    const auto [at, is_new] = version.state.salts.try_emplace(row.anchor, row.salt);
    if (!is_new && at->second == row.salt) continue;
    if (!is_new && mode == OnConflict::kRefuse) return std::unexpected(Code::kConflict);
    if (!is_new && mode == OnConflict::kSkip) continue;
    at->second = row.salt;
    version.given[row.anchor] = {write};
    version.seen.insert(write);
  }
  return version;
}

Outcome append_assigned(ModelVersion version, size_t count, uint64_t first_salt, uint64_t write) {
  for (size_t i = 0; i < count; ++i) {
    version.state.assigned.insert(first_salt + i);
    version.names[first_salt + i] = {write};
  }
  version.seen.insert(write);
  return version;
}

Outcome add_extra(ModelVersion version) {
  if (version.state.has_extra) return std::unexpected(Code::kAlreadyExists);
  version.state.has_extra = true;
  return version;
}

Outcome fill_extra(ModelVersion version, std::span<const uint64_t> anchors) {
  for (const uint64_t anchor : anchors)
    if (!version.state.has_extra || !version.state.salts.contains(anchor))
      return std::unexpected(version.deleted.contains(anchor) ? Code::kConflict
                                                              : Code::kInvalidArgument);
  version.state.extras.insert(anchors.begin(), anchors.end());
  return version;
}

Outcome set_meta(ModelVersion version, const std::string& key, const std::string& value,
                 uint64_t write) {
  version.state.meta[key] = value;
  version.keys[key] = {write};
  version.heard.insert(write);
  return version;
}

Outcome remove_meta(ModelVersion version, const std::string& key, uint64_t write) {
  version.state.meta.erase(key);
  version.keys[key] = {write};
  version.heard.insert(write);
  return version;
}

Outcome remove_records(ModelVersion version, std::span<const uint64_t> anchors) {
  for (const uint64_t anchor : anchors) {
    if (!version.state.salts.contains(anchor)) continue;
    forget(version.state, anchor);
    version.given.erase(anchor);
    version.deleted.insert(anchor);
  }
  return version;
}

ModelVersion restore(const ModelVersion& version, ModelVersion older, uint64_t write) {
  older.heard = version.heard;
  older.heard.insert(write);
  auto keys = version.keys;
  for (auto& [key, writes] : keys)
    if (value_of(version.state, key) != value_of(older.state, key)) writes = {write};
  older.keys = std::move(keys);
  return older;
}

namespace {

Outcome merge_with(const ModelVersion& target, const ModelVersion& source,
                   bool (*merge_maps)(ModelVersion&, const ModelVersion&), Writers who) {
  ModelVersion out = target;
  // Deletion wins, also over values that the other side changed.
  out.deleted.insert(source.deleted.begin(), source.deleted.end());
  ModelVersion theirs = source;
  for (const uint64_t anchor : out.deleted) {
    for (ModelVersion* side : {&out, &theirs}) {
      forget(side->state, anchor);
      side->given.erase(anchor);
    }
  }
  if (!merge_given(out, theirs, who) || !merge_maps(out, theirs))
    return std::unexpected(Code::kConflict);
  for (const auto& [salt, writes] : theirs.names) {
    if (out.names.try_emplace(salt, writes).second) out.state.assigned.insert(salt);
  }
  out.state.extras.insert(theirs.state.extras.begin(), theirs.state.extras.end());
  out.state.has_extra = out.state.has_extra || theirs.state.has_extra;
  out.seen.insert(theirs.seen.begin(), theirs.seen.end());
  out.heard.insert(theirs.heard.begin(), theirs.heard.end());
  return out;
}

}  // namespace

Outcome merge(const ModelVersion& target, const ModelVersion& source) {
  return merge_with(target, source, merge_meta, Writers::kAll);
}

Outcome merge_apart(const ModelVersion& target, const ModelVersion& source) {
  return merge_with(target, source, merge_meta_apart, Writers::kAll);
}

Outcome merge_leniently(const ModelVersion& target, const ModelVersion& source) {
  return merge_with(target, source, merge_meta, Writers::kOne);
}

}  // namespace dreamdb::model
