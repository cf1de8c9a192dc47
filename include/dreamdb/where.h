// Filters on scalar fields: `label == "cat" and score >= 0.5 and not (size in (1, 2, 3))`.
//
// Grammar, weakest binding first; keywords in any case:
//   or   := and (("or" | "||") and)*
//   and  := not (("and" | "&&") not)*
//   not  := ("not" | "!") not | "(" or ")" | test
//   test := field                                        a bool field by itself: field == true
//         | field op literal | literal op field          op: == = != <> < <= > >=
//         | field ["not"] "in" "(" literal, ... ")"      also with [ ]
//         | field ["not"] "between" literal "and" literal    both ends included
//         | field ["not"] "like" string                  % any text, _ one character, \ escapes
//         | field "is" ["not"] "null"
//   field := [A-Za-z_][A-Za-z0-9_.]* or any text in backticks (`` is one backtick)
//   literal := integer (i64) | float | "text" | 'text' | true | false
// A decimal float of 2^53 to 2^63 that 64 bits would round is refused: write an integer.
// In strings \n \t \r \0 \\ \" \' \xHH are escapes and a doubled quote is one quote; \% and \_ stay
// as they are, so that in the pattern of `like` they mean the character itself.
//
// Meaning, by type of the field:
//   int        with integers and floats, compared exactly, without rounding either side
//   float      the same; NaN is unequal to all, neither less nor greater: `not (x <= 0 or x > 0)`
//   timestamp  with integers and floats (ns since the epoch) and ISO 8601 text, UTC when it names
//              no offset: '2026-01-02', '2026-01-02T03:04:05.123456789Z', '2026-01-02 03:04+02:00'
//   bool       == != in, with true and false
//   string, categorical   with text, in byte order
//   image, embedding, ... only `is null` and `is not null`
// A comparison with a missing value is neither true nor false (SQL's null), nor is its `not`:
// rows match where the whole is true.
//
// Thread rule: values; immutable.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dreamdb/batch.h"
#include "dreamdb/result.h"
#include "dreamdb/schema.h"

namespace dreamdb {

// Limits that keep an expression from outside cheap to hold and to walk.
inline constexpr size_t kWhereTextMax = 64 * 1024;   // bytes of text to parse
inline constexpr size_t kWhereDepthMax = 64;         // nested parentheses, levels of the tree
inline constexpr size_t kWhereTermsMax = 16 * 1024;  // tests in one expression
inline constexpr size_t kWhereLiteralsMax = 10'000;  // of one `in`

struct WhereNode;  // search/where_node.h

class Where {
 public:
  enum class Op : uint8_t { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual };
  using Literal = std::variant<bool, int64_t, double, std::string>;

  // InvalidArgument with the place under a caret and what was expected there.
  static Result<Where> parse(std::string_view text);

  // Builders never fail by themselves: what is wrong with an expression (a NaN or infinite literal,
  // no or too many literals, a pattern that ends in a backslash, a limit above) is kept and told by
  // `status`, `check_where` and `evaluate`.
  static Where compare(std::string field, Op op, Literal literal);
  static Where between(std::string field, Literal low, Literal high);
  static Where in(std::string field, std::vector<Literal> literals);
  static Where like(std::string field, std::string pattern);
  static Where is_null(std::string field);

  friend Where operator&&(const Where& a, const Where& b);
  friend Where operator||(const Where& a, const Where& b);
  Where operator!() const;

  // Well built, or InvalidArgument.
  Status status() const;
  // Text that parses back to an equal expression.
  std::string to_string() const;
  // The names in it, each once, in order of first appearance: the columns `evaluate` needs.
  std::vector<std::string> fields() const;

  // The same tree, literal for literal.
  bool operator==(const Where& other) const;

  const WhereNode& node() const { return *node_; }

 private:
  explicit Where(std::shared_ptr<const WhereNode> node) : node_(std::move(node)) {}
  std::shared_ptr<const WhereNode> node_;
};

Where operator&&(const Where& a, const Where& b);
Where operator||(const Where& a, const Where& b);

// InvalidArgument: an unknown field (with the names there are), a literal that does not fit the
// field's type, a test that its type does not have, or `where.status()`.
Status check_where(const Where& where, const Schema& schema);

// One byte a row, 1 where the expression is true, else 0. `batch` holds a column for each of
// `where.fields()`; of fields that are not scalars only `valid` is read.
// InvalidArgument: as check_where, or a column that is missing or shorter than the batch.
Result<std::vector<uint8_t>> evaluate(const Where& where, const Schema& schema, const Batch& batch);

}  // namespace dreamdb
