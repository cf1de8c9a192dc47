#include "format/session.h"

#include <algorithm>

#include "format/envelope.h"
#include "format/limits.h"

namespace dreamdb {

namespace {

using Check = std::array<std::byte, 16>;

constexpr std::array<std::pair<SessionRole, std::string_view>, 3> kRoles = {{
    {SessionRole::kWriter, "writer"},
    {SessionRole::kReader, "reader"},
    {SessionRole::kCollector, "collector"},
}};

// All keys of a session but `check`.
CborMap session_map(const SessionBody& session) {
  CborMap map = new_envelope("session", session.nonce);
  map["role"].text(role_name(session.role));
  map["ref"].text(session.ref);
  map["epoch"].uint(session.epoch);
  CborWriter& pins = map["pins"];
  pins.array(session.pins.size());
  for (const Address& pin : session.pins) pins.bytes(pin.bytes());
  map["host"].text(session.host);
  map["process"].uint(session.process);
  map["program"].text(session.program);
  map["start_ns"].uint(session.start_ns);
  map["beat_ns"].uint(session.beat_ns);
  map["fenced"].boolean(session.fenced);
  map["write"].bytes(session.write);
  return map;
}

Check check_of(const SessionBody& session) {
  const Hash hash = blake3(session_map(session).encode());
  Check check;
  std::copy_n(hash.begin(), check.size(), check.begin());
  return check;
}

Status parse_role(CborReader& in, SessionRole& out) {
  DREAMDB_ASSIGN(const std::string_view text, in.text());
  for (const auto& [role, name] : kRoles) {
    if (text != name) continue;
    out = role;
    return {};
  }
  return corrupt("the role `writer`, `reader` or `collector`", "another");
}

Status parse_pins(CborReader& in, std::vector<Address>& out) {
  DREAMDB_ASSIGN(const uint64_t count, in.array());
  if (count > kSessionPinsMax) return corrupt("at most 64 pins", std::to_string(count));
  for (uint64_t i = 0; i < count; ++i) {
    DREAMDB_ASSIGN(const auto bytes, in.bytes());
    DREAMDB_ASSIGN(const Address pin, Address::from_bytes(bytes));
    if (!out.empty() && !std::ranges::lexicographical_compare(out.back().bytes(), pin.bytes()))
      return corrupt("pins ascending, each once", "others (S11.1)");
    out.push_back(pin);
  }
  return in.end();
}

}  // namespace

std::string_view role_name(SessionRole role) {
  return std::ranges::find(kRoles, role, &std::pair<SessionRole, std::string_view>::first)->second;
}

Result<SessionBody> parse_session(std::span<const std::byte> bytes, std::string_view name) {
  SessionBody session;
  Check check{};
  Envelope in(bytes, name, "session", kStructureBytesMax, session.nonce);
  in.text("ref", session.ref, kRefNameBytesMax);
  in.text("host", session.host, kHostBytesMax);
  in.value("pins", [&](CborReader& r) { return parse_pins(r, session.pins); });
  in.value("role", [&](CborReader& r) { return parse_role(r, session.role); });
  in.fixed("check", check);
  in.uint("epoch", session.epoch);
  in.fixed("write", session.write);
  in.boolean("fenced", session.fenced);
  in.uint("beat_ns", session.beat_ns);
  in.uint("process", session.process);
  in.text("program", session.program, kWriterBytesMax);
  in.uint("start_ns", session.start_ns);
  in.check([&]() -> Status {
    if (check == check_of(session)) return {};
    return corrupt("a `check` that matches the rest", "another one (S11.1)");
  });
  DREAMDB_TRY(in.finish());
  return session;
}

Buffer write_session(const SessionBody& session) {
  CborMap map = session_map(session);
  map["check"].bytes(check_of(session));
  return Buffer::adopt(map.encode());
}

}  // namespace dreamdb
