// Whatever is flipped, cut, missing or swapped among the objects of a dataset: `verify` names it,
// all of it, and nothing else.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <set>

#include "base/one_in.h"
#include "dreamdb/upkeep.h"
#include "store/memory_store.h"
#include "tests/corruption/everything.h"
#include "tests/corruption/patch_store.h"
#include "upkeep/verifier.h"

namespace dreamdb::corruption {
namespace {

using model::row_range;

// Two refs; segments with and without lists of anchors, layers, replaced values, a ledger, an index
// with codes of its own and of an append, and rows without.
void fill(const std::shared_ptr<Store>& store) {
  auto ds = create_in(model::space_on(store), "main", model::full_schema());
  ASSERT_TRUE(ds);
  ASSERT_TRUE(ds->append(model::rows_of(row_range(10, 5, 1))));
  auto side = ds->branch("side");
  ASSERT_TRUE(side);
  ASSERT_TRUE(side->append(model::rows_of(row_range(500, 3, 4))));
  IndexOptions index;
  index.cells = 2;
  ASSERT_TRUE(ds->reindex("emb", index));
  AppendOptions keyed;
  keyed.idempotency_key = "job";
  keyed.on_conflict = OnConflict::kReplace;
  const std::vector<model::Row> odd = {{3, 2}, {12, 2}, {100, 2}, {101, 3}, {250, 2}};
  ASSERT_TRUE(ds->append(model::rows_of(odd), keyed));
  ASSERT_TRUE(ds->add_field(model::extra_field()));
  ASSERT_TRUE(ds->append(model::extra_rows(std::vector<uint64_t>{10, 12, 250})));
  ASSERT_TRUE(ds->merge(*side));
}

constexpr size_t kFlipStep = 5;  // bytes

std::string kind_of(const std::string& key) { return key.substr(0, key.find('/')); }

class Verify : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto memory = std::make_shared<MemoryStore>("verified");
    fill(memory);
    store_ = *PatchStore::copy_of(*memory);
  }

  VerifyReport verify_all(bool data = true) {
    VerifyOptions options;
    options.data = data;
    return verify_with(options);
  }

  VerifyReport verify_with(VerifyOptions options) {
    options.all_refs = true;
    Verifier verifier(store_, options);
    const Status status = verifier.check_all_refs();
    EXPECT_TRUE(status) << status.error().message;
    return verifier.report();
  }

  // Exactly `keys` are told, each with one of the kinds.
  void expect_damage(const VerifyReport& report, const std::set<std::string>& keys,
                     const std::set<std::string>& kinds, const std::string& what) {
    std::set<std::string> told;
    for (const Damage& damage : report.damages) {
      told.insert(damage.key);
      EXPECT_TRUE(kinds.contains(damage.kind)) << what << ": " << damage.kind << " " << damage.what;
      EXPECT_NE(damage.what.find(damage.key.substr(damage.key.find('/') + 1)), std::string::npos)
          << damage.what;
    }
    EXPECT_EQ(told, keys) << what;
    EXPECT_EQ(report.damage_count, report.damages.size());
  }

  std::shared_ptr<PatchStore> store_;
};

TEST_F(Verify, FindsNothingWhereNothingIsWrong) {
  VerifyOptions options;
  for (const bool data : {false, true}) {
    options.data = data;
    const VerifyReport report = verify_with(options);
    expect_damage(report, {}, {}, "");
    EXPECT_EQ(report.versions, 2u);
    size_t pages = 0, segments = 0, bytes = 0;
    for (const auto& [key, body] : store_->objects()) {
      pages += kind_of(key) == "pages";
      segments += kind_of(key) == "segments";
      if (kind_of(key) == "segments") bytes += body.size();
    }
    EXPECT_LE(report.pages, pages);
    EXPECT_LE(report.segments, segments);
    EXPECT_EQ(report.segments_whole, data ? report.segments : 0);
    if (data) {
      EXPECT_LE(report.bytes, bytes);
    }
  }
}

TEST_F(Verify, NamesEachFlippedByte) {
  OneIn cases;
  std::map<std::string, uint64_t> found, unused;
  for (const auto& [key, body] : store_->objects()) {
    for (size_t byte = found.size(); byte < body.size(); byte += kFlipStep) {
      if (!cases.takes_next()) continue;
      store_->set_patch(key, flip_bit(body, byte, static_cast<unsigned>(byte * 5 + 1) % 8));
      const VerifyReport report = verify_all();
      const std::string what = key + ", byte " + std::to_string(byte);
      if (report.is_clean()) {
        // Of older versions only manifests are looked at, those that jump lists name.
        ++unused[kind_of(key)];
        EXPECT_TRUE(kind_of(key) == "pages" || kind_of(key) == "manifests") << what;
      } else {
        ++found[kind_of(key)];
        expect_damage(report, {key}, {"damaged"}, what);
      }
      if (HasFailure()) return;
    }
  }
  for (const auto& [kind, count] : found)
    std::cout << kind << ": " << count << " flips found, " << unused[kind]
              << " in what only older versions name\n";
  EXPECT_GT(found["pages"], unused["pages"] / 4);
  EXPECT_GT(found["manifests"], unused["manifests"]);
}

