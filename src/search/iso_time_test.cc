// ISO 8601 text and the nanoseconds it stands for.
#include "search/iso_time.h"

#include <gtest/gtest.h>

#include <cstdio>

namespace dreamdb {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

int64_t ns(std::string_view text) {
  const Result<int64_t> time = parse_iso_time(text);
  EXPECT_TRUE(time) << text;
  return time.value_or(-1);
}

TEST(IsoTime, ReadsAllForms) {
  EXPECT_EQ(ns("1970-01-01"), 0);
  EXPECT_EQ(ns("2026-01-02"), 1767312000 * kSecond);
  EXPECT_EQ(ns("2026-01-02T03:04:05Z"), 1767323045 * kSecond);
  EXPECT_EQ(ns("2026-01-02 03:04"), 1767323040 * kSecond);
  EXPECT_EQ(ns("2026-01-02t03:04:05z"), ns("2026-01-02T03:04:05"));
  EXPECT_EQ(ns("2026-01-02T03:04:05.5"), 1767323045 * kSecond + kSecond / 2);
  EXPECT_EQ(ns("2026-01-02T03:04:05.123456789Z"), 1767323045 * kSecond + 123456789);
  EXPECT_EQ(ns("2026-01-02T03:04:05+02:00"), ns("2026-01-02T01:04:05Z"));
  EXPECT_EQ(ns("2026-01-02T03:04:05-0230"), ns("2026-01-02T05:34:05Z"));
  EXPECT_EQ(ns("2026-01-02T03:04:05+01"), ns("2026-01-02T02:04:05Z"));
  EXPECT_EQ(ns("2024-02-29"), 1709164800 * kSecond);
  EXPECT_EQ(ns("1969-12-31T23:59:59.999999999Z"), -1);
}

TEST(IsoTime, CountsEachDayOnce) {
  int64_t expected = ns("1678-01-01");
  static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  for (int year = 1678; year < 2262; ++year) {
    for (int month = 1; month <= 12; ++month) {
      const bool leap = month == 2 && year % 4 == 0 && (year % 100 != 0 || year == 2000);
      for (int day = 1; day <= kDays[month - 1] + (leap ? 1 : 0); ++day) {
        char text[40];
        std::snprintf(text, sizeof(text), "%04d-%02d-%02d", year, month, day);
        ASSERT_EQ(ns(text), expected) << text;
        expected += 86400 * kSecond;
      }
    }
  }
}

TEST(IsoTime, ReachesBothEndsOfI64) {
  EXPECT_EQ(ns("2262-04-11T23:47:16.854775807Z"), INT64_MAX);
  EXPECT_EQ(ns("1677-09-21T00:12:43.145224192Z"), INT64_MIN);
  EXPECT_FALSE(parse_iso_time("2262-04-11T23:47:16.854775808Z"));
  EXPECT_FALSE(parse_iso_time("1677-09-21T00:12:43.145224191Z"));
  EXPECT_FALSE(parse_iso_time("9999-12-31"));
  EXPECT_FALSE(parse_iso_time("0000-01-01"));
}

TEST(IsoTime, RefusesWhatIsNone) {
  for (const char* text :
       {"", "2026", "2026-1-2", "2026-13-01", "2026-02-30", "2025-02-29", "2026-00-10",
        "2026-01-02T", "2026-01-02T24:00", "2026-01-02T03:60", "2026-01-02T03:04:60",
        "2026-01-02T03:04:05.", "2026-01-02T03:04:05.1234567890", "2026-01-02T03:04:05+24:00",
        "2026-01-02T03:04:05+1", "2026-01-02T03:04:05Zx", "2026-01-02Z", "tomorrow", "+026-01-02"})
    EXPECT_FALSE(parse_iso_time(text)) << text;
}

}  // namespace
}  // namespace dreamdb
