// Cuts a filter expression into words and shows where it went wrong.
#include "search/where_lex.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>

#include "base/text.h"
#include "search/where_node.h"

namespace dreamdb {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_inside_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// What a 64-bit float makes of the decimal number `text` where floats skip integers; empty: it is
// held exactly, is below those or beyond all 64-bit integers, or has an exponent.
std::string rounded_integer(std::string_view text, double value) {
  if (!(std::abs(value) >= 0x1p53 && std::abs(value) <= 0x1p63)) return {};
  if (text.find_first_of("eE") != std::string_view::npos) return {};
  char digits[32];
  const auto end =
      std::to_chars(std::begin(digits), std::end(digits), value, std::chars_format::fixed, 0);
  const std::string held(digits, end.ptr);
  const bool negative = text.starts_with('-');
  text.remove_prefix(negative);
  text.remove_prefix(std::min(text.find_first_not_of('0'), text.size()));
  const size_t point = text.find('.');
  const bool whole = text.find_first_not_of('0', point + 1) == std::string_view::npos;
  const bool same = std::string_view(held).substr(negative) == text.substr(0, point);
  return whole && same ? "" : held;
}

}  // namespace

Result<WhereToken> WhereLexer::next() {
  while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  WhereToken token;
  token.offset = at_;
  if (at_ == text_.size()) return token;
  const char c = text_[at_];
  const char after = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
  const char after2 = at_ + 2 < text_.size() ? text_[at_ + 2] : '\0';
  if (c == '"' || c == '\'') return read_string(std::move(token));
  if (c == '`') return read_quoted_field(std::move(token));
  if (is_letter(c)) return read_word(std::move(token));
  const bool sign = c == '-' || c == '+';
  if (is_digit(c) || (c == '.' && is_digit(after)) ||
      (sign && (is_digit(after) || (after == '.' && is_digit(after2)))))
    return read_number(std::move(token));
  return read_symbol(std::move(token));
}

Result<WhereToken> WhereLexer::read_string(WhereToken token) {
  const char mark = text_[at_++];
  std::string value;
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == mark) {
      ++at_;
      if (at_ == text_.size() || text_[at_] != mark) {
        token.kind = WhereToken::Kind::kLiteral;
        token.literal = std::move(value);
        return token;
      }
    } else if (c == '\\') {
      const char kind = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
      if (kind == '%' || kind == '_') {
        value += c;
        ++at_;
      } else {
        DREAMDB_ASSIGN(const char escaped, read_escape());
        value += escaped;
        continue;
      }
    }
    value += text_[at_++];
  }
  return error(token.offset,
               "this string does not end: expected a closing " + std::string(1, mark));
}

// Stands at the backslash; ends behind the escape.
Result<char> WhereLexer::read_escape() {
  const size_t start = at_++;
  const char kind = at_ < text_.size() ? text_[at_++] : '\0';
  switch (kind) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case '0': return '\0';
    case '\\':
    case '"':
    case '\'': return kind;
    case 'x':
      if (at_ + 2 <= text_.size()) {
        const int high = hex_digit(text_[at_]), low = hex_digit(text_[at_ + 1]);
        at_ += 2;
        if (high >= 0 && low >= 0) return static_cast<char>(high * 16 + low);
      }
      return error(start, "expected two hexadecimal digits after \\x");
    default:
      return error(start,
                   "unknown escape: expected one of \\n \\t \\r \\0 \\\\ \\\" \\' \\xHH \\% \\_");
  }
}

Result<WhereToken> WhereLexer::read_quoted_field(WhereToken token) {
  ++at_;
  while (at_ < text_.size()) {
    if (text_[at_] == '`') {
      ++at_;
      if (at_ == text_.size() || text_[at_] != '`') {
        token.kind = WhereToken::Kind::kField;
        if (token.text.empty()) return error(token.offset, "this field name is empty");
        return token;
      }
    }
    token.text += text_[at_++];
  }
  return error(token.offset, "this field name does not end: expected a closing `");
}

