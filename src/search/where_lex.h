// Words of a filter expression.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "dreamdb/where.h"

namespace dreamdb {

struct WhereToken {
  // kWord: a keyword (`text` in lower case); kField: a name; kSymbol: an operator or a bracket.
  enum class Kind : uint8_t { kEnd, kWord, kField, kSymbol, kLiteral };
  Kind kind = Kind::kEnd;
  size_t offset = 0;  // where it starts in the text
  std::string text;
  Where::Literal literal;

  bool is(std::string_view word) const {
    return (kind == Kind::kWord || kind == Kind::kSymbol) && text == word;
  }
};

class WhereLexer {
 public:
  // `text` is UTF-8 and outlives the lexer.
  explicit WhereLexer(std::string_view text) : text_(text) {}

  // The next token; kEnd at the end, any number of times.
  Result<WhereToken> next();

  // InvalidArgument: "where: <problem> at column 12", the line and a caret under `offset`.
  std::unexpected<Error> error(size_t offset, const std::string& problem) const;

 private:
  Result<WhereToken> read_string(WhereToken token);
  Result<char> read_escape();
  Result<WhereToken> read_quoted_field(WhereToken token);
  Result<WhereToken> read_number(WhereToken token);
  Result<WhereToken> read_word(WhereToken token);
  Result<WhereToken> read_symbol(WhereToken token);

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace dreamdb
