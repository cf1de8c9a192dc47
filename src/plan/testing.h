// Trees in a map, for tests: every page that was ever written, and a driver that hands out those
// that a plan misses, counting them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "plan/tree.h"
#include "plan/tree_edit.h"

namespace dreamdb::testing {

// A leaf entry that differs from all others by `id`. wide: its statistics take so much room that
// few fit a page.
inline Entry leaf_entry(uint64_t id, uint64_t first, uint64_t length, uint64_t seq, bool wide) {
  Entry out;
  out.first = first;
  out.rows = length + 1;
  out.last = first + length;
  out.step = 1;
  out.records = id % 3 == 0 ? 0 : out.rows;
  out.seq = seq;
  const std::string name = std::to_string(id);
  out.child = Address::of(std::as_bytes(std::span(name)));
  out.size = out.bytes = 10'000 + id;
  out.footer = 500;
  Stats stats;
  for (uint32_t column = 1; wide && column <= 80; ++column) {
    ColumnStats& of = stats[FieldId{column}];
    of.present = 1;
    of.min = std::string(32, 'a');
    of.max = std::string(32, static_cast<char>('b' + id % 20));
  }
  out.stats = std::move(stats);
  return out;
}

struct Forest {
  std::map<Address, PagePtr> written;
  std::vector<Address> read;  // by the last `drive`
  size_t rounds = 0;          // of it

  // Calls `plan` with more and more pages; each round must be of one level.
  template <typename Plan>
  auto drive(const Plan& plan) -> decltype(plan(PageMap())) {
    PageMap pages;
    read.clear();
    for (rounds = 0;; ++rounds) {
      auto answer = plan(pages);
      if (!answer || answer->missing.empty()) return answer;
      for (const PageRef& ref : answer->missing) {
        EXPECT_EQ(pages.find(ref.address), nullptr) << "asked for twice";
        EXPECT_TRUE(written.contains(ref.address)) << "asked for a page that never was";
        pages.add(ref.address, written.at(ref.address));
        read.push_back(ref.address);
      }
    }
  }

  std::optional<Root> insert(const std::optional<Root>& root, std::vector<Entry> entries,
                             std::vector<NewPage>* fresh = nullptr) {
    return keep(drive([&](const PageMap& have) {
                  return insert_entries(root, FieldId{1}, entries, nonce(), have);
                }),
                fresh);
  }

  std::optional<Root> edit(const std::optional<Root>& root, std::vector<Entry> removed,
                           std::vector<Entry> added) {
    return keep(drive([&](const PageMap& have) {
      return edit_entries(root, FieldId{1}, removed, added, nonce(), have);
    }));
  }

  // Addresses of all pages of a tree, and its leaf entries in order; checks all sums on the way.
  std::set<Address> walk(const Root& root, std::vector<Entry>& leaves) const {
    std::set<Address> pages;
    const PagePtr page = written.at(root.page);
    EXPECT_EQ(root_of(*page, root.field, root.page, root.page_size), root);
    walk(root.page, root.height, pages, leaves);
    return pages;
  }

 private:
  Nonce nonce() const {
    Nonce out{};
    out[0] = static_cast<std::byte>(written.size());
    out[1] = static_cast<std::byte>(written.size() >> 8);
    return out;
  }

  // Checks and keeps the pages of an answer; its root.
  std::optional<Root> keep(Result<Inserted> inserted, std::vector<NewPage>* fresh = nullptr) {
    EXPECT_TRUE(inserted) << inserted.error().message;
    for (const NewPage& page : inserted->pages) {
      EXPECT_LE(page.body.size(), kPageTargetBytes);
      EXPECT_EQ(Address::of(page.body.span()), page.address);
      auto parsed = parse_page(page.body.span(), "page");
      EXPECT_TRUE(parsed) << parsed.error().message;
      EXPECT_EQ(parsed->entries, page.page->entries);
      written[page.address] = page.page;
    }
    if (fresh != nullptr) *fresh = std::move(inserted->pages);
    return inserted->root;
  }

  void walk(const Address& at, uint32_t height, std::set<Address>& pages,
            std::vector<Entry>& leaves) const {
    EXPECT_TRUE(pages.insert(at).second) << "a page stands in a tree twice";
    const Page& page = *written.at(at);
    EXPECT_EQ(page.height, height);
    EXPECT_FALSE(page.entries.empty());
    for (const Entry& entry : page.entries) {
      if (height == 0) {
        leaves.push_back(entry);
        continue;
      }
      EXPECT_EQ(entry, summarize(*written.at(entry.child), entry.child, entry.size));
      walk(entry.child, height - 1, pages, leaves);
    }
  }
};

}  // namespace dreamdb::testing
