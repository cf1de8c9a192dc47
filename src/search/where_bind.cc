// Binds filter expressions to a schema: checks types and turns literals into intervals and sets.
#include "search/where_bind.h"

#include <algorithm>

#include "search/filter.h"
#include "search/interval.h"
#include "search/iso_time.h"
#include "search/where_node.h"

namespace dreamdb {
namespace {

using Kind = WhereNode::Kind;
using Op = Where::Op;
using Literal = Where::Literal;

constexpr size_t kLiteralShownMax = 60;  // bytes of a literal in a message
constexpr size_t kNamesShownMax = 20;    // fields in a message

std::unexpected<Error> unknown_field(const std::string& name, const Schema& schema) {
  if (name == "_anchor")
    return fail(Code::kInvalidArgument,
                "where: `_anchor` is a record's place, not a field; say which anchors by start and "
                "end of the read (--start and --end on the command line), the end exclusive");
  std::string known;
  const size_t count = schema.fields().size();
  for (size_t i = 0; i < std::min(count, kNamesShownMax); ++i)
    known += (i == 0 ? "" : ", ") + schema.fields()[i].name;
  if (count > kNamesShownMax) known += " and " + std::to_string(count - kNamesShownMax) + " more";
  return fail(Code::kInvalidArgument, "where: field `" + name +
                                          "` is not declared in the Schema; declared are: " +
                                          (known.empty() ? "none" : known));
}

std::unexpected<Error> mismatch(const Field& field, const std::string& problem) {
  return fail(Code::kInvalidArgument, "where: field `" + field.name + "` is " +
                                          std::string(type_name(field.type)) + ", " + problem);
}

std::unexpected<Error> wrong_literal(const Field& field, const Literal& literal,
                                     const std::string& expected) {
  return mismatch(field,
                  "expected " + expected + ", found " + literal_text(literal, kLiteralShownMax));
}

Result<Test> bind_bool(const Field& field, const WhereNode& node) {
  const bool equality =
      node.kind == Kind::kIn ||
      (node.kind == Kind::kCompare && (node.op == Op::kEqual || node.op == Op::kNotEqual));
  if (!equality) return mismatch(field, "which has only == != and in, with true and false");
  bool seen[2] = {false, false};
  for (const Literal& literal : node.literals) {
    const bool* flag = std::get_if<bool>(&literal);
    if (flag == nullptr) return wrong_literal(field, literal, "true or false");
    seen[*flag ? 1 : 0] = true;
  }
  IntTest test;
  if (seen[0]) test.push_back({0, 0});
  if (seen[1]) test.push_back({1, 1});
  return test;
}

template <typename T>
Interval<T> interval_of(Op op, auto number) {
  if constexpr (std::is_same_v<T, int64_t>)
    return int_interval(op, number);
  else
    return float_interval(op, number);
}

// The values of a column of T with `value op literal`.
template <typename T>
Result<Interval<T>> bind_number(const Field& field, Op op, const Literal& literal) {
  if (const auto* number = std::get_if<int64_t>(&literal)) return interval_of<T>(op, *number);
  if (const auto* number = std::get_if<double>(&literal)) return interval_of<T>(op, *number);
  if (field.type != FieldType::kTimestamp) return wrong_literal(field, literal, "a number");
  const auto* text = std::get_if<std::string>(&literal);
  if (text == nullptr)
    return wrong_literal(field, literal, "nanoseconds or an ISO 8601 time in quotes");
  const Result<int64_t> time = parse_iso_time(*text);
  if (!time)
    return mismatch(
        field, "and " + literal_text(literal, kLiteralShownMax) + " is " + time.error().message);
  return interval_of<T>(op, *time);
}

template <typename T>
Result<Test> bind_numbers(const Field& field, const WhereNode& node) {
  if (node.kind == Kind::kLike) return mismatch(field, "`like` is for string and categorical");
  std::vector<Interval<T>> test;
  if (node.kind == Kind::kBetween) {
    DREAMDB_ASSIGN(const Interval<T> low,
                   bind_number<T>(field, Op::kGreaterEqual, node.literals[0]));
    DREAMDB_ASSIGN(const Interval<T> high, bind_number<T>(field, Op::kLessEqual, node.literals[1]));
    test.push_back({std::max(low.low, high.low), std::min(low.high, high.high)});
  } else {
    for (const Literal& literal : node.literals) {
      DREAMDB_ASSIGN(const Interval<T> interval, bind_number<T>(field, node.op, literal));
      test.push_back(interval);
    }
  }
  std::erase_if(test, [](const Interval<T>& i) { return i.low > i.high; });
  // Several come from `in` alone, and are single values.
  std::sort(test.begin(), test.end(), [](auto& a, auto& b) { return a.low < b.low; });
  test.erase(std::unique(test.begin(), test.end(), [](auto& a, auto& b) { return a.low == b.low; }),
             test.end());
  return test;
}

TextRangeTest text_range(Op op, const std::string& text) {
  TextRangeTest range;
  const bool below = op == Op::kLess || op == Op::kLessEqual;
  (below ? range.has_high : range.has_low) = true;
  (below ? range.high : range.low) = text;
  (below ? range.high_included : range.low_included) =
      op == Op::kLessEqual || op == Op::kGreaterEqual;
  return range;
}

Result<Test> bind_text(const Field& field, const WhereNode& node) {
  std::vector<std::string> texts;
  for (const Literal& literal : node.literals) {
    const auto* text = std::get_if<std::string>(&literal);
    if (text == nullptr) return wrong_literal(field, literal, "text in quotes");
    texts.push_back(*text);
  }
  if (node.kind == Kind::kLike) {
    LikePattern pattern(texts[0]);
    if (pattern.is_exact()) return TextSetTest{pattern.prefix()};
    return pattern;
  }
  if (node.kind == Kind::kBetween)
    return TextRangeTest{true, true, true, true, std::move(texts[0]), std::move(texts[1])};
  if (node.kind == Kind::kCompare && node.op != Op::kEqual && node.op != Op::kNotEqual)
    return text_range(node.op, texts[0]);
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  return texts;
}

Result<Test> bind_test(const Field& field, const WhereNode& node) {
  if (node.kind == Kind::kIsNull) return NullTest{};
  switch (field.type) {
    case FieldType::kBool: return bind_bool(field, node);
    case FieldType::kInt:
    case FieldType::kTimestamp: return bind_numbers<int64_t>(field, node);
    case FieldType::kFloat: return bind_numbers<double>(field, node);
    case FieldType::kString:
    case FieldType::kCategorical: return bind_text(field, node);
    default:
      return mismatch(field,
                      "and only scalar fields can be filtered by value "
                      "(`is null` and `is not null` work on every field)");
  }
}

class Binder {
 public:
  Binder(const Schema& schema, std::vector<BoundField>& fields)
      : schema_(schema), fields_(fields) {}

