// The header is a Python literal of three known keys; a small exact reader takes nothing else.
#include "cli/npy.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "cli/text.h"

namespace dreamdb::cli {

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kPreambleV1 = 10;  // magic, version, u16 size of the header
constexpr size_t kPreambleV2 = 12;  // magic, version, u32 size of the header
constexpr size_t kShapeMax = 32;    // NumPy's own limit before 2.0; now 64
constexpr size_t kWrittenHeader = 256;

Error bad(std::string_view name, const std::string& what) {
  return Error{Code::kInvalidArgument, std::string(name) + ": " + what};
}

struct Literal {
  std::optional<std::string> descr;
  std::optional<bool> fortran_order;
  std::optional<std::vector<uint64_t>> shape;
};

// Reads "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }".
class LiteralReader {
 public:
  explicit LiteralReader(std::string_view text) : text_(text) {}

  // What was expected where the text went wrong; nullopt: all is well.
  std::optional<std::string> read(Literal& out) {
    if (!take('{')) return expected("{");
    while (!take('}')) {
      const auto key = quoted();
      if (!key) return expected("a quoted key or }");
      if (!take(':')) return expected(":");
      if (auto wrong = value(*key, out)) return wrong;
      if (!take(',') && !next_is('}')) return expected(", or }");
    }
    skip_spaces();
    if (at_ != text_.size()) return expected("the end of the header");
    if (!out.descr || !out.fortran_order || !out.shape) {
      return "it lacks one of 'descr', 'fortran_order', 'shape'";
    }
    return std::nullopt;
  }

 private:
  std::optional<std::string> value(std::string_view key, Literal& out) {
    if (key == "descr" && !out.descr) {
      out.descr = quoted();
      if (!out.descr) return expected("a quoted type (structured types are not read)");
    } else if (key == "fortran_order" && !out.fortran_order) {
      if (take_word("True")) {
        out.fortran_order = true;
      } else if (take_word("False")) {
        out.fortran_order = false;
      } else {
        return expected("True or False");
      }
    } else if (key == "shape" && !out.shape) {
      return shape(out);
    } else {
      return "unexpected key '" + one_line(key, 40) + "'";
    }
    return std::nullopt;
  }

  std::optional<std::string> shape(Literal& out) {
    out.shape.emplace();
    if (!take('(')) return expected("(");
    while (!take(')')) {
      const auto number = integer();
      if (!number) return expected("a size below 2^63");
      if (out.shape->size() == kShapeMax) return "more than 32 dimensions";
      out.shape->push_back(*number);
      if (!take(',') && !next_is(')')) return expected(", or )");
    }
    return std::nullopt;
  }

  std::optional<uint64_t> integer() {
    skip_spaces();
    uint64_t value = 0;
    const size_t begin = at_;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      const auto digit = static_cast<uint64_t>(text_[at_] - '0');
      if (value > (static_cast<uint64_t>(INT64_MAX) - digit) / 10) return std::nullopt;
      value = value * 10 + digit;
    }
    if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // written by Python 2
    return at_ == begin ? std::nullopt : std::optional(value);
  }

  std::optional<std::string> quoted() {
    skip_spaces();
    if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) return std::nullopt;
    const size_t end = text_.find(text_[at_], at_ + 1);
    if (end == std::string_view::npos) return std::nullopt;
    std::string out(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return out;
  }

  bool take_word(std::string_view word) {
    skip_spaces();
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  bool take(char c) {
    if (!next_is(c)) return false;
    ++at_;
    return true;
  }
  bool next_is(char c) {
    skip_spaces();
    return at_ < text_.size() && text_[at_] == c;
  }
  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  std::string expected(std::string_view what) const {
    return "expected " + std::string(what) + " at character " + std::to_string(at_) +
           " of the header";
  }

  std::string_view text_;
  size_t at_ = 0;
};

bool read_time_unit(std::string_view unit, int64_t& ns) {
  if (unit == "[ns]") return ns = 1, true;
  if (unit == "[us]") return ns = 1'000, true;
  if (unit == "[ms]") return ns = 1'000'000, true;
  if (unit == "[s]") return ns = 1'000'000'000, true;
  return false;
}

// Sets kind and item size from "<f4", "|b1", "<M8[ns]".
Status read_descr(NpyHeader& header, std::string_view name) {
  const std::string_view d = header.descr;
  const auto refuse = [&](const std::string& why) {
    return std::unexpected(bad(name, "its element type is '" + one_line(d, 60) + "', " + why));
  };
  if (d.starts_with('>')) {
    return refuse(
        "big-endian; save it little-endian: np.save(f, a.astype(a.dtype.newbyteorder('<')))");
  }
  if (d.size() < 2 || (d[0] != '<' && d[0] != '|' && d[0] != '='))
    return refuse("which is not known");
  const std::string_view type = d.substr(1);
  if (type.starts_with("M8")) {
    header.kind = NpyKind::kTime;
    header.item_bytes = 8;
    if (!read_time_unit(type.substr(2), header.time_unit_ns)) {
      return refuse("and times are read in s, ms, us and ns");
    }
    return {};
  }
  if (type == "V2") {
    header.kind = NpyKind::kRaw;
    header.item_bytes = 2;
    return {};
  }
  const size_t size = type.size() == 2 ? static_cast<size_t>(type[1] - '0') : 0;
  const bool whole = size == 1 || size == 2 || size == 4 || size == 8;
  header.item_bytes = size;
  if (type == "b1") return header.kind = NpyKind::kBool, Status();
  if (type[0] == 'i' && whole) return header.kind = NpyKind::kInt, Status();
  if (type[0] == 'u' && whole) return header.kind = NpyKind::kUint, Status();
  if (type[0] == 'f' && whole && size != 1) return header.kind = NpyKind::kFloat, Status();
  if (type[0] == 'U' || type[0] == 'S') return refuse("text; put text into the JSON lines instead");
  if (type == "O") return refuse("Python objects (a pickle), which are never read");
  return refuse("and read are bool, integers, floats of 2, 4 and 8 bytes, and datetime64");
}

// The size of all data, or an error where it leaves 64 bits.
Result<uint64_t> data_bytes(const NpyHeader& header, std::string_view name) {
  uint64_t total = header.item_bytes;
  bool overflow = false;
  for (size_t i = 1; i < header.shape.size(); ++i) {
    overflow |= __builtin_mul_overflow(total, header.shape[i], &total);
  }
  overflow |= __builtin_mul_overflow(total, header.shape[0], &total);
  if (overflow) return std::unexpected(bad(name, "its shape stands for more than 2^64 bytes"));
  return total;
}

}  // namespace

