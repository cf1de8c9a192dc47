// Each byte of each small object of a dataset flipped, objects cut, swapped, missing and stale:
// found and named, or not read at all; never returned.
#include <gtest/gtest.h>

#include <iostream>
#include <random>

#include "base/one_in.h"
#include "format/segment.h"
#include "store/memory_store.h"
#include "tests/corruption/everything.h"
#include "tests/corruption/patch_store.h"

namespace dreamdb::corruption {
namespace {

using model::row_range;

// Two refs; segments with and without lists of anchors, layers, replaced values, a ledger; deleted
// records and values.
void fill(const std::shared_ptr<Store>& store) {
  auto ds = create_in(model::space_on(store), "main", model::full_schema());
  ASSERT_TRUE(ds);
  ASSERT_TRUE(ds->append(model::rows_of(row_range(10, 5, 1))));
  AppendOptions keyed;
  keyed.idempotency_key = "job";
  keyed.on_conflict = OnConflict::kReplace;
  const std::vector<model::Row> odd = {{3, 2}, {12, 2}, {100, 2}, {101, 3}, {250, 2}};
  ASSERT_TRUE(ds->append(model::rows_of(odd), keyed));
  ASSERT_TRUE(ds->add_field(model::extra_field()));
  ASSERT_TRUE(ds->append(model::extra_rows(std::vector<uint64_t>{10, 12, 100, 250})));
  ASSERT_TRUE(ds->delete_records({{11, 14, 101}}));
  DeleteOptions values;
  values.fields = std::vector<std::string>{model::extra_field().name};
  ASSERT_TRUE(ds->delete_records({{10, 12, 250}}, values));
  auto side = ds->branch("side");
  ASSERT_TRUE(side);
  ASSERT_TRUE(side->set_meta("who", "side"));
}

std::string kind_of(const std::string& key) { return key.substr(0, key.find('/')); }
// What a message must have so that the object can be found: the address, or the name of the ref.
std::string name_of(const std::string& key) { return key.substr(key.find('/') + 1); }

class Flip : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto memory = std::make_shared<MemoryStore>("flips");
    fill(memory);
    store_ = *PatchStore::copy_of(*memory);
    const auto everything = read_everything(store_);
    ASSERT_TRUE(everything) << everything.error().message;
    golden_ = *everything;
  }

  // Reads all with the patches in place; true when the break was found.
  bool judge(const std::string& what, const std::string& key) {
    const auto read = read_everything(store_);
    if (read) {
      EXPECT_TRUE(*read == golden_) << what << ": WRONG VALUES WERE RETURNED";
      return false;
    }
    const Error& error = read.error();
    EXPECT_TRUE(error.code == Code::kCorruption || error.code == Code::kUnsupported)
        << what << ": " << code_name(error.code) << ": " << error.message;
    EXPECT_NE(error.message.find(name_of(key)), std::string::npos)
        << what << ": the message does not name it: " << error.message;
    return true;
  }

  // The same with an object away. Of an older version that is what a collection leaves: history
  // ends and says so, and all else is as it was.
  void judge_missing(const std::string& key) {
    const auto read = read_everything(store_);
    if (kind_of(key) != "manifests" || !read || !read->is_history_cut) {
      judge(key + ", missing", key);
      return;
    }
    EXPECT_TRUE(read->picture == golden_.picture) << key << ", missing";
    EXPECT_LT(read->history.size(), golden_.history.size()) << key << ", missing";
    for (const auto& [version, state] : read->versions)
      EXPECT_TRUE(golden_.versions.at(version) == state) << key << ", missing: " << version;
  }

  std::shared_ptr<PatchStore> store_;
  Everything golden_;
};

