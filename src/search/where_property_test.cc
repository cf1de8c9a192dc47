// Random expressions over random columns: the filter equals an interpreter of single rows, survives
// being written as text, and statistics never rule out a row that matches.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "search/filter.h"
#include "search/where_test_data.h"

namespace dreamdb {
namespace {

using Op = Where::Op;
using Literal = Where::Literal;

constexpr const char* kNames[] = {"i", "f", "b", "s", "c", "t"};
constexpr FieldType kTypes[] = {FieldType::kInt,    FieldType::kFloat,       FieldType::kBool,
                                FieldType::kString, FieldType::kCategorical, FieldType::kTimestamp};
constexpr size_t kFields = std::size(kNames);

size_t below(size_t limit) { return *rc::gen::inRange<size_t>(0, limit); }

template <typename T>
T any_of(const std::vector<T>& values) {
  return values[below(values.size())];
}

const std::vector<int64_t> kInts = {INT64_MIN, -3, -1, 0, 1, 2, 3, 4, 5, 1ll << 53, INT64_MAX};
const std::vector<double> kFloats = {-1e300, -2.5, -0.0,   0.0,    0.5,  1,
                                     2,      3.5,  0x1p53, 0x1p63, 1e300};
std::vector<std::string> texts() {
  const std::string x(40, 'x'), full(40, '\xff');
  return {"",   "a",        "ab",      "abc", "b", "ba", x, x + "y", x.substr(0, 31) + "y",
          full, full + "a", "\xc3\xa9"};
}
const std::vector<std::string> kPatterns = {"%",  "a%",    "a_",   "%b",
                                            "_",  "a%c",   "x%y",  "abc",
                                            "x%", "\xff%", "a\\%", std::string(33, 'x') + "%"};

// A cell: nothing, or the value in the alternative of its type.
using Cell = std::optional<Literal>;

Cell any_cell(FieldType type, size_t nulls_in_8) {
  if (below(8) < nulls_in_8) return std::nullopt;
  switch (type) {
    case FieldType::kBool: return below(2) == 1;
    case FieldType::kInt:
    case FieldType::kTimestamp: return any_of(kInts);
    case FieldType::kFloat: {
      const size_t odd = below(12);
      return odd == 0 ? NAN : odd == 1 ? INFINITY : any_of(kFloats);
    }
    default: return any_of(texts());
  }
}

template <typename T, typename From = T>
Column column_of(size_t field, const std::vector<Cell>& cells) {
  std::vector<std::optional<T>> rows;
  for (const Cell& cell : cells)
    rows.push_back(cell ? std::optional<T>(static_cast<T>(std::get<From>(*cell))) : std::nullopt);
  return make_column(kNames[field], kTypes[field], rows);
}

struct World {
  size_t rows = 0;
  std::vector<std::vector<Cell>> cells;  // [field][row]
  Batch batch;
};

World any_world() {
  World world;
  world.rows = below(40);
  std::vector<Column> columns;
  for (size_t f = 0; f < kFields; ++f) {
    const size_t nulls = any_of<size_t>({0, 0, 2, 8});
    // Few distinct values make tight statistics.
    const bool few = below(2) == 0;
    std::vector<Cell> pool;
    for (size_t i = 0; i < 2; ++i) pool.push_back(any_cell(kTypes[f], nulls));
    std::vector<Cell> cells;
    for (size_t r = 0; r < world.rows; ++r)
      cells.push_back(few ? any_of(pool) : any_cell(kTypes[f], nulls));
    switch (kTypes[f]) {
      case FieldType::kBool: columns.push_back(column_of<uint8_t, bool>(f, cells)); break;
      case FieldType::kFloat: columns.push_back(column_of<double>(f, cells)); break;
      case FieldType::kInt:
      case FieldType::kTimestamp: columns.push_back(column_of<int64_t>(f, cells)); break;
      default: columns.push_back(column_of<std::string>(f, cells));
    }
    world.cells.push_back(std::move(cells));
  }
  world.batch = make_batch(world.rows, std::move(columns));
  return world;
}

Literal any_literal(FieldType type) {
  switch (type) {
    case FieldType::kBool: return below(2) == 1;
    case FieldType::kString:
    case FieldType::kCategorical: return any_of(texts());
    default: return below(2) == 0 ? Literal(any_of(kInts)) : Literal(any_of(kFloats));
  }
}

// An expression with the interpreter's own tree beside it.
struct Expression {
  enum class Kind { kAnd, kOr, kNot, kCompare, kBetween, kIn, kLike, kIsNull };
  Kind kind = Kind::kIsNull;
  size_t field = 0;
  Op op = Op::kEqual;
  std::vector<Literal> literals;
  std::vector<Expression> children;
  Where where = Where::is_null("i");
};

Expression any_test() {
  Expression e;
  e.field = below(kFields);
  const FieldType type = kTypes[e.field];
  const std::string name = kNames[e.field];
  const bool is_bool = type == FieldType::kBool;
  const bool is_text = is_string(type);
  switch (below(6)) {
    case 0: e.where = Where::is_null(name); return e;
    case 1: {
      e.kind = Expression::Kind::kIn;
      const size_t count = 1 + below(9);
      for (size_t i = 0; i < count; ++i) e.literals.push_back(any_literal(type));
      e.where = Where::in(name, e.literals);
      return e;
    }
    case 2:
      if (is_bool) break;
      e.kind = Expression::Kind::kBetween;
      e.literals = {any_literal(type), any_literal(type)};
      e.where = Where::between(name, e.literals[0], e.literals[1]);
      return e;
    case 3:
      if (!is_text) break;
      e.kind = Expression::Kind::kLike;
      e.literals = {any_of(kPatterns)};
      e.where = Where::like(name, std::get<std::string>(e.literals[0]));
      return e;
    default: break;
  }
  e.kind = Expression::Kind::kCompare;
  e.op = static_cast<Op>(below(is_bool ? 2 : 6));
  e.literals = {any_literal(type)};
  e.where = Where::compare(name, e.op, e.literals[0]);
  return e;
}

Expression any_expression(size_t depth) {
  const size_t kind = below(depth == 0 ? 1 : 5);
  if (kind < 2) return any_test();
  Expression e;
  e.children.push_back(any_expression(depth - 1));
  if (kind == 2) {
    e.kind = Expression::Kind::kNot;
    e.where = !e.children[0].where;
    return e;
  }
  e.children.push_back(any_expression(depth - 1));
  e.kind = kind == 3 ? Expression::Kind::kAnd : Expression::Kind::kOr;
  e.where = kind == 3 ? e.children[0].where && e.children[1].where
                      : e.children[0].where || e.children[1].where;
  return e;
}

// The interpreter: true, false or nothing (null).
using Truth = std::optional<bool>;

bool compare(const Literal& a, Op op, const Literal& b) {
  const auto decide = [op](const auto& x, const auto& y) {
    switch (op) {
      case Op::kEqual: return x == y;
      case Op::kNotEqual: return x != y;
      case Op::kLess: return x < y;
      case Op::kLessEqual: return x <= y;
      case Op::kGreater: return x > y;
      case Op::kGreaterEqual: return x >= y;
    }
    return false;
  };
  if (const auto* text = std::get_if<std::string>(&a))
    return decide(text->compare(std::get<std::string>(b)), 0);
  const auto number = [](const Literal& x) -> long double {
    if (const auto* flag = std::get_if<bool>(&x)) return *flag ? 1 : 0;
    if (const auto* i = std::get_if<int64_t>(&x)) return *i;
    return std::get<double>(x);
  };
  return decide(number(a), number(b));
}

bool like(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  const std::string_view rest = pattern.substr(pattern[0] == '\\' ? 2 : 1);
  if (pattern[0] == '%')
    return like(rest, text) || (!text.empty() && like(pattern, text.substr(1)));
  if (text.empty()) return false;
  if (pattern[0] != '_')
    return pattern[pattern[0] == '\\' ? 1 : 0] == text[0] && like(rest, text.substr(1));
  const size_t character = text.starts_with("\xc3\xa9") ? 2 : 1;
  return like(rest, text.substr(character));
}

Truth interpret(const Expression& e, const World& world, size_t row) {
  using Kind = Expression::Kind;
  if (e.kind == Kind::kNot) {
    const Truth truth = interpret(e.children[0], world, row);
    return truth ? Truth(!*truth) : truth;
  }
  if (e.kind == Kind::kAnd || e.kind == Kind::kOr) {
    const bool decisive = e.kind == Kind::kOr;
    const Truth a = interpret(e.children[0], world, row), b = interpret(e.children[1], world, row);
    if (a == Truth(decisive) || b == Truth(decisive)) return decisive;
    return a && b ? Truth(!decisive) : std::nullopt;
  }
  const Cell& cell = world.cells[e.field][row];
  if (e.kind == Kind::kIsNull) return !cell.has_value();
  if (!cell) return std::nullopt;
  switch (e.kind) {
    case Kind::kBetween:
      return compare(*cell, Op::kGreaterEqual, e.literals[0]) &&
             compare(*cell, Op::kLessEqual, e.literals[1]);
    case Kind::kIn:
      return std::any_of(e.literals.begin(), e.literals.end(),
                         [&](const Literal& x) { return compare(*cell, Op::kEqual, x); });
    case Kind::kLike:
      return like(std::get<std::string>(e.literals[0]), std::get<std::string>(*cell));
    default: return compare(*cell, e.op, e.literals[0]);
  }
}

Schema all_types() {
  std::vector<std::pair<std::string, FieldType>> fields;
  for (size_t f = 0; f < kFields; ++f) fields.emplace_back(kNames[f], kTypes[f]);
  return make_schema(fields);
}

Stats stats_of(const Schema& schema, const Batch& batch) {
  Stats stats;
  for (const Column& column : batch.columns) {
    ColumnStats one = compute_stats(column);
    // A column without any value is left out of a segment.
    if (one.present > 0) stats[schema.find(column.name)->id] = one;
  }
  return stats;
}

TEST(WhereProperty, EqualsTheInterpreterAndPrunesOnlyWhatCannotMatch) {
  const Schema schema = all_types();
  size_t pruned = 0;
  ASSERT_TRUE(rc::check([&] {
    const World world = any_world();
    const World other = any_world();
    for (size_t i = 0; i < 60; ++i) {
      const Expression e = any_expression(4);
      const auto mask = evaluate(e.where, schema, world.batch);
      RC_ASSERT(mask.has_value());
      bool any = false;
      for (size_t row = 0; row < world.rows; ++row) {
        const bool wanted = interpret(e, world, row) == Truth(true);
        any = any || wanted;
        if (((*mask)[row] == 1) != wanted)
          RC_FAIL(e.where.to_string() + " at row " + std::to_string(row));
      }
      const auto read = Where::parse(e.where.to_string());
      RC_ASSERT(read.has_value());
      RC_ASSERT(*read == e.where);
      Stats stats = stats_of(schema, world.batch);
      if (!can_match(e.where, schema, stats, world.rows)) {
        ++pruned;
        if (any) RC_FAIL("pruned: " + e.where.to_string());
      }
      merge_stats(stats, stats_of(schema, other.batch));
      if (any && !can_match(e.where, schema, stats, world.rows + other.rows))
        RC_FAIL("pruned after merging: " + e.where.to_string());
    }
  }));
  // The property must not hold by never pruning.
  EXPECT_GT(pruned, 100u);
}

// Masks are made block by block: more rows than a block, with nulls that do not repeat by bytes.
TEST(WhereProperty, EqualsTheInterpreterBeyondOneBlock) {
  const Schema schema = make_schema({{"i", FieldType::kInt}, {"s", FieldType::kString}});
  std::vector<std::optional<int64_t>> ints;
  std::vector<std::optional<std::string>> strings;
  const size_t rows = 3 * 4096 + 5;
  for (size_t r = 0; r < rows; ++r) {
    ints.push_back(r % 7 == 3 ? std::nullopt : std::optional<int64_t>(r % 100));
    strings.push_back(r % 11 == 5 ? std::nullopt : std::optional<std::string>(std::to_string(r)));
  }
  const Batch batch = make_batch(rows, {make_column("i", FieldType::kInt, ints),
                                        make_column("s", FieldType::kString, strings)});
  const auto where = Where::parse("(i < 50 and s like '%1_') or (not (s >= '5') and i is null)");
  const auto mask = evaluate(*where, schema, batch);
  ASSERT_TRUE(mask);
  size_t count = 0;
  for (size_t r = 0; r < rows; ++r) {
    const std::string text = std::to_string(r);
    const bool like_one = text.size() >= 2 && text[text.size() - 2] == '1';
    const bool first = ints[r] && *ints[r] < 50 && strings[r] && like_one;
    const bool second = strings[r] && text < "5" && !ints[r];
    ASSERT_EQ((*mask)[r], first || second ? 1 : 0) << r;
    count += (*mask)[r];
  }
  EXPECT_GT(count, 100u);
}

}  // namespace
}  // namespace dreamdb
