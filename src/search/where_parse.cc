// Reads filter expressions by recursive descent, as deep as kWhereDepthMax and no deeper.
#include <optional>

#include "codec/utf8.h"
#include "search/where_lex.h"
#include "search/where_node.h"

namespace dreamdb {
namespace {

using Kind = WhereNode::Kind;
using Token = WhereToken::Kind;

std::optional<Where::Op> op_of(const WhereToken& token) {
  if (token.kind != Token::kSymbol) return std::nullopt;
  if (token.text == "==" || token.text == "=") return Where::Op::kEqual;
  if (token.text == "!=" || token.text == "<>") return Where::Op::kNotEqual;
  if (token.text == "<") return Where::Op::kLess;
  if (token.text == "<=") return Where::Op::kLessEqual;
  if (token.text == ">") return Where::Op::kGreater;
  if (token.text == ">=") return Where::Op::kGreaterEqual;
  return std::nullopt;
}

// `5 < x` is `x > 5`.
Where::Op mirrored(Where::Op op) {
  switch (op) {
    case Where::Op::kLess: return Where::Op::kGreater;
    case Where::Op::kLessEqual: return Where::Op::kGreaterEqual;
    case Where::Op::kGreater: return Where::Op::kLess;
    case Where::Op::kGreaterEqual: return Where::Op::kLessEqual;
    default: return op;
  }
}

class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text) {}

  Result<WhereNodePtr> parse_all() {
    DREAMDB_TRY(advance());
    DREAMDB_ASSIGN(WhereNodePtr node, parse_or(0));
    if (token_.kind != Token::kEnd) return expected("`and`, `or` or the end");
    return node;
  }

 private:
  Status advance() {
    DREAMDB_ASSIGN(token_, lexer_.next());
    return {};
  }

  // Takes the token when it is this word or symbol.
  Result<bool> accept(std::string_view word) {
    if (!token_.is(word)) return false;
    DREAMDB_TRY(advance());
    return true;
  }

  std::unexpected<Error> expected(const std::string& what) const {
    std::string found = "the end";
    if (token_.kind == Token::kLiteral)
      found = literal_text(token_.literal, 40);
    else if (token_.kind != Token::kEnd)
      found = "`" + token_.text.substr(0, 40) + "`";
    // A name cut inside a character would not be UTF-8.
    if (!is_utf8(found)) found = "a name";
    return lexer_.error(token_.offset, "expected " + what + ", found " + found);
  }

  Result<WhereNodePtr> parse_or(size_t depth) {
    std::vector<WhereNodePtr> nodes;
    while (true) {
      DREAMDB_ASSIGN(WhereNodePtr node, parse_and(depth));
      nodes.push_back(std::move(node));
      if (!token_.is("or") && !token_.is("||")) break;
      DREAMDB_TRY(advance());
    }
    return join_nodes(Kind::kOr, std::move(nodes));
  }

  Result<WhereNodePtr> parse_and(size_t depth) {
    std::vector<WhereNodePtr> nodes;
    while (true) {
      DREAMDB_ASSIGN(WhereNodePtr node, parse_not(depth));
      nodes.push_back(std::move(node));
      if (!token_.is("and") && !token_.is("&&")) break;
      DREAMDB_TRY(advance());
    }
    return join_nodes(Kind::kAnd, std::move(nodes));
  }

  Result<WhereNodePtr> parse_not(size_t depth) {
    bool negated = false;
    while (token_.is("not") || token_.is("!")) {
      negated = !negated;
      DREAMDB_TRY(advance());
    }
    DREAMDB_ASSIGN(WhereNodePtr node, parse_primary(depth));
    return negated ? negate_node(node) : node;
  }

  Result<WhereNodePtr> parse_primary(size_t depth) {
    if (!token_.is("(")) return parse_test();
    if (depth == kWhereDepthMax)
      return lexer_.error(token_.offset, "parentheses nest deeper than " +
                                             std::to_string(kWhereDepthMax) + " levels");
    DREAMDB_TRY(advance());
    DREAMDB_ASSIGN(WhereNodePtr node, parse_or(depth + 1));
    DREAMDB_ASSIGN(const bool closed, accept(")"));
    if (!closed) return expected("`and`, `or` or `)`");
    return node;
  }

  Result<WhereNodePtr> parse_test() {
    const size_t offset = token_.offset;
    WhereNode node;
    bool negated = false;
    if (token_.kind == Token::kLiteral) {
      DREAMDB_TRY(parse_literal_first(node));
    } else if (token_.kind == Token::kField) {
      node.field = token_.text;
      DREAMDB_TRY(advance());
      DREAMDB_TRY(parse_after_field(node, negated));
    } else {
      return expected("a field, a literal, `not` or `(`");
    }
    WhereNodePtr test = make_test(std::move(node));
    if (test->kind == Kind::kInvalid) return lexer_.error(offset, test->message);
    return negated ? negate_node(test) : test;
  }