TEST_F(Flip, EachByteOfEachObject) {
  std::map<std::string, std::array<uint64_t, 3>> counts;  // by kind: objects, flips, found
  OneIn cases;
  for (const auto& [key, body] : store_->objects()) {
    auto& [objects, flips, found] = counts[kind_of(key)];
    ++objects;
    for (size_t byte = 0; byte < body.size(); ++byte) {
      // Every bit of what has no address to guard it.
      const bool is_ref = kind_of(key) == "refs";
      for (unsigned bit = is_ref ? 0 : (byte * 5 + 1) % 8; bit < 8; bit += is_ref ? 1 : 8) {
        if (!cases.takes_next()) continue;
        const std::string what =
            key + ", bit " + std::to_string(bit) + " of byte " + std::to_string(byte);
        const Buffer flipped = flip_bit(body, byte, bit);
        store_->set_patch(key, flipped);
        ++flips;
        found += judge(what, key);
        if (kind_of(key) == "segments") {
          const auto whole = parse_whole_segment(flipped.span(), *Address::parse(name_of(key)));
          EXPECT_FALSE(whole) << what << ": the whole object passes";
        }
        if (HasFailure()) return;
      }
    }
  }
  for (const auto& [kind, count] : counts) {
    std::cout << kind << ": " << count[0] << " objects, " << count[1] << " flips, " << count[2]
              << " found while reading all, " << count[1] - count[2] << " not read\n";
    EXPECT_GT(count[1], 0u);
  }
  // A reader of every version meets each byte of all but the ledger and the genesis.
  for (const char* kind : {"refs", "manifests", "segments"})
    EXPECT_EQ(counts[kind][2], counts[kind][1]) << kind;
  EXPECT_GT(counts["pages"][2], counts["pages"][1] * 9 / 10);
}

// Reading goes on without the genesis, so the error of a writer has to say what is to be done.
constexpr const char* kGenesisWayOut =
    "restore it from a copy of the store. Until then rows need anchors of their own (`_anchor`)";

// What only writers read: the genesis when anchors are assigned, the ledger for a key.
TEST_F(Flip, EachByteThatOnlyWritersRead) {
  const auto append = [&] {
    auto ds = open_in(model::space_on(store_), "main");
    AppendOptions keyed;
    keyed.idempotency_key = "job";
    // As many rows as the key was applied to.
    if (auto known = ds->append(model::unanchored_rows(5, model::kAssignedSalt), keyed); !known)
      return known;
    return ds->append(model::unanchored_rows(2, model::kAssignedSalt));
  };
  ASSERT_EQ(append().error().code, Code::kUnsupported) << "the store is read-only";
  uint64_t genesis = 0, found = 0;
  OneIn cases;
  for (const auto& [key, body] : store_->objects()) {
    if (kind_of(key) != "genesis" && kind_of(key) != "pages") continue;
    for (size_t byte = 0; byte < body.size(); ++byte) {
      if (!cases.takes_next()) continue;
      store_->set_patch(key, flip_bit(body, byte, byte % 8));
      const auto report = append();
      const bool is_found = report.error().code == Code::kCorruption;
      found += is_found;
      genesis += kind_of(key) == "genesis" && is_found;
      if (is_found) {
        EXPECT_NE(report.error().message.find(name_of(key)), std::string::npos)
            << report.error().message;
      } else {
        EXPECT_EQ(report.error().code, Code::kUnsupported) << report.error().message;
      }
      if (kind_of(key) == "genesis") {
        EXPECT_TRUE(is_found) << key << ", byte " << byte;
        EXPECT_NE(report.error().message.find(kGenesisWayOut), std::string::npos)
            << report.error().message;
      }
    }
  }
  for (const auto& [key, body] : store_->objects()) {
    if (kind_of(key) != "genesis") continue;
    store_->set_patch(key, std::nullopt);
    const auto report = append();
    ASSERT_EQ(report.error().code, Code::kCorruption) << report.error().message;
    EXPECT_TRUE(report.error().message.starts_with(key + " is missing")) << report.error().message;
    EXPECT_NE(report.error().message.find(kGenesisWayOut), std::string::npos);
  }
  EXPECT_GT(found, genesis) << "the ledger is a page";
  std::cout << found << " flips found by writers, " << genesis << " of them in the genesis\n";
}

