#include "dreamdb/dataset.h"

#include <gtest/gtest.h>

#include "dataset/dataset_impl.h"
#include "dataset/small_dataset.h"

namespace dreamdb {
namespace {

using namespace testing;

TEST(Dataset, GivesBackWhatWasAppended) {
  const std::string at = fresh_locator();
  auto ds = Dataset::create(at, small_schema());
  ASSERT_TRUE(ds) << ds.error().message;
  auto report = ds->append(small_rows(range(100, 1000, 3)));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->records, 1000u);
  EXPECT_EQ(*ds->count(), 1000u);

  auto again = Dataset::open(at);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->schema(), small_schema());
  size_t rows = 0;
  ReadOptions options;
  options.batch_rows = 37;
  for (const Batch& batch : all_batches(*again, options)) {
    EXPECT_EQ(batch.rows(), std::min<size_t>(37, 1000 - rows));
    for (size_t i = 0; i < batch.rows(); ++i) {
      EXPECT_EQ(batch.anchors()[i], 100 + 3 * (rows + i));
      expect_small_row(batch, i);
    }
    rows += batch.rows();
  }
  EXPECT_EQ(rows, 1000u);
}

TEST(Dataset, JoinsInterleavedAppendsInAnchorOrder) {
  auto ds = Dataset::create(fresh_locator(), small_schema());
  ASSERT_TRUE(ds);
  ASSERT_TRUE(ds->append(small_rows(range(0, 200, 4))));
  ASSERT_TRUE(ds->append(small_rows(range(1, 200, 4))));
  ASSERT_TRUE(ds->append(small_rows({3, 7, 2, 802, 6})));  // no sequence, not sorted
  uint64_t before = 0;
  size_t rows = 0;
  for (const Batch& batch : all_batches(*ds))
    for (size_t i = 0; i < batch.rows(); ++i, ++rows) {
      if (rows > 0) {
        EXPECT_GT(batch.anchors()[i], before);
      }
      before = batch.anchors()[i];
      expect_small_row(batch, i);
    }
  EXPECT_EQ(rows, 405u);
}

TEST(Dataset, TakesInTheOrderAskedFor) {
  auto ds = Dataset::create(fresh_locator(), small_schema());
  ASSERT_TRUE(ds->append(small_rows(range(0, 5000))));
  const std::vector<uint64_t> wanted = {4999, 0, 17, 17, 2048, 4096};
  auto batch = ds->take(wanted);
  ASSERT_TRUE(batch) << batch.error().message;
  ASSERT_EQ(batch->rows(), wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(batch->anchors()[i], wanted[i]);
    expect_small_row(*batch, i);
  }
  const std::vector<uint64_t> absent = {3, 5000, 9000};
  auto missing = ds->take(absent);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  EXPECT_NE(missing.error().message.find("5000, 9000"), std::string::npos);
  EXPECT_EQ(ds->take(absent, std::nullopt, true)->rows(), 1u);
}

TEST(Dataset, FiltersOnScalars) {
  auto ds = Dataset::create(fresh_locator(), small_schema());
  ASSERT_TRUE(ds->append(small_rows(range(0, 3000))));
  ASSERT_TRUE(ds->append(small_rows(range(3000, 3000))));
  const auto where = Where::parse("label == 'cat' and n >= 4000 and not (n between 4500 and 5000)");
  ASSERT_TRUE(where) << where.error().message;
  uint64_t expected = 0;
  for (uint64_t a = 4000; a < 6000; ++a) expected += a % 3 == 0 && !(a >= 4500 && a <= 5000);
  EXPECT_EQ(*ds->count(*where), expected);
  ReadOptions options;
  options.where = *where;
  options.batch_rows = 100;
  uint64_t rows = 0;
  for (const Batch& batch : all_batches(*ds, options)) {
    for (size_t i = 0; i < batch.rows(); ++i) {
      expect_small_row(batch, i);
      EXPECT_EQ(batch.anchors()[i] % 3, 0u);
    }
    rows += batch.rows();
  }
  EXPECT_EQ(rows, expected);
}

