// Sees to it that versions which handles have read are not collected while a ref, or a version, is
// made that leads to them (spec 11.4).
//
// Thread rule: one thread at a time.
#pragma once

#include <utility>
#include <vector>

#include "dataset/dataset_impl.h"
#include "upkeep/version_hold.h"

namespace dreamdb {

class SourceGuard {
 public:
  explicit SourceGuard(Space& space)
      : hold_(*space.plain_store(), space.runtime(), space.writer()) {}

  // A version that `handle`, which must outlive this, has or had.
  void add(const Dataset::Impl& handle, const Address& version) {
    sources_.push_back({&handle, version});
  }

  // To be called before what leads to them is published. Those that are no tips that were just read
  // are held from then on. Errors as those of VersionHold.
  Status check() {
    DREAMDB_TRY(hold_.may_publish());
    std::vector<Source> fresh;
    std::vector<Address> older;
    for (const Source& source : sources_) {
      if (source.handle->is_fresh(source.version)) {
        fresh.push_back(source);
      } else {
        older.push_back(source.version);
      }
    }
    DREAMDB_TRY(hold_.take(older));
    sources_ = std::move(fresh);
    return {};
  }
  // It is not known whether what was published will arrive.
  void leave() { hold_.leave(); }

 private:
  struct Source {
    const Dataset::Impl* handle;
    Address version;
  };
  VersionHold hold_;
  std::vector<Source> sources_;  // that are not held
};

}  // namespace dreamdb
