// Reads ISO 8601 by fixed places.
#include "search/iso_time.h"

#include <string_view>

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

int64_t days_in_month(int64_t year, int64_t month) {
  static constexpr int64_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return kDays[month - 1] + (month == 2 && leap ? 1 : 0);
}

// Days from 1970-01-01 in the Gregorian calendar; year 0 to 9999. Years are counted from March, so
// that a leap day is the last of its year.
int64_t days_since_epoch(int64_t year, int64_t month, int64_t day) {
  const int64_t y = month > 2 ? year : year - 1;
  const int64_t month_from_march = month > 2 ? month - 3 : month + 9;
  const int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
  // Of 400 years before year 0, which keep the divisions below above 0.
  constexpr int64_t kShiftYears = 400, kShiftDays = 146'097;
  const int64_t shifted = y + kShiftYears;
  const int64_t days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + day_of_year;
  return days - kShiftDays - 719'468;
}

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
  if (m.month < 1 || m.month > 12 || m.day < 1 || m.day > days_in_month(m.year, m.month) ||
      m.hour > 23 || m.minute > 59 || m.second > 59)
    return refuse("a time that does not exist");
  const int64_t days = days_since_epoch(m.year, m.month, m.day);
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
