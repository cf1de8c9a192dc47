// A random history of one dataset beside its model: versions, refs and the handles that are open on
// them. Steps that write rows are in model_writes.h.
//
// Thread rule: one thread at a time. For tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dataset/dataset_impl.h"
#include "dataset/model.h"
#include "dataset/model_reads.h"
#include "store/memory_store.h"

namespace dreamdb::testing {

inline std::vector<Field> all_fields() {
  Field array = field_of("arr", FieldType::kArray, false);
  array.dtype = Dtype::kI16;
  array.shape = {2, 1};
  return {embedding_field("emb", 3),
          field_of("img", FieldType::kImage, false),
          field_of("label", FieldType::kCategorical),
          field_of("note", FieldType::kString, false),
          field_of("n", FieldType::kInt, false),
          field_of("f", FieldType::kFloat, false),
          array,
          field_of("flag", FieldType::kBool, false),
          field_of("at", FieldType::kTimestamp, false),
          field_of("text", FieldType::kText, false)};
}

// What a handle, a ref and a version are by the model, and the steps that write no rows.
class ModelHistory {
 public:
  explicit ModelHistory(uint64_t seed) : random_(seed) {
    const auto store = std::make_shared<MemoryStore>("model");
    for (const uint64_t cache_bytes : {0ull, 4ull << 20})
      spaces_.push_back(Space::on(store, "memory://model", cache_bytes));
    Schema schema;
    ModelVersion first;
    for (Field& field : all_fields()) EXPECT_TRUE(schema.add(std::move(field)));
    first.fields = schema.fields();
    auto made = create_in(spaces_[0], "main", schema);
    EXPECT_TRUE(made) << made.error().message;
    versions_[made->manifest()] = first;
    refs_["main"] = made->manifest();
    handles_.push_back({*std::move(made), "main"});
    open();
  }

  void read() {
    const Handle& handle = random_.pick(handles_);
    reads_.check(handle.ds, versions_.at(handle.ds.manifest()));
  }

  // Every version that was ever made is as it was.
  void read_all_versions() {
    for (const auto& [manifest, version] : versions_) {
      OpenOptions options;
      options.manifest = manifest;
      auto ds = open_in(spaces_[1], "main", options);
      ASSERT_TRUE(ds) << ds.error().message;
      reads_.stream(*ds, version);
    }
  }

 protected:
  struct Handle {
    Dataset ds;
    std::string ref;  // empty: cannot be written through
  };

  Handle& writable() {
    for (;;) {
      Handle& handle = handles_[random_.below(handles_.size())];
      if (!handle.ref.empty()) return handle;
    }
  }

  void open() {
    std::vector<std::string> names;
    for (const auto& [name, manifest] : refs_) names.push_back(name);
    const std::string& name = random_.pick(names);
    auto ds = open_in(random_.pick(spaces_), name);
    ASSERT_TRUE(ds) << ds.error().message;
    ASSERT_EQ(ds->manifest(), refs_[name]);
    ASSERT_EQ(ds->is_snapshot(), name.find('@') != std::string::npos);
    handles_.push_back({*ds, ds->is_snapshot() ? "" : name});
  }

  void refresh() {
    Handle& handle = writable();
    const bool stale = handle.ds.manifest() != refs_[handle.ref];
    auto moved = handle.ds.refresh();
    ASSERT_TRUE(moved) << moved.error().message;
    ASSERT_EQ(*moved, stale);
    ASSERT_EQ(handle.ds.manifest(), refs_[handle.ref]);
  }

  void branch() {
    const Dataset from = random_.pick(handles_).ds;
    const std::string name = "b" + std::to_string(random_.below(4));
    auto made = from.branch(name);
    if (refs_.contains(name)) {
      ASSERT_FALSE(made);
      ASSERT_EQ(made.error().code, Code::kAlreadyExists);
      return;
    }
    ASSERT_TRUE(made) << made.error().message;
    ASSERT_EQ(made->manifest(), from.manifest());
    refs_[name] = from.manifest();
    handles_.push_back({*std::move(made), name});
  }

