// The tree behind a Where.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dreamdb/where.h"

namespace dreamdb {

struct WhereNode {
  enum class Kind : uint8_t { kInvalid, kAnd, kOr, kNot, kCompare, kBetween, kIn, kLike, kIsNull };

  Kind kind = Kind::kInvalid;
  Where::Op op = Where::Op::kEqual;      // compare
  std::string field;                     // tests
  std::vector<Where::Literal> literals;  // compare 1, between 2, in >= 1, like 1 (the pattern)
  std::vector<std::shared_ptr<const WhereNode>> children;  // and, or: >= 2, none of the same kind;
                                                           // not: 1, itself neither not
  std::string message;                                     // invalid: what is wrong
  size_t depth = 1;  // levels of the tree, at most kWhereDepthMax
  size_t terms = 1;  // tests in it, at most kWhereTermsMax
};

using WhereNodePtr = std::shared_ptr<const WhereNode>;

// And or or of at least one node; takes in the children of nodes of the same kind.
WhereNodePtr join_nodes(WhereNode::Kind kind, std::vector<WhereNodePtr> nodes);
WhereNodePtr negate_node(const WhereNodePtr& node);
// Checks a test that has its field and literals; a wrong one becomes an invalid node.
WhereNodePtr make_test(WhereNode node);

// A literal as the grammar writes it; for messages, text may be cut after `length_max` bytes.
std::string literal_text(const Where::Literal& literal, size_t length_max = SIZE_MAX);
// The words that are no field names unless in backticks; `word` in lower case.
bool is_keyword(std::string_view word);

}  // namespace dreamdb
