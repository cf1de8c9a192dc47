#include "http/incoming.h"

#include <gtest/gtest.h>

#include <vector>

namespace dreamdb {
namespace {

using Stop = Incoming::Stop;
constexpr uint64_t kMax = 1 << 20;

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

void head(Incoming& incoming, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) ASSERT_TRUE(incoming.take_line(line + "\r\n"));
  ASSERT_TRUE(incoming.take_line("\r\n"));
}

// What is kept of bytes 100 to 199 of an object of 1,000, cut after four.
Part cut_part() {
  Incoming incoming;
  incoming.begin(kMax, {});
  head(incoming, {"HTTP/1.1 206 X", "ETag: \"t\"", "Content-Range: bytes 100-199/1000",
                  "Content-Length: 100"});
  EXPECT_TRUE(incoming.take_body(bytes("abcd")));
  Part part = incoming.take_part();
  EXPECT_EQ(part.size, 4u);
  return part;
}

TEST(Incoming, AReplyIsTakenApart) {
  Incoming incoming;
  incoming.begin(kMax, {});
  head(incoming, {"HTTP/1.1 100 Continue", "ETag: \"no\""});
  head(incoming, {"HTTP/1.1 200 OK", "X-UPPER:  two words \t", "empty:", "no colon", "a: 1", "a: 2",
                  " folded: away"});
  EXPECT_TRUE(incoming.take_body(bytes("hel")));
  EXPECT_TRUE(incoming.take_body(bytes("lo")));
  EXPECT_TRUE(incoming.take_line("etag: \"in a trailer\"\r\n"));
  EXPECT_TRUE(incoming.take_line("HTTP/1.1 500 in a trailer\r\n"));
  EXPECT_TRUE(incoming.finish());
  EXPECT_EQ(incoming.status(), 200);
  EXPECT_EQ(incoming.headers(), (HttpHeaders{{"x-upper", "two words"}, {"empty", ""}, {"a", "2"}}));
  EXPECT_EQ(incoming.take_whole().view(), "hello");
  EXPECT_EQ(incoming.received_bytes(), 5u);
}

TEST(Incoming, AnEmptyBodyIsWhole) {
  Incoming incoming;
  incoming.begin(kMax, {});
  head(incoming, {"HTTP/2 204"});
  EXPECT_TRUE(incoming.finish());
  EXPECT_EQ(incoming.status(), 204);
  EXPECT_TRUE(incoming.take_whole().empty());
}

TEST(Incoming, ABodyLongerThanAllowedIsRefusedHoweverItIsTold) {
  for (const char* length : {"Content-Length: 5", "x: y"}) {
    Incoming incoming;
    incoming.begin(8, {});
    head(incoming, {"HTTP/1.1 200 OK", "etag: \"t\"", length});
    EXPECT_TRUE(incoming.take_body(bytes("12345678")));
    EXPECT_FALSE(incoming.take_body(bytes("9")));
    EXPECT_EQ(incoming.stop(), Stop::kBodyTooLong);
    EXPECT_EQ(incoming.take_part().size, 0u);
  }
}

TEST(Incoming, ABodyThatIsToldToBeTooLongIsNotWaitedFor) {
  for (const char* length : {"Content-Length: 18446744073709551615", "Content-Length: 9"}) {
    Incoming incoming;
    incoming.begin(8, {});
    head(incoming, {"HTTP/1.1 200 OK", length});
    EXPECT_FALSE(incoming.take_body(bytes("1")));
    EXPECT_EQ(incoming.stop(), Stop::kBodyTooLong);
  }
  Incoming whole;
  whole.begin(8, {});
  head(whole, {"HTTP/1.1 200 OK", "Content-Length: 8"});
  for (const char* part : {"1234", "5678"}) EXPECT_TRUE(whole.take_body(bytes(part)));
  EXPECT_TRUE(whole.finish());
}

TEST(Incoming, AnEndlessHeadIsCutShort) {
  Incoming wide;
  wide.begin(kMax, {});
  ASSERT_TRUE(wide.take_line("HTTP/1.1 200 OK\r\n"));
  const std::string line = "x: " + std::string(10'000, 'y') + "\r\n";
  int taken = 0;
  while (wide.take_line(line)) ++taken;
  EXPECT_EQ(taken, 26);  // 256 KiB
  EXPECT_EQ(wide.stop(), Stop::kHeadTooLong);
  Incoming many;
  many.begin(kMax, {});
  ASSERT_TRUE(many.take_line("HTTP/1.1 200 OK\r\n"));
  taken = 0;
  while (many.take_line("x" + std::to_string(taken) + ":\r\n")) ++taken;
  EXPECT_EQ(taken, 1'001);
}

TEST(Incoming, OfAnErrorsBodyThereIs64KiB) {
  Incoming incoming;
  incoming.begin(8, {});
  head(incoming, {"HTTP/1.1 500 No"});
  const std::string block(10'000, 'e');
  int taken = 0;
  while (incoming.take_body(bytes(block))) ++taken;
  EXPECT_EQ(taken, 6);
  EXPECT_EQ(incoming.stop(), Stop::kErrorEnough);
  EXPECT_EQ(incoming.status(), 500);
  EXPECT_EQ(incoming.take_whole().size(), 65'536u);
}

TEST(Incoming, ThePartIsGoneOnFrom) {
  Incoming incoming;
  incoming.begin(kMax, cut_part());
  head(incoming, {"HTTP/1.1 206 X", "ETag: \"t\"", "Content-Range: bytes 104-199/1000"});
  EXPECT_TRUE(incoming.take_body(bytes("efgh")));
  EXPECT_FALSE(incoming.is_stale());
  // Cut again, and gone on from again.
  Part part = incoming.take_part();
  EXPECT_EQ(part.size, 8u);
  EXPECT_EQ(part.first, 100u);
  incoming.begin(kMax, std::move(part));
  head(incoming, {"HTTP/1.1 206 X", "ETag: \"t\"", "Content-Range: bytes 108-199/1000"});
  EXPECT_TRUE(incoming.take_body(bytes("ij")));
  EXPECT_TRUE(incoming.finish());
  EXPECT_EQ(incoming.take_whole().view(), "abcdefghij");
}

TEST(Incoming, WhatContradictsThePartEndsTheAttemptAndThePart) {
  const std::vector<std::vector<std::string>> heads = {
      {"HTTP/1.1 206 X", "ETag: \"t\"", "Content-Range: bytes 103-199/1000"},
      {"HTTP/1.1 206 X", "ETag: \"t\"", "Content-Range: bytes 105-199/1000"},
      {"HTTP/1.1 206 X", "ETag: \"t\"", "Content-Range: bytes 100-199/1000"},
      {"HTTP/1.1 206 X", "ETag: \"t\"", "Content-Range: bytes 104-199/1001"},
      {"HTTP/1.1 206 X", "ETag: \"t\"", "Content-Range: bytes 104-199/*"},
      {"HTTP/1.1 206 X", "ETag: \"t\""},
      {"HTTP/1.1 206 X", "ETag: \"u\"", "Content-Range: bytes 104-199/1000"},
      {"HTTP/1.1 206 X", "ETag: W/\"t\"", "Content-Range: bytes 104-199/1000"},
      {"HTTP/1.1 206 X", "Content-Range: bytes 104-199/1000"}};
  for (const auto& lines : heads) {
    Incoming incoming;
    incoming.begin(kMax, cut_part());
    head(incoming, lines);
    EXPECT_FALSE(incoming.take_body(bytes("efgh"))) << lines.back();
    EXPECT_EQ(incoming.stop(), Stop::kOtherPart);
    EXPECT_TRUE(incoming.is_stale());
    EXPECT_EQ(incoming.take_part().size, 0u);
    incoming.begin(kMax, cut_part());
    head(incoming, lines);
    EXPECT_FALSE(incoming.finish()) << "also when its body is empty";
  }
}

TEST(Incoming, AWholeObjectInPlaceOfTheRestBeginsAnew) {
  Incoming incoming;
  incoming.begin(kMax, cut_part());
  head(incoming, {"HTTP/1.1 200 OK", "ETag: \"u\"", "Content-Length: 8"});
  EXPECT_TRUE(incoming.take_body(bytes("the ")));
  EXPECT_TRUE(incoming.take_body(bytes("lot!")));
  EXPECT_TRUE(incoming.finish());
  EXPECT_FALSE(incoming.is_stale());
  EXPECT_EQ(incoming.take_whole().view(), "the lot!");
}

TEST(Incoming, AnErrorInPlaceOfTheRestKeepsThePart) {
  Incoming incoming;
  incoming.begin(kMax, cut_part());
  head(incoming, {"HTTP/1.1 503 Slow", "ETag: \"page\""});
  EXPECT_TRUE(incoming.take_body(bytes("slow down")));
  EXPECT_TRUE(incoming.finish());
  EXPECT_FALSE(incoming.is_stale());
  EXPECT_EQ(incoming.take_whole().view(), "slow down");
  const Part part = incoming.take_part();
  EXPECT_EQ(part.size, 4u);
  EXPECT_EQ(part.etag, "\"t\"");
  // So does a connection that is lost before anything came.
  incoming.begin(kMax, cut_part());
  EXPECT_EQ(incoming.take_part().size, 4u);
}

TEST(Incoming, ARangeThatIsGoneMeansAnotherObject) {
  for (const char* line : {"HTTP/1.1 416 X", "HTTP/1.1 412 X"}) {
    Incoming incoming;
    incoming.begin(kMax, cut_part());
    head(incoming, {line});
    EXPECT_TRUE(incoming.finish());
    EXPECT_TRUE(incoming.is_stale());
    EXPECT_EQ(incoming.take_part().size, 0u);
    incoming.begin(kMax, {});
    head(incoming, {line});
    EXPECT_FALSE(incoming.is_stale()) << "it is the answer to a first attempt";
  }
}

TEST(Incoming, WithoutATagOrASizeThereIsNoPart) {
  for (const std::vector<std::string>& lines : std::vector<std::vector<std::string>>{
           {"HTTP/1.1 206 X", "Content-Range: bytes 100-199/1000"},
           {"HTTP/1.1 206 X", "ETag: W/\"t\"", "Content-Range: bytes 100-199/1000"},
           {"HTTP/1.1 206 X", "ETag: \"t\"", "Content-Range: bytes 100-199/*"},
           {"HTTP/1.1 200 X", "ETag: \"t\""},
           {"HTTP/1.1 203 X", "ETag: \"t\"", "Content-Length: 900"}}) {
    Incoming incoming;
    incoming.begin(kMax, {});
    head(incoming, lines);
    EXPECT_TRUE(incoming.take_body(bytes("abcd")));
    EXPECT_EQ(incoming.take_part().size, 0u) << lines.front() << lines.back();
  }
}

}  // namespace
}  // namespace dreamdb