  // Depth is that of the tree, which its builders limit.
  Result<BoundNode> bind(const WhereNode& node, bool negated) {
    if (node.kind == Kind::kNot) return bind(*node.children[0], !negated);
    BoundNode bound;
    if (node.kind == Kind::kAnd || node.kind == Kind::kOr) {
      bound.kind =
          (node.kind == Kind::kAnd) != negated ? BoundNode::Kind::kAll : BoundNode::Kind::kAny;
      bound.children.reserve(node.children.size());
      for (const WhereNodePtr& child : node.children) {
        DREAMDB_ASSIGN(BoundNode part, bind(*child, negated));
        bound.children.push_back(std::move(part));
      }
      return bound;
    }
    const Field* field = schema_.find(node.field);
    if (field == nullptr) return unknown_field(node.field, schema_);
    DREAMDB_ASSIGN(bound.test, bind_test(*field, node));
    bound.negated = (node.kind == Kind::kCompare && node.op == Op::kNotEqual) != negated;
    bound.slot = slot_of(*field);
    return bound;
  }

 private:
  size_t slot_of(const Field& field) {
    for (size_t i = 0; i < fields_.size(); ++i)
      if (fields_[i].id == field.id) return i;
    fields_.push_back({field.id, field.name, field.type});
    return fields_.size() - 1;
  }

  const Schema& schema_;
  std::vector<BoundField>& fields_;
};

}  // namespace

bool text_matches(const Test& test, std::string_view text) {
  if (const auto* range = std::get_if<TextRangeTest>(&test)) return range->matches(text);
  if (const auto* pattern = std::get_if<LikePattern>(&test)) return pattern->matches(text);
  const auto* set = std::get_if<TextSetTest>(&test);
  return set != nullptr && std::binary_search(set->begin(), set->end(), text, std::less<>());
}

Result<BoundWhere> bind_where(const Where& where, const Schema& schema) {
  DREAMDB_TRY(where.status());
  BoundWhere bound;
  DREAMDB_ASSIGN(bound.root, Binder(schema, bound.fields).bind(where.node(), false));
  return bound;
}

Result<Filter> Filter::bind(const Where& where, const Schema& schema) {
  DREAMDB_ASSIGN(BoundWhere bound, bind_where(where, schema));
  Filter filter;
  for (const BoundField& field : bound.fields) filter.fields_.push_back(field.id);
  filter.bound_ = std::make_shared<const BoundWhere>(std::move(bound));
  return filter;
}

Status check_where(const Where& where, const Schema& schema) {
  DREAMDB_TRY(bind_where(where, schema));
  return {};
}

}  // namespace dreamdb