  Status parse_literal_first(WhereNode& node) {
    node.kind = Kind::kCompare;
    node.literals.push_back(std::move(token_.literal));
    DREAMDB_TRY(advance());
    const std::optional<Where::Op> op = op_of(token_);
    if (!op) return expected("an operator (== != < <= > >=) after the literal");
    node.op = mirrored(*op);
    DREAMDB_TRY(advance());
    if (token_.kind != Token::kField) return expected("a field: one side of a comparison is one");
    node.field = token_.text;
    return advance();
  }

  Status parse_after_field(WhereNode& node, bool& negated) {
    if (const std::optional<Where::Op> op = op_of(token_)) {
      node.kind = Kind::kCompare;
      node.op = *op;
      DREAMDB_TRY(advance());
      return parse_literal(node);
    }
    DREAMDB_ASSIGN(const bool is, accept("is"));
    if (is) {
      node.kind = Kind::kIsNull;
      DREAMDB_ASSIGN(negated, accept("not"));
      DREAMDB_ASSIGN(const bool null, accept("null"));
      if (!null) return expected(negated ? "`null`" : "`null` or `not null`");
      return {};
    }
    DREAMDB_ASSIGN(negated, accept("not"));
    if (token_.is("in")) return parse_list(node);
    if (token_.is("between")) return parse_between(node);
    if (token_.is("like")) return parse_like(node);
    if (negated) return expected("`in`, `between` or `like`");
    // A field alone: a bool that must be true.
    const bool ends = token_.kind == Token::kEnd || token_.is(")") || token_.is("and") ||
                      token_.is("or") || token_.is("&&") || token_.is("||");
    if (!ends) return expected("an operator (== != < <= > >= in between like is)");
    node.kind = Kind::kCompare;
    node.literals.emplace_back(true);
    return {};
  }

  Status parse_literal(WhereNode& node) {
    if (token_.is("null"))
      return lexer_.error(token_.offset,
                          "no comparison with null is ever true: write `is null` or "
                          "`is not null`");
    if (token_.kind == Token::kField) return expected("a literal (text is written in quotes)");
    if (token_.kind != Token::kLiteral) return expected("a literal");
    node.literals.push_back(std::move(token_.literal));
    return advance();
  }

  Status parse_list(WhereNode& node) {
    node.kind = Kind::kIn;
    DREAMDB_TRY(advance());
    if (!token_.is("(") && !token_.is("[")) return expected("`(` and a list of literals");
    const std::string close = token_.is("(") ? ")" : "]";
    DREAMDB_TRY(advance());
    while (true) {
      DREAMDB_TRY(parse_literal(node));
      DREAMDB_ASSIGN(const bool closed, accept(close));
      if (closed) return {};
      DREAMDB_ASSIGN(const bool more, accept(","));
      if (!more) return expected("`,` or `" + close + "`");
      DREAMDB_ASSIGN(const bool closed_after_comma, accept(close));
      if (closed_after_comma) return {};
    }
  }

  Status parse_between(WhereNode& node) {
    node.kind = Kind::kBetween;
    DREAMDB_TRY(advance());
    DREAMDB_TRY(parse_literal(node));
    if (!token_.is("and") && !token_.is("&&")) return expected("`and` and the upper end");
    DREAMDB_TRY(advance());
    return parse_literal(node);
  }

  Status parse_like(WhereNode& node) {
    node.kind = Kind::kLike;
    DREAMDB_TRY(advance());
    if (token_.kind != Token::kLiteral || !std::holds_alternative<std::string>(token_.literal))
      return expected("a pattern in quotes");
    return parse_literal(node);
  }

  WhereLexer lexer_;
  WhereToken token_;
};

}  // namespace

Result<Where> Where::parse(std::string_view text) {
  if (text.size() > kWhereTextMax)
    return fail(Code::kInvalidArgument, "where: the expression has " + std::to_string(text.size()) +
                                            " bytes, at most " + std::to_string(kWhereTextMax) +
                                            " are allowed");
  if (!is_utf8(text)) return fail(Code::kInvalidArgument, "where: the expression is not UTF-8");
  Parser parser(text);
  DREAMDB_ASSIGN(WhereNodePtr node, parser.parse_all());
  Where where(std::move(node));
  DREAMDB_TRY(where.status());
  return where;
}

}  // namespace dreamdb