Result<WhereToken> WhereLexer::read_number(WhereToken token) {
  size_t end = at_ + 1;  // a sign, digit or point
  bool is_float = text_[at_] == '.';
  while (end < text_.size()) {
    const char c = text_[end];
    const char before = text_[end - 1];
    const bool exponent_sign = (c == '-' || c == '+') && (before == 'e' || before == 'E');
    if (!is_digit(c) && !is_letter(c) && c != '.' && !exponent_sign) break;
    is_float = is_float || !is_digit(c);
    ++end;
  }
  const char* first = text_.data() + at_ + (text_[at_] == '+' ? 1 : 0);
  const char* last = text_.data() + end;
  at_ = end;
  token.kind = WhereToken::Kind::kLiteral;
  std::from_chars_result read{};
  if (is_float) {
    double value = 0;
    read = std::from_chars(first, last, value);
    token.literal = value;
  } else {
    int64_t value = 0;
    read = std::from_chars(first, last, value);
    token.literal = value;
  }
  if (read.ec == std::errc::result_out_of_range)
    return error(token.offset, is_float ? "this number is out of the range of a 64-bit float"
                                        : "this integer does not fit in 64 bits");
  if (read.ec != std::errc() || read.ptr != last) return error(token.offset, "this is no number");
  if (is_float) {
    const std::string held = rounded_integer({first, last}, std::get<double>(token.literal));
    if (!held.empty())
      return error(token.offset, "this number would be rounded to " + held +
                                     ": write an integer, which is compared exactly");
  }
  return token;
}

Result<WhereToken> WhereLexer::read_word(WhereToken token) {
  while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]) || text_[at_] == '.'))
    token.text += text_[at_++];
  std::string lower = lower_ascii(token.text);
  token.kind = WhereToken::Kind::kField;
  if (!is_keyword(lower)) return token;
  token.kind = WhereToken::Kind::kWord;
  if (lower == "true" || lower == "false") {
    token.kind = WhereToken::Kind::kLiteral;
    token.literal = lower == "true";
  }
  token.text = std::move(lower);
  return token;
}

Result<WhereToken> WhereLexer::read_symbol(WhereToken token) {
  static constexpr std::string_view kSymbols[] = {"==", "!=", "<>", "<=", ">=", "&&", "||", "=",
                                                  "<",  ">",  "!",  "(",  ")",  "[",  "]",  ","};
  for (std::string_view symbol : kSymbols) {
    if (!text_.substr(at_).starts_with(symbol)) continue;
    at_ += symbol.size();
    token.kind = WhereToken::Kind::kSymbol;
    token.text = symbol;
    return token;
  }
  return error(at_,
               "unexpected character: text is written in quotes, odd field names in backticks");
}

std::unexpected<Error> WhereLexer::error(size_t offset, const std::string& problem) const {
  constexpr size_t kAround = 48;  // bytes shown on each side
  size_t line = offset;
  while (line > 0 && text_[line - 1] != '\n') --line;
  size_t first = offset - line > kAround ? offset - kAround : line;
  while (first < offset && is_inside_character(text_[first])) ++first;
  size_t last = offset;
  while (last < text_.size() && text_[last] != '\n' && last < offset + kAround) ++last;
  while (last < text_.size() && is_inside_character(text_[last])) ++last;
  std::string shown, caret;
  size_t column = 1;
  for (size_t i = line; i < last; ++i) {
    if (i < offset && !is_inside_character(text_[i])) ++column;
    if (i < first) continue;
    shown += static_cast<unsigned char>(text_[i]) < 0x20 ? ' ' : text_[i];
    if (i < offset && !is_inside_character(text_[i])) caret += ' ';
  }
  return fail(Code::kInvalidArgument, "where: " + problem + ", at column " +
                                          std::to_string(column) + "\n  " + shown + "\n  " + caret +
                                          "^");
}

}  // namespace dreamdb