TEST_F(Flip, EachObjectCutOrMissing) {
  uint64_t cuts = 0, found = 0;
  for (const auto& [key, body] : store_->objects()) {
    if (kind_of(key) != "refs") {
      store_->set_patch(key, std::nullopt);
      judge_missing(key);
    }
    for (const size_t size : {size_t{0}, size_t{1}, body.size() / 2, body.size() - 1}) {
      store_->set_patch(key, body.slice(0, size));
      ++cuts;
      found += judge(key + ", cut to " + std::to_string(size), key);
      if (HasFailure()) return;
    }
    std::string longer(body.view());
    longer += '\0';
    store_->set_patch(key, Buffer::adopt(std::move(longer)));
    judge(key + ", one byte more", key);
  }
  std::cout << cuts << " cuts, " << found << " found while reading all\n";
}

TEST_F(Flip, AnyTwoObjectsSwapped) {
  uint64_t swaps = 0, found = 0;
  OneIn cases;
  const auto& objects = store_->objects();
  for (auto a = objects.begin(); a != objects.end(); ++a) {
    for (auto b = std::next(a); b != objects.end(); ++b) {
      if (kind_of(a->first) == "refs" || kind_of(b->first) == "refs" || !cases.takes_next())
        continue;
      store_->set_patch(a->first, b->second);
      store_->add_patch(b->first, a->second);
      ++swaps;
      const auto read = read_everything(store_);
      if (read) {
        EXPECT_TRUE(*read == golden_) << a->first << " and " << b->first << " swapped";
        continue;
      }
      ++found;
      const std::string& message = read.error().message;
      EXPECT_EQ(read.error().code, Code::kCorruption) << message;
      EXPECT_TRUE(message.find(name_of(a->first)) != std::string::npos ||
                  message.find(name_of(b->first)) != std::string::npos)
          << message;
      if (HasFailure()) return;
    }
  }
  std::cout << swaps << " pairs, " << found << " found while reading all\n";
  EXPECT_GT(found, swaps * 3 / 4);
}

// A ref's body of another ref, or an older one, is a whole version: stale, but never wrong.
TEST_F(Flip, BodiesOfOtherRefsAreWholeVersions) {
  const auto body = [&](const std::string& key) { return store_->objects().at(key); };
  store_->set_patch("refs/main", body("refs/side"));
  const auto read = read_everything(store_);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->picture.at("main"), golden_.picture.at("side"));
  EXPECT_EQ(read->picture.at("side"), golden_.picture.at("side"));
}

// Segments of several blocks are read by ranges: another way through the same checks.
TEST(FlipLarge, BlocksAreVerifiedOneByOne) {
  const auto memory = std::make_shared<MemoryStore>("large");
  auto ds = create_in(model::space_on(memory), "main", model::full_schema());
  ASSERT_TRUE(ds);
  ASSERT_TRUE(ds->append(model::rows_of(row_range(0, 9000, 1, 3))));
  const auto store = *PatchStore::copy_of(*memory);
  const auto golden = read_everything(store);
  ASSERT_TRUE(golden) << golden.error().message;
  std::mt19937_64 random(11);
  uint64_t flips = 0, found = 0, large = 0;
  for (const auto& [key, body] : store->objects()) {
    if (kind_of(key) != "segments") continue;
    large += body.size() > 64 * 1024;
    for (int i = 0; i < 12; ++i, ++flips) {
      // Every second one in the last 4 KiB, where the footer is.
      const size_t last = std::min<size_t>(body.size(), 4096);
      const size_t byte = i % 2 == 0 ? random() % body.size() : body.size() - 1 - random() % last;
      store->set_patch(key, flip_bit(body, byte, static_cast<unsigned>(random() % 8)));
      const auto read = read_everything(store);
      found += !read.has_value();
      if (read) {
        EXPECT_TRUE(*read == *golden) << key << ", byte " << byte << ": WRONG VALUES";
      } else {
        EXPECT_EQ(read.error().code, Code::kCorruption) << read.error().message;
        EXPECT_NE(read.error().message.find(name_of(key)), std::string::npos);
      }
    }
  }
  EXPECT_GT(large, 3u);
  EXPECT_GT(found, flips * 9 / 10);
  std::cout << flips << " flips in " << large << " large segments and others, " << found
            << " found\n";
}

}  // namespace
}  // namespace dreamdb::corruption
