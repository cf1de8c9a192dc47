// Builders and limits of filter expressions.
#include "dreamdb/where.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "codec/utf8.h"
#include "search/where_node.h"

namespace dreamdb {
namespace {

using Kind = WhereNode::Kind;

WhereNodePtr invalid(std::string message) {
  WhereNode node;
  node.message = std::move(message);
  return std::make_shared<const WhereNode>(std::move(node));
}

// Flat, so that neither copying nor walking recurses deeper than kWhereDepthMax.
WhereNodePtr finish(WhereNode node) {
  node.depth = 1;
  node.terms = 0;
  for (const WhereNodePtr& child : node.children) {
    node.depth = std::max(node.depth, child->depth + 1);
    node.terms += child->terms;
  }
  if (node.depth > kWhereDepthMax)
    return invalid("the expression nests deeper than " + std::to_string(kWhereDepthMax) +
                   " levels: write it flatter");
  if (node.terms > kWhereTermsMax)
    return invalid("the expression has more than " + std::to_string(kWhereTermsMax) +
                   " tests: use `in` with a list");
  return std::make_shared<const WhereNode>(std::move(node));
}

bool same_tree(const WhereNode& a, const WhereNode& b) {
  if (&a == &b) return true;
  if (a.kind != b.kind || a.op != b.op || a.field != b.field || a.literals != b.literals ||
      a.message != b.message || a.children.size() != b.children.size())
    return false;
  for (size_t i = 0; i < a.children.size(); ++i)
    if (!same_tree(*a.children[i], *b.children[i])) return false;
  return true;
}

void collect_fields(const WhereNode& node, std::unordered_set<std::string_view>& seen,
                    std::vector<std::string>& out) {
  if (node.children.empty() && node.kind != Kind::kInvalid && seen.insert(node.field).second)
    out.push_back(node.field);
  for (const WhereNodePtr& child : node.children) collect_fields(*child, seen, out);
}

WhereNode test_of(Kind kind, std::string field, std::vector<Where::Literal> literals) {
  WhereNode node;
  node.kind = kind;
  node.field = std::move(field);
  node.literals = std::move(literals);
  return node;
}

// A backslash at the end has nothing to escape.
bool ends_in_escape(std::string_view pattern) {
  size_t backslashes = 0;
  while (backslashes < pattern.size() && pattern[pattern.size() - 1 - backslashes] == '\\')
    ++backslashes;
  return backslashes % 2 == 1;
}

}  // namespace

WhereNodePtr join_nodes(Kind kind, std::vector<WhereNodePtr> nodes) {
  if (nodes.size() == 1) return nodes[0];
  WhereNode joined;
  joined.kind = kind;
  for (WhereNodePtr& node : nodes) {
    if (node->kind == Kind::kInvalid) return node;
    if (node->kind != kind) {
      joined.children.push_back(std::move(node));
    } else {
      joined.children.insert(joined.children.end(), node->children.begin(), node->children.end());
    }
  }
  return finish(std::move(joined));
}

WhereNodePtr negate_node(const WhereNodePtr& node) {
  if (node->kind == Kind::kInvalid) return node;
  if (node->kind == Kind::kNot) return node->children[0];
  WhereNode negated;
  negated.kind = Kind::kNot;
  negated.children.push_back(node);
  return finish(std::move(negated));
}

WhereNodePtr make_test(WhereNode node) {
  if (node.field.empty()) return invalid("a field name in the expression is empty");
  if (!is_utf8(node.field)) return invalid("a field name in the expression is not UTF-8");
  const std::string about = "field `" + node.field + "`: ";
  for (const Where::Literal& literal : node.literals) {
    const auto* number = std::get_if<double>(&literal);
    if (number != nullptr && !std::isfinite(*number))
      return invalid(about + "a literal is NaN or infinite, expected a finite number");
  }
  if (node.kind == Kind::kIn && node.literals.empty())
    return invalid(about + "`in` needs at least one literal");
  if (node.literals.size() > kWhereLiteralsMax)
    return invalid(about + "`in` lists " + std::to_string(node.literals.size()) +
                   " literals, at most " + std::to_string(kWhereLiteralsMax) + " are allowed");
  if (node.kind == Kind::kLike && ends_in_escape(std::get<std::string>(node.literals[0])))
    return invalid(about + "the pattern ends in a backslash: write it twice to mean itself");
  return std::make_shared<const WhereNode>(std::move(node));
}

Where Where::compare(std::string field, Op op, Literal literal) {
  WhereNode node = test_of(Kind::kCompare, std::move(field), {std::move(literal)});
  node.op = op;
  return Where(make_test(std::move(node)));
}

Where Where::between(std::string field, Literal low, Literal high) {
  return Where(
      make_test(test_of(Kind::kBetween, std::move(field), {std::move(low), std::move(high)})));
}

Where Where::in(std::string field, std::vector<Literal> literals) {
  return Where(make_test(test_of(Kind::kIn, std::move(field), std::move(literals))));
}

Where Where::like(std::string field, std::string pattern) {
  return Where(make_test(test_of(Kind::kLike, std::move(field), {std::move(pattern)})));
}

Where Where::is_null(std::string field) {
  return Where(make_test(test_of(Kind::kIsNull, std::move(field), {})));
}

Where operator&&(const Where& a, const Where& b) {
  return Where(join_nodes(Kind::kAnd, {a.node_, b.node_}));
}

Where operator||(const Where& a, const Where& b) {
  return Where(join_nodes(Kind::kOr, {a.node_, b.node_}));
}

Where Where::operator!() const { return Where(negate_node(node_)); }

Status Where::status() const {
  if (node_->kind == Kind::kInvalid) return fail(Code::kInvalidArgument, node_->message);
  return {};
}

std::vector<std::string> Where::fields() const {
  std::unordered_set<std::string_view> seen;
  std::vector<std::string> out;
  collect_fields(*node_, seen, out);
  return out;
}

bool Where::operator==(const Where& other) const { return same_tree(*node_, *other.node_); }

}  // namespace dreamdb
