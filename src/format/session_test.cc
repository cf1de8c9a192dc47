// Sessions: round trips, and every flipped or cut byte is noticed.
#include "format/session.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace dreamdb {
namespace {

SessionBody make_session() {
  SessionBody session;
  session.nonce.fill(std::byte{7});
  session.write.fill(std::byte{9});
  session.ref = "main";
  session.host = "trainer-7";
  session.process = 4711;
  session.program = "dreamdb/0.1";
  session.start_ns = 1'700'000'000'000'000'000;
  session.beat_ns = session.start_ns + 1;
  return session;
}

RC_GTEST_PROP(Session, RoundTrips,
              (uint64_t epoch, uint64_t process, uint64_t beat_ns, bool reads, bool fenced)) {
  SessionBody session = make_session();
  session.epoch = epoch;
  session.process = process;
  session.beat_ns = beat_ns;
  session.role = reads ? SessionRole::kReader : SessionRole::kWriter;
  session.fenced = fenced;
  if (reads) session.pins = {Address::of({})};
  const Buffer bytes = write_session(session);
  const auto back = parse_session(bytes.span(), "sessions/x");
  RC_ASSERT(back.has_value());
  RC_ASSERT(*back == session);
}

TEST(Session, EveryFlippedBitAndEveryCutIsNoticed) {
  const Buffer good = write_session(make_session());
  for (size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::vector<std::byte> bytes(good.span().begin(), good.span().end());
      bytes[i] ^= static_cast<std::byte>(1 << bit);
      const auto refused = parse_session(bytes, "sessions/x");
      ASSERT_FALSE(refused) << "byte " << i << ", bit " << bit;
      EXPECT_NE(refused.error().message.find("`sessions/x`"), std::string::npos);
    }
    EXPECT_FALSE(parse_session(good.span().first(i), "sessions/x")) << i;
  }
}

}  // namespace
}  // namespace dreamdb
