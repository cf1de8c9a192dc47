// A dataset with branches, for tests that merge them.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dataset/dataset_impl.h"
#include "dataset/model.h"
#include "dataset/small_dataset.h"
#include "store/memory_store.h"

namespace dreamdb::testing {

// All values of all records, without regard to the order of fields.
inline Records scan(const Dataset& ds) {
  Records out;
  for (const Batch& batch : all_batches(ds))
    for (size_t row = 0; row < batch.rows(); ++row) {
      Values& values = out[batch.anchors()[row]];
      for (const Column& column : batch.columns)
        if (auto value = model_value(*ds.schema().find(column.name), column, row))
          values[column.name] = *value;
    }
  return out;
}

// A dataset with a hundred records, and branches of it; the parameter: bytes of its cache.
class MergeTest : public ::testing::TestWithParam<uint64_t> {
 protected:
  MergeTest() {
    auto made = create_in(space(), "main", small_schema());
    EXPECT_TRUE(made) << made.error().message;
    EXPECT_TRUE(made->append(small_rows(range(0, 100))));
  }

  std::shared_ptr<Space> space() const { return Space::on(memory_, "memory://merge", GetParam()); }
  Dataset open(const std::string& ref) const { return *open_in(space(), ref); }
  Dataset branch(const std::string& name) const { return *open("main").branch(name); }

  static NewRows numbers(const std::vector<uint64_t>& anchors, const std::vector<int64_t>& values) {
    return rows_at(anchors, {int_column("n", values)});
  }
  static AppendOptions replacing() {
    AppendOptions options;
    options.on_conflict = OnConflict::kReplace;
    return options;
  }
  static MergeReport merged(Dataset& target, const Dataset& source) {
    auto report = target.merge(source);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : MergeReport{};
  }
  static int64_t number_at(const Dataset& ds, uint64_t anchor) {
    const auto batch = ds.take({{anchor}}, std::vector<std::string>{"n"});
    EXPECT_TRUE(batch) << batch.error().message;
    return batch->columns[0].as<int64_t>()[0];
  }

  std::shared_ptr<MemoryStore> memory_ = std::make_shared<MemoryStore>("merge");
};

}  // namespace dreamdb::testing