uint64_t NpyHeader::row_items() const {
  uint64_t items = 1;
  for (size_t i = 1; i < shape.size(); ++i) items *= shape[i];
  return items;
}

Result<NpyHeader> parse_npy_header(std::string_view prefix, uint64_t file_bytes,
                                   std::string_view name) {
  if (!prefix.starts_with(kMagic)) {
    return std::unexpected(bad(name,
                               "this is no .npy file: it does not begin with \\x93NUMPY; "
                               "write it with numpy.save"));
  }
  const auto byte = [&](size_t at) { return static_cast<unsigned char>(prefix[at]); };
  if (prefix.size() < kPreambleV2) {
    return std::unexpected(
        bad(name, "cut short: a header needs at least 12 bytes, and the file has " +
                      std::to_string(file_bytes) + "; write it again"));
  }
  const unsigned major = byte(6);
  if (major < 1 || major > 3 || byte(7) != 0) {
    return fail(Code::kUnsupported, std::string(name) + ": .npy version " + std::to_string(major) +
                                        "." + std::to_string(byte(7)) +
                                        " is not known (1.0, 2.0 and 3.0 are)");
  }
  const size_t preamble = major == 1 ? kPreambleV1 : kPreambleV2;
  size_t size = byte(8) | (static_cast<size_t>(byte(9)) << 8);
  if (major > 1)
    size |= (static_cast<size_t>(byte(10)) << 16) | (static_cast<size_t>(byte(11)) << 24);
  if (size > kNpyHeaderMax) {
    return std::unexpected(bad(name, "its header claims " + with_commas(size) +
                                         " bytes, and no header has more than " +
                                         with_commas(kNpyHeaderMax)));
  }
  if (prefix.size() < preamble + size) {
    return std::unexpected(bad(name, "cut short: the header ends at byte " +
                                         with_commas(preamble + size) + ", and the file has " +
                                         with_commas(file_bytes) + "; write it again"));
  }
  Literal literal;
  if (const auto wrong = LiteralReader(prefix.substr(preamble, size)).read(literal)) {
    return std::unexpected(bad(name, "malformed .npy header: " + *wrong));
  }
  NpyHeader header;
  header.descr = *literal.descr;
  header.shape = *literal.shape;
  header.data_offset = preamble + size;
  DREAMDB_TRY(read_descr(header, name));
  if (*literal.fortran_order && header.shape.size() > 1) {
    return std::unexpected(bad(name,
                               "the array is in Fortran order (columns first), and rows are "
                               "read: np.save(f, np.ascontiguousarray(a))"));
  }
  if (header.shape.empty()) {
    return std::unexpected(bad(name,
                               "a single value without a dimension; rows are read along the "
                               "first dimension: np.save(f, a.reshape(1))"));
  }
  DREAMDB_ASSIGN(const uint64_t wanted, data_bytes(header, name));
  const uint64_t found = file_bytes - std::min<uint64_t>(file_bytes, header.data_offset);
  if (found != wanted) {
    const std::string verdict = found < wanted ? "cut short" : "too long";
    return std::unexpected(
        bad(name, verdict + ": the header says " + with_commas(header.rows()) + " rows of " +
                      with_commas(header.row_bytes()) + " bytes, expected " + with_commas(wanted) +
                      " bytes of data, found " + with_commas(found) + "; write it again"));
  }
  return header;
}

std::string write_npy_header(std::string_view descr, uint64_t rows,
                             const std::vector<uint64_t>& row_shape) {
  std::string shape = "(" + std::to_string(rows) + ",";
  for (size_t i = 0; i < row_shape.size(); ++i) {
    shape += (i == 0 ? " " : ", ") + std::to_string(row_shape[i]);
  }
  std::string literal =
      "{'descr': '" + std::string(descr) + "', 'fortran_order': False, 'shape': " + shape + "), }";
  // Room for any number of rows: the size must not change with it. NumPy asks for multiples of 64.
  const size_t longest = literal.size() + 20;
  const size_t total = std::max(kWrittenHeader, (kPreambleV1 + longest + 1 + 63) / 64 * 64);
  literal.append(total - kPreambleV1 - literal.size() - 1, ' ');
  literal += '\n';
  std::string out(kMagic);
  out += '\x01';
  out += '\0';
  out += static_cast<char>(literal.size() & 255);
  out += static_cast<char>(literal.size() >> 8);
  return out + literal;
}

}  // namespace dreamdb::cli
