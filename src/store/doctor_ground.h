// The doctor's own folder in a remote store: which keys were written there, and how it is emptied,
// also of what a killed run left.
//
// Thread rule: one thread at a time.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "store/doctor.h"

namespace dreamdb {

inline constexpr std::string_view kDoctorFolder = ".dreamdb/doctor";

class DoctorGround {
 public:
  // A ground of this run's own below `open`'s store. Errors as `open`.
  static Result<DoctorGround> make(const OpenRemote& open, Runtime& runtime);

  RemoteStore& store() { return *store_; }
  Dialect& dialect() { return store_->dialect(); }
  HttpClient& client() { return store_->client(); }
  // The ground's path in the store; other stores may be opened on it.
  const std::string& path() const { return path_; }

  // To be called before `key` is written.
  void will_write(const std::string& key) { keys_.insert(key); }
  void will_write(const std::vector<std::string>& keys) { keys_.insert(keys.begin(), keys.end()); }
  // Whether it is the first time.
  bool will_write_mutable(const std::string& key) { return mutable_keys_.insert(key).second; }
  // The first write of a mutable key was refused: there is nothing to delete.
  void was_refused(const std::string& key) { mutable_keys_.erase(key); }

  // Deletes every key that was written, whether or not the caller is interrupted. An error says
  // which keys are left and why.
  Status clean();

 private:
  DoctorGround(std::shared_ptr<RemoteStore> store, std::string path)
      : store_(std::move(store)), path_(std::move(path)) {}

  std::shared_ptr<RemoteStore> store_;
  std::string path_;
  std::set<std::string> keys_;  // of immutable objects
  std::set<std::string> mutable_keys_;
};

// The name of a run: its scope, its process, random digits (runtime/process.h).
std::string doctor_run_name(Runtime& runtime);
// Whether the run of this name is over: its process is dead, or, where that cannot be told, it
// wrote its key an hour ago. Names of another form are nobody's: false.
bool is_over(std::string_view run_name, uint64_t age_ns);

// Deletes what runs that are over left, races of writers that were killed too; how many keys.
// Errors as `Dialect::list` and `Store::delete_many`. Cost: 2 listings.
Result<size_t> remove_leftovers(const OpenRemote& open, Runtime& runtime);

}  // namespace dreamdb