TEST_F(Verify, NamesWhatIsMissingCutOrGrown) {
  for (const auto& [key, body] : store_->objects()) {
    if (kind_of(key) == "refs") continue;
    store_->set_patch(key, std::nullopt);
    const VerifyReport missing = verify_all();
    if (missing.is_clean() && kind_of(key) == "pages") continue;
    if (missing.is_clean() && kind_of(key) == "manifests") {
      // An older version, which may have been collected.
      if (missing.versions_gone == 0) continue;
    } else {
      expect_damage(missing, {key}, {"missing"}, key + ", missing");
      expect_damage(verify_all(false), {key}, {"missing"}, key + ", missing");
    }
    for (const size_t size : {size_t{0}, size_t{1}, body.size() / 2, body.size() - 1}) {
      store_->set_patch(key, body.slice(0, size));
      expect_damage(verify_all(), {key}, {"damaged"}, key + ", cut");
      expect_damage(verify_all(false), {key}, {"damaged"}, key + ", cut");
    }
    store_->set_patch(key, Buffer::copy_of(std::string(body.view()) + '\0'));
    expect_damage(verify_all(), {key}, {"damaged"}, key + ", grown");
    expect_damage(verify_all(false), {key}, {"damaged"}, key + ", grown");
    if (HasFailure()) return;
  }
}

TEST_F(Verify, NamesBothOfTwoThatAreSwapped) {
  OneIn cases;
  const auto& objects = store_->objects();
  std::set<std::string> used;
  for (const auto& [key, body] : objects) {
    if (kind_of(key) == "refs") continue;
    store_->set_patch(key, std::nullopt);
    if (!verify_all(false).is_clean()) used.insert(key);
  }
  for (auto a = used.begin(); a != used.end(); ++a) {
    for (auto b = std::next(a); b != used.end(); ++b) {
      if (!cases.takes_next()) continue;
      store_->set_patch(*a, objects.at(*b));
      store_->add_patch(*b, objects.at(*a));
      const VerifyReport report = verify_all();
      // What stands below a manifest or a page that cannot be read is not looked at.
      std::set<std::string> told;
      for (const Damage& damage : report.damages) told.insert(damage.key);
      EXPECT_TRUE(told.contains(*a) || told.contains(*b)) << *a << " and " << *b;
      told.erase(*a);
      told.erase(*b);
      EXPECT_TRUE(told.empty()) << *told.begin();
      if (kind_of(*a) == "segments" && kind_of(*b) == "segments") {
        EXPECT_EQ(report.damage_count, 2u);
      }
      if (HasFailure()) return;
    }
  }
}

TEST_F(Verify, TellsAllOfIt) {
  std::set<std::string> segments;
  for (const auto& [key, body] : store_->objects()) {
    if (kind_of(key) != "segments") continue;
    segments.insert(key);
    store_->add_patch(key, flip_bit(body, body.size() / 2, 3));
  }
  expect_damage(verify_all(), segments, {"damaged"}, "all segments");

  VerifyOptions few;
  few.data = true;
  few.damages_max = 3;
  const VerifyReport report = verify_with(few);
  EXPECT_EQ(report.damages.size(), 3u);
  EXPECT_EQ(report.damage_count, segments.size());
  for (const Damage& damage : report.damages) EXPECT_FALSE(damage.field.empty());
}

TEST_F(Verify, ShardsTellEachDamageOnce) {
  std::set<std::string> broken;
  uint64_t at = 0;
  for (const auto& [key, body] : store_->objects()) {
    const bool is_chosen = kind_of(key) == "segments" && ++at % 2 == 0;
    if (!is_chosen && kind_of(key) != "genesis") continue;
    broken.insert(key);
    store_->add_patch(key, std::nullopt);
  }
  const VerifyReport whole = verify_all();
  std::set<std::string> told;
  uint64_t count = 0, segments = 0;
  for (uint64_t i = 0; i < 5; ++i) {
    VerifyOptions options;
    options.data = true;
    options.shard = Shard{i, 5};
    const VerifyReport report = verify_with(options);
    for (const Damage& damage : report.damages) told.insert(damage.key);
    count += report.damage_count;
    segments += report.segments;
  }
  EXPECT_EQ(told, broken);
  EXPECT_EQ(count, whole.damage_count);
  EXPECT_EQ(segments, whole.segments + 4) << "each shard reads the spatial index";
}

TEST_F(Verify, ASampleIsAlwaysTheSamePart) {
  VerifyOptions options;
  options.data = true;
  options.sample = 0.5;
  const VerifyReport half = verify_with(options);
  EXPECT_GT(half.segments_whole, 0u);
  EXPECT_LT(half.segments_whole, half.segments);
  EXPECT_EQ(verify_with(options).segments_whole, half.segments_whole);
  for (const double sample : {0.0, -1.0, 1.5}) {
    options.sample = sample;
    EXPECT_EQ(check_options(options).error().code, Code::kInvalidArgument);
  }
  options = {};
  options.shard = Shard{3, 3};
  EXPECT_EQ(check_options(options).error().code, Code::kInvalidArgument);
}

TEST_F(Verify, EndsWhenItsCallerSaysSo) {
  VerifyOptions options;
  options.progress = [](const VerifyProgress&) { return false; };
  Verifier verifier(store_, options);
  EXPECT_EQ(verifier.check_ref("main").error().code, Code::kCancelled);
  EXPECT_EQ(verifier.check_ref("none").error().code, Code::kNotFound);
}

}  // namespace
}  // namespace dreamdb::corruption
