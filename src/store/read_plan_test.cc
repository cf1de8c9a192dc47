#include "store/read_plan.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <limits>

namespace dreamdb {
namespace {

constexpr uint64_t kRest = std::numeric_limits<uint64_t>::max();

ReadPlan plan(const std::vector<ReadRequest>& requests) {
  return plan_reads(requests, std::vector<bool>(requests.size()));
}

TEST(ReadPlan, NeighboursComeTogether) {
  const std::vector<ReadRequest> requests = {{"a", 1000, 10},
                                             {"a", 0, 10},
                                             {"b", 0, 10},
                                             {"a", 1010 + kReadGapMax, 10},
                                             {"a", 1009 + kReadGapMax, 5}};
  const ReadPlan made = plan(requests);
  ASSERT_EQ(made.pieces.size(), 2u);
  EXPECT_EQ(made.pieces[0].key, "a");
  EXPECT_EQ(made.pieces[0].offset, 0u);
  EXPECT_EQ(made.pieces[0].size, 1020 + kReadGapMax);
  EXPECT_EQ(made.pieces[0].wanted, 35u);
  EXPECT_EQ(made.places[2].first, 1u);
}

TEST(ReadPlan, AWideGapIsNotReadThrough) {
  const ReadPlan made = plan({{"a", 0, 10}, {"a", 10 + kReadGapMax, 10}});
  EXPECT_EQ(made.pieces.size(), 2u);
}

TEST(ReadPlan, LargeRangesAreCut) {
  const ReadPlan made = plan({{"a", 5, 20 << 20}, {"a", 5 + (20 << 20), 1}});
  ASSERT_EQ(made.pieces.size(), 4u);
  EXPECT_EQ(made.places[0].count, 3u);
  EXPECT_EQ(made.pieces[3].size, 1u);
}

TEST(ReadPlan, TheRestOfAnObjectBeginsWithOnePiece) {
  const ReadPlan made =
      plan({{"a", 7, kRest}, {"b", kRest, 5}, {"b", kRest - 2, kRest}, {"c", 3, 0}});
  EXPECT_TRUE(made.places[0].is_open);
  EXPECT_EQ(made.pieces[0].size, kReadPieceMax);
  EXPECT_EQ(made.pieces[made.places[1].first].offset, kObjectSizeMax);
  EXPECT_EQ(made.places[2].first, made.places[1].first);
  EXPECT_EQ(made.places[3].count, 0u);
}

TEST(ReadPlan, EveryByteHasItsPlace) {
  rc::check([] {
    std::vector<ReadRequest> requests;
    for (int i = *rc::gen::inRange(0, 30); i > 0; --i) {
      requests.push_back({*rc::gen::element<std::string>("a", "b"),
                          *rc::gen::inRange<uint64_t>(0, 40 << 20),
                          *rc::gen::inRange<uint64_t>(0, 1 << *rc::gen::inRange(1, 25))});
    }
    const ReadPlan made = plan(requests);
    uint64_t fetched = 0, wanted = 0;
    for (const ReadPiece& piece : made.pieces) {
      RC_ASSERT(piece.size > 0 && piece.size <= kReadPieceMax);
      fetched += piece.size;
      wanted += piece.wanted;
    }
    uint64_t asked = 0;
    for (size_t i = 0; i < requests.size(); ++i) {
      const ReadPlace& place = made.places[i];
      asked += requests[i].size;
      uint64_t at = requests[i].offset;
      for (size_t k = 0; k < place.count; ++k) {
        const ReadPiece& piece = made.pieces[place.first + k];
        RC_ASSERT(piece.key == requests[i].key);
        RC_ASSERT(piece.offset <= at && (place.count == 1 || piece.offset == at));
        at = piece.offset + piece.size;
      }
      RC_ASSERT(requests[i].size == 0 || at >= requests[i].offset + requests[i].size);
    }
    RC_ASSERT(wanted == asked);
    RC_ASSERT(fetched <= asked + requests.size() * kReadGapMax);
    RC_ASSERT(made.pieces.size() <= requests.size() + asked / (kReadPieceMax / 2));
  });
}

}  // namespace
}  // namespace dreamdb
