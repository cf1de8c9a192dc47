// What pages must say of each other (spec 6), beyond what each page shows by itself.
//
// Thread rule: pure functions.
#pragma once

#include "upkeep/tree_walk.h"

namespace dreamdb {

struct NamedTree {
  TreeKind kind = TreeKind::kTrack;
  const Root* root = nullptr;
  const FieldIndex* index = nullptr;  // of codes and covered segments

  FieldId field() const { return root->field; }
  bool is_records() const { return kind == TreeKind::kTrack && field() == kRecordTrack; }
};

// Every tree of the version, which outlives the answer.
std::vector<NamedTree> list_trees(const Manifest& manifest);

// "caption", "(records)", "(codes of emb)": what messages call a tree.
std::string tree_name(const NamedTree& tree, const Schema& schema);

// Corruption: the page has another height or other sums than what names it says (S6.6).
Status check_page(const NamedPage& named, const Page& page);

// Corruption: no leaf entry of such a tree in a version of that generation (S6.5 to S6.7).
Status check_leaf(const NamedTree& tree, const Entry& entry, uint64_t generation);

}  // namespace dreamdb
