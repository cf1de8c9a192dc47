// Examines a store where it is: what is safe there, what is not, why, and what to do.
//
// A remote store is examined on the very bucket, in a folder of the doctor's own
// (`.dreamdb/doctor/`, spec S10.10) that is emptied at the end, also when the caller is
// interrupted; what a killed run left is removed by the next one. A folder is examined the same way
// below
// `.doctor`.
//
// Thread rule: one call at a time for each store; several processes may examine one store.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dreamdb/dataset.h"
#include "dreamdb/result.h"
#include "runtime/runtime.h"
#include "store/doctor_load.h"
#include "store/remote_store.h"

namespace dreamdb {

enum class Health : uint8_t {
  kGood,
  kNote,     // works, with a drawback or not at all for these credentials
  kBad,      // must not be used so
  kUnknown,  // could not be found out
};

struct Finding {
  std::string check;  // one word: "race", "ranges"
  Health health = Health::kUnknown;
  std::string found;  // one sentence or two
  std::string to_do;  // empty: nothing
};

struct Diagnosis {
  std::string store;   // without secrets
  std::string server;  // endpoint or file system; empty: none
  // Whether several may write here at once: kGood, kBad or kUnknown, and why.
  Health shared_writing = Health::kUnknown;
  std::string reason;
  bool read_only = false;  // nobody can write through this address: `shared_writing` is kBad
  // The largest object known to go up where larger ones were refused, 0 when none was taken.
  std::optional<uint64_t> object_bytes_max;
  std::vector<Finding> findings;
  std::optional<LoadFigures> load;
  StoreStats cost;  // what was asked of a folder, or sent to a server
};

struct DoctorOptions {
  bool measures_load = true;  // latency and throughput: most of the requests and bytes
};

// Examines the store at `url`. What is wrong with the store is in the diagnosis.
// InvalidArgument: what is wrong with the URL or the settings. Cancelled: the caller is
// interrupted. Cost: up to 400 requests or so, a few hundred MB moved on a fast store, and 10 to 20
// seconds.
Result<Diagnosis> diagnose(std::string_view url, const DoctorOptions& options = {},
                           Runtime& runtime = real_runtime());

// The same for a remote store. `open` gives the store with all keys below a folder of it ("": as it
// is), each time on connections of its own.
using OpenRemote = std::function<Result<std::shared_ptr<RemoteStore>>(std::string_view below)>;
Result<Diagnosis> diagnose_remote(const OpenRemote& open, const DoctorOptions& options,
                                  Runtime& runtime);

// The same for the folder at the absolute `path`.
Result<Diagnosis> diagnose_folder(const std::string& path, const DoctorOptions& options,
                                  Runtime& runtime);

// Sets `shared_writing` and `reason` by the findings: kBad when one is, kGood when the race was won
// by one writer and nothing is bad.
void conclude(Diagnosis& diagnosis);

}  // namespace dreamdb
