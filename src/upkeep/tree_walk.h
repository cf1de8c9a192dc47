// A tree of pages walked from left to right, past pages that cannot be had.
//
// Thread rule: one call at a time.
#pragma once

#include <functional>

#include "object/objects.h"

namespace dreamdb {

// What a tree says of a page before it is read: the entry that names it, or the root.
struct NamedPage {
  Entry above;  // of a root without `seq` and statistics
  bool is_root = false;
  uint32_t height = 0;
};

// What a root says as the entry of its page; without `seq` and statistics.
Entry entry_of_root(const Root& root);

struct TreeVisitor {
  // Whether the page is to be read at all.
  std::function<bool(const NamedPage&)> wants = [](const NamedPage&) { return true; };
  // A page that is there; false: what it names is not looked at.
  std::function<Result<bool>(const NamedPage&, const PagePtr&)> on_page;
  // One that is missing or damaged.
  std::function<Status(const NamedPage&, const Error&)> on_lost;
  // A leaf entry.
  std::function<Status(const EntryPtr&)> on_leaf;
};

// Errors: those of the store that say nothing of a page, and of the visitor. A wave for up to 64
// pages of a level; so many are held for each level.
Status walk_tree(Objects& objects, const Root& root, const TreeVisitor& visitor);

}  // namespace dreamdb
