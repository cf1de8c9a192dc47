#include "dataset/merge_schema.h"

#include <algorithm>
#include <optional>
#include <set>

namespace dreamdb {

namespace {

// A field that only one side has must be one that records may lack, if the other side has any.
Status check_required(const Field& field, const Manifest& other, std::string_view side) {
  if (!field.required || other.record_count() == 0) return {};
  return fail(Code::kConflict, "field `" + field.name + "` is required, and the " +
                                   std::to_string(other.record_count()) + " records of the " +
                                   std::string(side) + " lack it; nothing was merged");
}

Status refuse(const Field& ours, const Field& theirs) {
  return fail(Code::kConflict,
              "both sides have added a field: the target `" + ours.name + "` of type " +
                  std::string(type_name(ours.type)) + " with id " +
                  std::to_string(static_cast<uint32_t>(ours.id)) + ", the source `" + theirs.name +
                  "` of type " + std::string(type_name(theirs.type)) + " with id " +
                  std::to_string(static_cast<uint32_t>(theirs.id)) +
                  "; one can be merged where name, type and id are the same, or name and id "
                  "differ. Nothing was merged");
}

std::optional<std::string> find_value(const UserMap& map, const std::string& key) {
  const auto it = map.find(key);
  return it == map.end() ? std::nullopt : std::optional(it->second);
}

}  // namespace

Result<Schema> unite_schemas(const Manifest& target, const Manifest& source,
                             std::vector<std::string>& added) {
  std::vector<Field> fields = target.schema.fields();
  for (const Field& field : source.schema.fields()) {
    const Field* const same_id = target.schema.find(field.id);
    if (same_id != nullptr && *same_id == field) continue;
    if (same_id != nullptr) DREAMDB_TRY(refuse(*same_id, field));
    if (const Field* const same_name = target.schema.find(field.name))
      DREAMDB_TRY(refuse(*same_name, field));
    DREAMDB_TRY(check_required(field, target, "target"));
    added.push_back(field.name);
    fields.push_back(field);
  }
  for (const Field& field : target.schema.fields())
    if (source.schema.find(field.id) == nullptr)
      DREAMDB_TRY(check_required(field, source, "source"));
  return Schema::restore(std::move(fields),
                         std::max(target.schema.next_id(), source.schema.next_id()));
}

void unite_meta(Bases bases, const UserMap& source, UserMap& map, MergeReport& report) {
  std::set<std::string> keys;
  for (const auto& [key, value] : source) keys.insert(key);
  for (const VersionPoint& base : bases)
    for (const auto& [key, value] : base.manifest->meta) keys.insert(key);
  for (const std::string& key : keys) {
    const auto theirs = find_value(source, key), ours = find_value(map, key);
    if (theirs == ours) continue;
    const auto is_old = [&](const std::optional<std::string>& value) {
      if (bases.empty()) return !value.has_value();
      return std::ranges::any_of(bases, [&](const VersionPoint& base) {
        return find_value(base.manifest->meta, key) == value;
      });
    };
    const bool changed_here = !is_old(ours), changed_there = !is_old(theirs);
    if (changed_here == changed_there) {
      report.meta_conflicts.push_back(key);
    } else if (changed_there) {
      map.erase(key);
      if (theirs) map[key] = *theirs;
      report.meta_changed.push_back(key);
    }
  }
}

bool same_index(const FieldIndex* a, const FieldIndex* b) {
  return a == nullptr || b == nullptr ? a == b : a->spatial == b->spatial;
}

const FieldIndex* choose_index(Bases bases, const Manifest& target, const Manifest& source,
                               FieldId field) {
  const FieldIndex* const ours = target.find_index(field);
  const FieldIndex* const theirs = source.find_index(field);
  const auto is_old = [&](const FieldIndex* index) {
    if (bases.empty()) return index == nullptr;
    return std::ranges::any_of(bases, [&](const VersionPoint& base) {
      return same_index(base.manifest->find_index(field), index);
    });
  };
  return is_old(ours) && !is_old(theirs) ? theirs : ours;
}

bool may_differ_by_base(const Manifest& target, const Manifest& source) {
  if (target.meta != source.meta || target.replaced != source.replaced) return true;
  const auto differs = [](const Manifest& one, const Manifest& other) {
    return std::ranges::any_of(one.indexes, [&](const FieldIndex& index) {
      return !same_index(&index, other.find_index(index.field));
    });
  };
  return differs(target, source) || differs(source, target);
}

}  // namespace dreamdb