TEST(Dataset, RefusesSkipsOrReplacesAtTheSameAnchor) {
  auto ds = Dataset::create(fresh_locator(), small_schema());
  ASSERT_TRUE(ds->append(small_rows({1, 2, 3})));
  const std::string tip = ds->manifest();

  auto same = ds->append(small_rows({2, 3}));
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_EQ(same->unchanged, 2u);
  EXPECT_EQ(ds->manifest(), tip);

  NewRows other = small_rows({2, 9});
  other.columns[4] = int_column("n", {-7, 9});
  auto refused = ds->append(other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_EQ(ds->manifest(), tip);

  AppendOptions skip;
  skip.on_conflict = OnConflict::kSkip;
  auto skipped = ds->append(other, skip);
  ASSERT_TRUE(skipped);
  EXPECT_EQ(skipped->skipped, 1u);
  EXPECT_EQ(skipped->records, 1u);
  EXPECT_EQ(*ds->count(), 4u);

  AppendOptions replace;
  replace.on_conflict = OnConflict::kReplace;
  auto replaced = ds->append(other, replace);
  ASSERT_TRUE(replaced);
  EXPECT_EQ(replaced->replaced, 1u);
  EXPECT_EQ(replaced->unchanged, 1u);
  EXPECT_EQ(*ds->count(), 4u);
  const std::vector<uint64_t> two = {2};
  EXPECT_EQ(ds->take(two)->find("n")->as<int64_t>()[0], -7);
  EXPECT_EQ(ds->take(two)->find("img")->blobs[0].view(), "image 2");
  EXPECT_EQ(*ds->count(*Where::parse("n == -7")), 1u);
  EXPECT_EQ(*ds->count(*Where::parse("n == 2")), 0u);
}

TEST(Dataset, FillsANewFieldOfOldRecords) {
  auto ds = Dataset::create(fresh_locator(), small_schema());
  ASSERT_TRUE(ds->append(small_rows(range(0, 10))));
  ASSERT_TRUE(ds->add_field(field_of("caption", FieldType::kText, false)));
  ASSERT_TRUE(ds->add_field(field_of("good", FieldType::kBool, false)));
  auto filled = ds->append(rows_at(
      {3, 4}, {text_column("caption", FieldType::kText, {"x", "y"}), bool_column("good", {1, 0})}));
  ASSERT_TRUE(filled) << filled.error().message;
  EXPECT_EQ(filled->filled, 2u);
  EXPECT_EQ(*ds->count(), 10u);
  const auto batches = all_batches(*ds);
  ASSERT_EQ(batches.size(), 1u);
  const Column& caption = *batches[0].find("caption");
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(caption.is_valid(i), i == 3 || i == 4);
  EXPECT_EQ(caption.blobs[4].view(), "y");
  EXPECT_EQ(*ds->count(*Where::parse("good == true")), 1u);
  EXPECT_EQ(*ds->count(*Where::parse("good is null")), 8u);
  auto lacking = ds->append(rows_at({99}, {text_column("caption", FieldType::kText, {"x"})}));
  ASSERT_FALSE(lacking);
  EXPECT_NE(lacking.error().message.find("missing required field"), std::string::npos);
}

TEST(Dataset, SearchFindsWhatBruteForceFinds) {
  auto ds = Dataset::create(fresh_locator(), small_schema());
  ASSERT_TRUE(ds->append(small_rows(range(0, 700))));
  ASSERT_TRUE(ds->append(small_rows(range(1000, 300, 7))));
  const std::vector<float> query = {1.f, 2.f, 0.5f, 1.f};
  SearchOptions options;
  options.top_k = 12;
  for (const Distance distance : {Distance::kCosine, Distance::kInnerProduct, Distance::kL2}) {
    options.distance = distance;
    std::vector<std::pair<double, uint64_t>> truth;
    for (const Batch& batch : all_batches(*ds))
      for (size_t i = 0; i < batch.rows(); ++i) {
        const float* v = batch.find("emb")->as<float>() + i * 4;
        double dot = 0, qq = 0, vv = 0, l2 = 0;
        for (int d = 0; d < 4; ++d) {
          dot += v[d] * query[static_cast<size_t>(d)];
          qq += query[static_cast<size_t>(d)] * query[static_cast<size_t>(d)];
          vv += v[d] * v[d];
          l2 += (v[d] - query[static_cast<size_t>(d)]) * (v[d] - query[static_cast<size_t>(d)]);
        }
        const double key = distance == Distance::kCosine         ? dot / std::sqrt(qq * vv)
                           : distance == Distance::kInnerProduct ? dot
                                                                 : -l2;
        truth.emplace_back(-key, batch.anchors()[i]);
      }
    std::sort(truth.begin(), truth.end());
    auto hits = ds->search("emb", query, 1, options);
    ASSERT_TRUE(hits) << hits.error().message;
    ASSERT_EQ(hits->hits[0].rows.rows(), 12u);
    for (size_t i = 0; i < 12; ++i) {
      const double key =
          distance == Distance::kL2 ? -hits->hits[0].scores[i] : hits->hits[0].scores[i];
      EXPECT_NEAR(key, -truth[i].first, 1e-4);
      expect_small_row(hits->hits[0].rows, i);
    }
  }
  options.where = *Where::parse("label == 'cat' and n < 30");
  options.top_k = 100;
  auto filtered = ds->search("emb", query, 1, options);
  ASSERT_TRUE(filtered);
  EXPECT_EQ(filtered->hits[0].rows.rows(), 10u);
}

TEST(Dataset, SearchSeesOnlyTheNewestVector) {
  auto ds = Dataset::create(fresh_locator(), small_schema());
  ASSERT_TRUE(ds->append(small_rows(range(0, 50))));
  AppendOptions replace;
  replace.on_conflict = OnConflict::kReplace;
  ASSERT_TRUE(ds->append(rows_at({7}, {embedding_column("emb", 4, {-9, -9, -9, -9})}), replace));
  SearchOptions options;
  options.top_k = 50;
  const std::vector<float> query = {-1, -1, -1, -1};
  auto hits = ds->search("emb", query, 1, options);
  ASSERT_TRUE(hits);
  EXPECT_EQ(hits->hits[0].rows.rows(), 50u);
  EXPECT_EQ(hits->hits[0].rows.anchors()[0], 7u);
}

TEST(Dataset, SnapshotsStayAndBranchesMove) {
  const std::string at = fresh_locator();
  auto ds = Dataset::create(at, small_schema());
  ASSERT_TRUE(ds->append(small_rows(range(0, 10))));
  auto snapshot = ds->snapshot("v1");
  ASSERT_TRUE(snapshot) << snapshot.error().message;
  EXPECT_EQ(snapshot->name, "main@v1");
  EXPECT_EQ(ds->snapshot("v1").error().code, Code::kAlreadyExists);
  auto branch = ds->branch("try/one");
  ASSERT_TRUE(branch);
  ASSERT_TRUE(branch->append(small_rows(range(50, 5))));
  EXPECT_EQ(*branch->count(), 15u);
  EXPECT_EQ(*Dataset::open(at)->count(), 10u);
  auto pinned = Dataset::open(at + "@main@v1");
  ASSERT_TRUE(pinned);
  EXPECT_EQ(*pinned->count(), 10u);
  EXPECT_EQ(pinned->append(small_rows({77})).error().code, Code::kDenied);
  auto diff = ds->diff(*branch);
  ASSERT_TRUE(diff) << diff.error().message;
  EXPECT_EQ(diff->records_only_left, 0u);
  EXPECT_EQ(diff->records_only_right, 5u);
  EXPECT_EQ(diff->commits_right, 1u);
  EXPECT_EQ(diff->common_ancestor, ds->manifest());
  auto refs = ds->list_refs();
  ASSERT_TRUE(refs);
  ASSERT_EQ(refs->size(), 3u);
  EXPECT_EQ((*refs)[1].name, "main@v1");
  EXPECT_TRUE((*refs)[1].snapshot);
  // Opened and deleted by the label alone, once.
  EXPECT_EQ(Dataset::open(at + "@v1")->ref_name(), "main@v1");
  ASSERT_TRUE(ds->delete_ref("v1"));
  EXPECT_EQ(ds->list_refs()->size(), 2u);
  const Status again = ds->delete_ref("v1");
  EXPECT_EQ(again.error().code, Code::kNotFound);
  EXPECT_NE(again.error().message.find("`v1`"), std::string::npos) << again.error().message;
}

TEST(Dataset, AppliesAnIdempotencyKeyOnce) {
  auto ds = Dataset::create(fresh_locator(), small_schema());
  AppendOptions options;
  options.idempotency_key = "job-1/chunk-0";
  ASSERT_TRUE(ds->append(small_rows(range(0, 10)), options));
  auto again = ds->append(small_rows(range(100, 10)), options);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->already_applied);
  EXPECT_EQ(*ds->count(), 10u);
}

