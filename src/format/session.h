// Sessions: who is at work on a space (spec 11.1).
//
// Thread rule: pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codec/address.h"
#include "dreamdb/buffer.h"
#include "dreamdb/result.h"
#include "format/nonce.h"

namespace dreamdb {

enum class SessionRole : uint8_t { kWriter, kReader, kCollector };

// As it stands in a session: "writer".
std::string_view role_name(SessionRole role);

struct SessionBody {
  Nonce nonce{};  // of the objects that the session writes
  SessionRole role = SessionRole::kWriter;
  std::string ref;            // at most kRefNameBytesMax; empty: none
  uint64_t epoch = 0;         // of `ref` when the session began
  std::vector<Address> pins;  // ascending, each once, at most kSessionPinsMax
  std::string host;           // at most kHostBytesMax
  uint64_t process = 0;
  std::string program;    // at most kWriterBytesMax
  uint64_t start_ns = 0;  // Unix nanoseconds by the session's own clock, as is `beat_ns`
  uint64_t beat_ns = 0;
  bool fenced = false;
  WriteId write{};
  bool operator==(const SessionBody&) const = default;
};

// `name` (a key) goes into the message of an error: Corruption, or Unsupported for a newer `v`.
Result<SessionBody> parse_session(std::span<const std::byte> bytes, std::string_view name);
// The caller keeps the limits above.
Buffer write_session(const SessionBody& session);

}  // namespace dreamdb
