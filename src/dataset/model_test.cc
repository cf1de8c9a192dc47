// Random histories against the model of model.h: several handles write, branch and read.
#include "dataset/model.h"

#include <gtest/gtest.h>

#include <string>

#include "base/one_in.h"
#include "dataset/model_writes.h"
#include "dreamdb/upkeep.h"

namespace dreamdb {
namespace {

class History : public testing::ModelWrites {
 public:
  using ModelWrites::ModelWrites;

  void step() {
    switch (random_.below(20)) {
      case 0: return open();
      case 1: return refresh();
      case 2: return branch();
      case 3: return snapshot();
      case 4: return add_field();
      case 5: return set_meta();
      case 6: return write_many();
      case 7: return assign();
      case 8: return look_back();
      case 9: return reindex();
      case 10:
      case 11: return erase();
      case 12:
      case 13: return shrink();
      default: return append();
    }
  }

 private:
  // New versions with the records of the tip, perhaps none.
  void shrink() {
    Handle& handle = writable();
    const std::string base = handle.ds.manifest();
    const testing::ModelVersion same = versions_[refs_[handle.ref]];
    CompactOptions options;
    options.segment_rows = 1 + random_.below(60);
    options.segment_bytes = 500 + random_.below(20'000);
    options.commit_bytes = 1 + random_.below(20'000);
    options.purge = random_.chance(30);
    const auto report = compact(handle.ds, options);
    ASSERT_TRUE(report) << report.error().message;
    if (handle.ds.manifest() == base) return;
    auto history = handle.ds.history();
    for (;;) {
      const auto info = history->next();
      ASSERT_TRUE(info && *info);
      if (!versions_.emplace((*info)->manifest, same).second) break;
    }
    refs_[handle.ref] = handle.ds.manifest();
  }
};

TEST(Model, RandomHistoriesAgreeWithIt) {
  for (uint64_t seed = 1; seed <= OneIn().of(300) && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History history(seed);
    for (int i = 0; i < 20 && !::testing::Test::HasFailure(); ++i) {
      history.step();
      if (!::testing::Test::HasFailure()) history.read();
    }
    if (!::testing::Test::HasFailure()) history.read_all_versions();
  }
}

}  // namespace
}  // namespace dreamdb