TEST(Dataset, AppliesAKeyOnceThatAnotherHandleHasAppliedMeanwhile) {
  const std::string at = fresh_locator();
  auto first = Dataset::create(at, small_schema()), second = Dataset::open(at);
  AppendOptions options;
  options.idempotency_key = "job-1/chunk-0";
  ASSERT_TRUE(first->append(small_rows(range(0, 10)), options));
  const auto again = second->append(small_rows(range(100, 10)), options);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(again->already_applied);
  EXPECT_EQ(*second->count(), 10u);
  EXPECT_EQ(Dataset::open(at)->manifest(), first->manifest());
}

TEST(Dataset, NamesItsApplication) {
  auto ds = Dataset::create(fresh_locator(), small_schema());
  ASSERT_TRUE(ds->set_application("labeller", "r12"));
  ASSERT_TRUE(ds->append(small_rows({1})));
  EXPECT_NE(ds->version_at(1)->writer.find("application=labeller;application-revision=r12"),
            std::string::npos);
  EXPECT_EQ(ds->set_application("a\nb", "").error().code, Code::kInvalidArgument);
}

TEST(Dataset, OpensAnyVersionByAddressAndTime) {
  const std::string at = fresh_locator();
  auto ds = Dataset::create(at, small_schema());
  std::vector<CommitInfo> versions;
  for (uint64_t i = 0; i < 40; ++i) {
    ASSERT_TRUE(ds->append(small_rows({i})));
    versions.push_back(*ds->version_at(i + 1));
  }
  for (const CommitInfo& version : versions) {
    OpenOptions by_address;
    by_address.manifest = version.manifest;
    EXPECT_EQ(*Dataset::open(at, by_address)->count(), version.records);
    OpenOptions by_time;
    by_time.time_ns = version.time_ns;
    EXPECT_GE(*Dataset::open(at, by_time)->count(), version.records);
  }
  auto history = ds->history();
  size_t commits = 0;
  while (*history->next()) ++commits;
  EXPECT_EQ(commits, 41u);
}

}  // namespace
}  // namespace dreamdb
