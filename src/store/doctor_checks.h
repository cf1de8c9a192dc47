// The doctor's checks of what a remote store answers: tags, versions, ranges, listings, large
// bodies. Each writes its own keys on the ground and gives one finding.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <optional>

#include "store/doctor_ground.h"

namespace dreamdb {

// Tags (ETag) of three writes to one key: there, changing with the body.
Finding check_tags(DoctorGround& ground);
// Whether the bucket keeps versions: by the reply to a write.
Finding check_versions(const HttpReply& written);
// Ranges: inside, over the end, beyond it, from the end, several at once.
Finding check_ranges(DoctorGround& ground);
// Whether one byte of an object that is there can be asked for, where nothing can be written.
Finding check_one_range(RemoteStore& store, const std::string& key, bool is_mutable);
// Listings: order, where they begin, pages, and that what was just written or deleted shows.
Finding check_listing(DoctorGround& ground);
// A body that goes up in parts, read back. Where parts fail, writers go on with what goes up whole:
// a note with the largest size that does (Diagnosis::object_bytes_max).
struct PartsCheck {
  Finding finding;
  std::optional<uint64_t> object_bytes_max;
};
PartsCheck check_parts(DoctorGround& ground);
// How far the clock of the server is from this machine's.
Finding check_clock(int64_t skew_ns);

// An error of a request as a finding: kUnknown, kNote where the credentials do not allow it.
Finding unable(std::string check, const Error& error);

// One request to the ground.
HttpReply run_one(DoctorGround& ground, const HttpJob& job);
// Writes `body` to the mutable `key` without a condition.
HttpReply write_one(DoctorGround& ground, const std::string& key, const Buffer& body);

}  // namespace dreamdb
