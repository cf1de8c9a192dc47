// Filter expressions as text that parses back to the same tree.
#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"
#include "codec/utf8.h"
#include "search/where_node.h"

namespace dreamdb {
namespace {

using Kind = WhereNode::Kind;

std::string quote(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  // Bytes that are no UTF-8 must not stand in an expression, which is UTF-8 as a whole.
  const bool plain = is_utf8(text);
  std::string out = "'";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\'' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !plain)) {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string number_text(double value) {
  std::array<char, 40> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  std::string text(digits.data(), end);
  // Stays a float when it is read again.
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

std::string field_text(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  bool bare = letter(name[0]);
  for (char c : name) bare = bare && (letter(c) || (c >= '0' && c <= '9') || c == '.');
  if (bare && !is_keyword(lower_ascii(name))) return std::string(name);
  std::string out = "`";
  for (char c : name) out.append(c == '`' ? 2 : 1, c);
  return out + "`";
}

std::string_view op_text(Where::Op op) {
  static constexpr std::array<std::string_view, 6> kNames = {"==", "!=", "<", "<=", ">", ">="};
  return kNames[static_cast<size_t>(op)];
}

// A test, or its negation in the form that reads best.
std::string test_text(const WhereNode& node, bool negated) {
  const std::string field = field_text(node.field);
  const std::string no = negated ? " not" : "";
  switch (node.kind) {
    case Kind::kCompare:
      return (negated ? "not " : "") + field + " " + std::string(op_text(node.op)) + " " +
             literal_text(node.literals[0]);
    case Kind::kBetween:
      return field + no + " between " + literal_text(node.literals[0]) + " and " +
             literal_text(node.literals[1]);
    case Kind::kIn: {
      std::string out = field + no + " in (";
      for (size_t i = 0; i < node.literals.size(); ++i)
        out += (i == 0 ? "" : ", ") + literal_text(node.literals[i]);
      return out + ")";
    }
    case Kind::kLike: return field + no + " like " + literal_text(node.literals[0]);
    case Kind::kIsNull: return field + " is" + no + " null";
    default: return "<invalid: " + node.message + ">";
  }
}

void write_node(const WhereNode& node, std::string& out) {
  if (node.children.empty()) {
    out += test_text(node, false);
    return;
  }
  if (node.kind == Kind::kNot) {
    const WhereNode& child = *node.children[0];
    if (child.children.empty()) {
      out += test_text(child, true);
      return;
    }
    out += "not (";
    write_node(child, out);
    out += ")";
    return;
  }
  const std::string_view word = node.kind == Kind::kAnd ? " and " : " or ";
  for (size_t i = 0; i < node.children.size(); ++i) {
    const WhereNode& child = *node.children[i];
    const bool parentheses = node.kind == Kind::kAnd && child.kind == Kind::kOr;
    if (i > 0) out += word;
    if (parentheses) out += "(";
    write_node(child, out);
    if (parentheses) out += ")";
  }
}

}  // namespace

bool is_keyword(std::string_view word) {
  static constexpr std::array<std::string_view, 10> kWords = {
      "and", "between", "false", "in", "is", "like", "not", "null", "or", "true"};
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

std::string literal_text(const Where::Literal& literal, size_t length_max) {
  if (const auto* flag = std::get_if<bool>(&literal)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<int64_t>(&literal)) return std::to_string(*number);
  if (const auto* number = std::get_if<double>(&literal)) return number_text(*number);
  const auto& text = std::get<std::string>(literal);
  if (text.size() <= length_max) return quote(text);
  size_t end = length_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return quote(std::string_view(text).substr(0, end)) + "...";
}

std::string Where::to_string() const {
  std::string out;
  write_node(*node_, out);
  return out;
}

}  // namespace dreamdb
