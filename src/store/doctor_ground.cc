#include "store/doctor_ground.h"

#include <algorithm>
#include <charconv>

#include "dreamdb/interrupt.h"
#include "runtime/process.h"

namespace dreamdb {

namespace {

constexpr size_t kScopeDigits = 8;
constexpr size_t kRandomBytes = 6;
constexpr uint64_t kOverNs = 3'600'000'000'000;
constexpr size_t kListMax = 10'000;  // of leftovers at a time; the next run goes on
constexpr size_t kNamedMax = 3;      // keys in a message

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (size_t i = 0; i < std::min(texts.size(), kNamedMax); ++i)
    all += (i == 0 ? "" : ", ") + texts[i];
  return all + (texts.size() > kNamedMax ? ", ..." : "");
}

// Keys and what became of their deletion; absent ones are ok.
struct Deleted {
  std::vector<std::string> keys;
  std::vector<Status> statuses;
};

void delete_each(RemoteStore& store, bool is_mutable, Deleted& deleted,
                 const std::vector<size_t>& which) {
  std::vector<HttpJob> jobs;
  for (const size_t i : which) jobs.push_back(store.dialect().remove(deleted.keys[i], is_mutable));
  const std::vector<HttpReply> replies =
      jobs.empty() ? std::vector<HttpReply>() : store.client().run(jobs);
  for (size_t k = 0; k < replies.size(); ++k) {
    const Status done = store.dialect().status_of(replies[k], "delete", deleted.keys[which[k]]);
    deleted.statuses[which[k]] = !done && done.error().code == Code::kNotFound ? Status() : done;
  }
}

// Deletes by one request for a thousand; what that does not do, one by one.
Deleted delete_all(RemoteStore& store, std::vector<std::string> keys,
                   const std::vector<std::string>& mutable_keys) {
  Deleted deleted{std::move(keys), {}};
  if (!deleted.keys.empty()) deleted.statuses = store.delete_many(deleted.keys);
  std::vector<size_t> left;
  for (size_t i = 0; i < deleted.keys.size(); ++i)
    if (!deleted.statuses[i]) left.push_back(i);
  delete_each(store, false, deleted, left);
  std::vector<size_t> others;
  for (const std::string& key : mutable_keys) {
    others.push_back(deleted.keys.size());
    deleted.keys.push_back(key);
    deleted.statuses.emplace_back();
  }
  delete_each(store, true, deleted, others);
  return deleted;
}

}  // namespace

std::string doctor_run_name(Runtime& runtime) {
  return process_scope() + "-" + std::to_string(process_id()) + "-" +
         random_hex(runtime, kRandomBytes);
}

bool is_over(std::string_view run_name, uint64_t age_ns) {
  const size_t first = run_name.find('-');
  const size_t second = run_name.find('-', first + 1);
  if (first != kScopeDigits || second == std::string_view::npos) return false;
  uint32_t process = 0;
  const std::string_view digits = run_name.substr(first + 1, second - first - 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), process);
  if (error != std::errc() || end != digits.data() + digits.size()) return false;
  const bool is_ours = run_name.substr(0, first) == process_scope();
  return (is_ours && !process_is_alive(process)) || age_ns > kOverNs;
}

Result<DoctorGround> DoctorGround::make(const OpenRemote& open, Runtime& runtime) {
  std::string path = std::string(kDoctorFolder) + "/" + doctor_run_name(runtime);
  DREAMDB_ASSIGN(std::shared_ptr<RemoteStore> store, open(path));
  return DoctorGround(std::move(store), std::move(path));
}

Status DoctorGround::clean() {
  const InterruptScope go_on([] { return false; });
  if (keys_.empty() && mutable_keys_.empty()) return {};
  const auto [keys, statuses] =
      delete_all(*store_, std::vector<std::string>(keys_.begin(), keys_.end()),
                 std::vector<std::string>(mutable_keys_.begin(), mutable_keys_.end()));
  std::vector<std::string> left;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!statuses[i]) {
      left.push_back(keys[i]);
      continue;
    }
    keys_.erase(keys[i]);
    mutable_keys_.erase(keys[i]);
  }
  if (left.empty()) return {};
  const auto bad =
      std::find_if(statuses.begin(), statuses.end(), [](const Status& status) { return !status; });
  return fail(bad->error().code, std::to_string(left.size()) +
                                     " of the doctor's objects are left in " + store_->describe() +
                                     " (" + joined(left) + "): " + bad->error().message);
}

Result<size_t> remove_leftovers(const OpenRemote& open, Runtime& runtime) {
  size_t removed = 0;
  for (const std::string_view folder :
       {kDoctorFolder, kRaceFolder.substr(0, kRaceFolder.size() - 1)}) {
    DREAMDB_ASSIGN(const std::shared_ptr<RemoteStore> store, open(folder));
    DREAMDB_ASSIGN(const Dialect::Listing listing,
                   store->dialect().list(store->client(), "", "", kListMax));
    const uint64_t now = runtime.now_ns() + static_cast<uint64_t>(store->client().clock_skew_ns());
    std::vector<std::string> keys, mutable_keys;
    for (const Dialect::Listed& listed : listing.objects) {
      const ListedObject& object = listed.object;
      const uint64_t age = now > object.time_ns ? now - object.time_ns : 0;
      const std::string_view run = std::string_view(object.key).substr(0, object.key.find('/'));
      const bool over = folder == kDoctorFolder ? is_over(run, age) : age > kOverNs;
      if (over) (listed.is_mutable ? mutable_keys : keys).push_back(object.key);
    }
    if (keys.empty() && mutable_keys.empty()) continue;
    const Deleted deleted = delete_all(*store, std::move(keys), mutable_keys);
    for (const Status& status : deleted.statuses) DREAMDB_TRY(status);
    removed += deleted.keys.size();
  }
  return removed;
}

}  // namespace dreamdb
