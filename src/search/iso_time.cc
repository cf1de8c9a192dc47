// Reads ISO 8601 by fixed places.
#include "search/iso_time.h"

#include <chrono>
#include <string>

namespace dreamdb {
namespace {

class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  bool done() const { return at_ == text_.size(); }
  char peek() const { return done() ? '\0' : text_[at_]; }
  bool skip(char c) {
    if (done() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  // Exactly `count` digits.
  bool digits(size_t count, int64_t& out) {
    out = 0;
    for (size_t i = 0; i < count; ++i) {
      if (!is_digit()) return false;
      out = out * 10 + (text_[at_++] - '0');
    }
    return true;
  }
  // One to nine digits of a second.
  bool fraction(int64_t& nanoseconds) {
    nanoseconds = 0;
    int64_t unit = 100'000'000;
    if (!is_digit()) return false;
    for (; is_digit() && unit > 0; unit /= 10) nanoseconds += unit * (text_[at_++] - '0');
    return !is_digit();
  }

 private:
  bool is_digit() const { return !done() && text_[at_] >= '0' && text_[at_] <= '9'; }
  std::string_view text_;
  size_t at_ = 0;
};

struct Moment {
  int64_t year = 0, month = 0, day = 0;
  int64_t hour = 0, minute = 0, second = 0, nanosecond = 0;
  int64_t offset_minutes = 0;
};

bool read_offset(Cursor& cursor, Moment& moment) {
  if (cursor.done() || cursor.skip('Z') || cursor.skip('z')) return true;
  const bool west = cursor.peek() == '-';
  if (!cursor.skip('+') && !cursor.skip('-')) return false;
  int64_t hours = 0, minutes = 0;
  if (!cursor.digits(2, hours)) return false;
  cursor.skip(':');
  if (!cursor.done() && !cursor.digits(2, minutes)) return false;
  if (hours > 23 || minutes > 59) return false;
  moment.offset_minutes = (west ? -1 : 1) * (hours * 60 + minutes);
  return true;
}

bool read_moment(Cursor& cursor, Moment& moment) {
  if (!cursor.digits(4, moment.year) || !cursor.skip('-') || !cursor.digits(2, moment.month) ||
      !cursor.skip('-') || !cursor.digits(2, moment.day))
    return false;
  if (cursor.done()) return true;
  if (!cursor.skip('T') && !cursor.skip('t') && !cursor.skip(' ')) return false;
  if (!cursor.digits(2, moment.hour) || !cursor.skip(':') || !cursor.digits(2, moment.minute))
    return false;
  if (cursor.skip(':') && !cursor.digits(2, moment.second)) return false;
  if (cursor.skip('.') && !cursor.fraction(moment.nanosecond)) return false;
  return read_offset(cursor, moment) && cursor.done();
}

}  // namespace

Result<int64_t> parse_iso_time(std::string_view text) {
  Cursor cursor(text);
  Moment m;
  const auto refuse = [&](const char* reason) { return fail(Code::kInvalidArgument, reason); };
  if (!read_moment(cursor, m))
    return refuse("no ISO 8601 time: expected '2026-01-02' or '2026-01-02T03:04:05Z'");
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(m.year)),
                                         std::chrono::month(static_cast<unsigned>(m.month)),
                                         std::chrono::day(static_cast<unsigned>(m.day))};
  if (!date.ok() || m.hour > 23 || m.minute > 59 || m.second > 59)
    return refuse("a time that does not exist");
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const int64_t seconds = ((days * 24 + m.hour) * 60 + m.minute - m.offset_minutes) * 60 + m.second;
  // Nanoseconds count upwards; with a negative second the product may pass the lower end before
  // they are added, so the last second is borrowed.
  const bool borrow = seconds < 0 && m.nanosecond > 0;
  int64_t out = 0;
  if (__builtin_mul_overflow(borrow ? seconds + 1 : seconds, int64_t{1'000'000'000}, &out) ||
      __builtin_add_overflow(out, borrow ? m.nanosecond - 1'000'000'000 : m.nanosecond, &out))
    return refuse("a time outside of 1677-09-21 to 2262-04-11");
  return out;
}

}  // namespace dreamdb
