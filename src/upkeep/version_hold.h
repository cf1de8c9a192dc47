// Keeps older versions from collectors while a ref, or a version, is made that leads to them again
// (spec 11.4).
//
// Thread rule: one thread at a time.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "codec/address.h"
#include "version/live_session.h"

namespace dreamdb {

class VersionHold {
 public:
  // `store` is asked itself, no cache of it. It and the runtime must outlive this.
  VersionHold(Store& store, Runtime& runtime, WriterIdentity writer)
      : store_(store), runtime_(runtime), writer_(std::move(writer)) {}

  // For no versions nothing is asked; else one swap for each 64 of them, and one when this ends,
  // two listings of collectors, and a wave that reads the manifests.
  // Conflict: a collection is under way that may be about to delete them. NotFound: one is gone.
  Status take(std::span<const Address> versions);
  // To be called before what leads to them is published; errors as those of LiveSession.
  Status may_publish();
  // It is not known whether what was published will arrive: the sessions are left to expire.
  void leave();

 private:
  Status begin_session(const std::vector<Address>& pins);
  Status check_collectors();
  Status check_there(std::span<const Address> versions);

  Store& store_;
  Runtime& runtime_;
  const WriterIdentity writer_;
  std::vector<std::unique_ptr<LiveSession>> sessions_;
};

}  // namespace dreamdb