  void snapshot() {
    Handle& handle = writable();
    const std::string label = "v" + std::to_string(random_.below(3));
    const std::string name = handle.ref + "@" + label;
    auto made = handle.ds.snapshot(label);
    ASSERT_EQ(made.has_value(), !refs_.contains(name));
    if (!made) {
      ASSERT_EQ(made.error().code, Code::kAlreadyExists);
      return;
    }
    refs_[name] = handle.ds.manifest();
    auto ds = open_in(spaces_[0], name);
    ASSERT_TRUE(ds);
    ASSERT_EQ(ds->append(rows_at({7}, {})).error().code, Code::kDenied);
  }

  void add_field() {
    Handle& handle = writable();
    const Field field = field_of("more" + std::to_string(random_.below(3)),
                                 random_.chance(50) ? FieldType::kInt : FieldType::kBlob, false);
    // Meets the tip, not the version of the handle.
    const bool taken = has_field(versions_[refs_[handle.ref]], field.name) ||
                       has_field(versions_[handle.ds.manifest()], field.name);
    const Status added = handle.ds.add_field(field);
    ASSERT_EQ(added.has_value(), !taken);
    if (!added) {
      ASSERT_EQ(added.error().code, Code::kAlreadyExists);
      return;
    }
    ModelVersion next = versions_[refs_[handle.ref]];
    next.fields = handle.ds.schema().fields();
    ASSERT_EQ(next.fields.size(), versions_[refs_[handle.ref]].fields.size() + 1);
    ASSERT_EQ(next.fields.back().name, field.name);
    moved(handle, std::move(next));
  }

  static bool has_field(const ModelVersion& version, const std::string& name) {
    return std::any_of(version.fields.begin(), version.fields.end(),
                       [&](const Field& f) { return f.name == name; });
  }

  void set_meta() {
    Handle& handle = writable();
    const std::string key = "k" + std::to_string(random_.below(3));
    ModelVersion next = versions_[refs_[handle.ref]];
    if (random_.chance(70)) {
      next.meta[key] = std::to_string(random_.below(9));
      ASSERT_TRUE(handle.ds.set_meta(key, next.meta[key]));
    } else {
      next.meta.erase(key);
      ASSERT_TRUE(handle.ds.remove_meta(key));
    }
    moved(handle, std::move(next));
  }

  void look_back() {
    const Dataset ds = random_.pick(handles_).ds;
    auto history = ds.history();
    ASSERT_TRUE(history);
    std::vector<CommitInfo> infos;
    for (;;) {
      auto info = history->next();
      ASSERT_TRUE(info) << info.error().message;
      if (!*info) break;
      infos.push_back(**info);
    }
    ASSERT_FALSE(infos.empty());
    ASSERT_EQ(infos.front().manifest, ds.manifest());
    const size_t depth = random_.below(infos.size());
    const CommitInfo& chosen = infos[infos.size() - 1 - depth];
    ASSERT_EQ(ds.version_at(depth)->manifest, chosen.manifest);
    ASSERT_EQ(chosen.records, versions_.at(chosen.manifest).records.size());
    OpenOptions options;
    options.manifest = chosen.manifest;
    auto old = open_in(spaces_[0], "main", options);
    ASSERT_TRUE(old);
    handles_.push_back({*std::move(old), ""});
  }

  void moved(Handle& handle, ModelVersion version) {
    refs_[handle.ref] = handle.ds.manifest();
    versions_[handle.ds.manifest()] = std::move(version);
  }

  ModelRandom random_;
  const uint64_t spread_ = random_.chance(50) ? 1 : 1'000'000'007;
  ModelReads reads_{random_, spread_};
  std::vector<std::shared_ptr<Space>> spaces_;
  std::vector<Handle> handles_;
  std::map<std::string, ModelVersion> versions_;  // by manifest
  std::map<std::string, std::string> refs_;
};

}  // namespace dreamdb::testing
