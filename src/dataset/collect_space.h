// A space with a clock of its own, and what must be left of it: for tests of the collector.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "dataset/dataset_impl.h"
#include "dataset/small_dataset.h"
#include "runtime/quick_runtime.h"
#include "store/memory_store.h"
#include "upkeep/collect.h"

namespace dreamdb::testing {

inline constexpr uint64_t kHourNs = 3'600'000'000'000;

struct CollectedSpace {
  std::shared_ptr<QuickRuntime> runtime = std::make_shared<QuickRuntime>();
  std::shared_ptr<MemoryStore> memory = std::make_shared<MemoryStore>("gc", *runtime);

  std::shared_ptr<Space> space(std::shared_ptr<Store> store = nullptr) const {
    return Space::on(store ? std::move(store) : memory, "memory://gc", 1 << 20, *runtime);
  }
  Dataset open(const std::string& ref = "main") const {
    auto opened = open_in(space(), ref);
    EXPECT_TRUE(opened) << opened.error().message;
    return *opened;
  }
  void sleep_hours(double hours) const {
    runtime->sleep_ns(static_cast<uint64_t>(hours * static_cast<double>(kHourNs)));
  }

  GcReport collect(const GcOptions& options = {}) const { return collect_on(memory, options); }
  GcReport collect_on(const std::shared_ptr<Store>& store, const GcOptions& options = {}) const {
    auto report = dreamdb::collect(store, *runtime, options);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : GcReport{};
  }

  std::set<std::string> keys(const std::string& prefix = "") const {
    std::set<std::string> out;
    const auto page = memory->list(prefix, "", 1'000'000);
    for (const ListedObject& object : page->objects) out.insert(object.key);
    return out;
  }
  // Those of the objects that a collector may delete.
  std::set<std::string> objects() const {
    std::set<std::string> out;
    for (const std::string folder : {"manifests/", "pages/", "segments/"})
      for (const std::string& key : keys(folder)) out.insert(key);
    return out;
  }

  // What the refs lead to, found by following everything; of history only what is there. Fails
  // where something is missing.
  std::set<std::string> reachable() const {
    std::set<std::string> out;
    Objects objects(memory, 1 << 20);
    for (const std::string& key : keys("refs/")) {
      std::optional<Address> next = load_ref(*memory, key.substr(5))->ref.manifest;
      bool is_tip = true;
      while (next) {
        const auto manifest = objects.manifest(*next);
        EXPECT_TRUE(manifest.has_value() || !is_tip) << key << " names what is gone";
        if (!manifest || !out.insert(manifest_key(*next)).second) break;
        add_trees(objects, **manifest, out);
        is_tip = false;
        next.reset();
        if (!(*manifest)->parents.empty()) next = (*manifest)->parents[0];
      }
    }
    return out;
  }

  static void add_trees(Objects& objects, const Manifest& manifest, std::set<std::string>& out) {
    std::vector<Address> roots;
    for (const Root& root : manifest.tracks) roots.push_back(root.page);
    if (manifest.ledger) roots.push_back(manifest.ledger->page);
    for (const FieldIndex& index : manifest.indexes) {
      out.insert(segment_key(index.spatial));
      if (index.codes) roots.push_back(index.codes->page);
      if (index.covered) roots.push_back(index.covered->page);
    }
    for (const Address& root : roots) add_tree(objects, root, out);
  }

  static void add_tree(Objects& objects, const Address& address, std::set<std::string>& out) {
    if (!out.insert(page_key(address)).second) return;
    PageMap pages;
    const PageRef ref{address, 0};
    const Status read = objects.pages({&ref, 1}, pages);
    EXPECT_TRUE(read) << read.error().message;
    if (!read) return;
    const PagePtr page = pages.find(address);
    for (const Entry& entry : page->entries) {
      if (page->height > 0) add_tree(objects, entry.child, out);
      if (page->height == 0 && entry.size > 0) out.insert(segment_key(entry.child));
    }
  }
};

// Everything that a dataset holds, as text: equal where nothing was lost.
inline std::string scan_text(const Dataset& ds) {
  std::string out;
  for (const Batch& batch : all_batches(ds))
    for (size_t row = 0; row < batch.rows(); ++row) {
      expect_small_row(batch, row);
      out += std::to_string(batch.anchors()[row]) + " ";
    }
  return out;
}

inline void expect_balanced(const GcReport& report) {
  const auto check = [](const GcCounts& c, const std::string& name) {
    EXPECT_EQ(c.listed.objects,
              c.live.objects + c.condemned.objects + c.guarded.objects + c.unknown.objects)
        << name;
    EXPECT_EQ(c.listed.bytes, c.live.bytes + c.condemned.bytes + c.guarded.bytes + c.unknown.bytes)
        << name;
  };
  check(report.all, "all");
  for (const auto& [kind, counts] : report.by_kind) check(counts, kind);
  if (!report.dry_run) {
    EXPECT_EQ(report.deleted.objects, report.all.condemned.objects);
    EXPECT_EQ(report.deleted.bytes, report.all.condemned.bytes);
  }
}

}  // namespace dreamdb::testing
