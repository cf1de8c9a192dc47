#include "format/ref.h"

#include <algorithm>

#include "format/envelope.h"
#include "format/limits.h"

namespace dreamdb {

namespace {

using Check = std::array<std::byte, 16>;

// All keys of a ref but `check`.
CborMap ref_map(const Ref& ref) {
  CborMap map = new_envelope("ref", ref.nonce);
  map["manifest"].bytes(ref.manifest.bytes());
  map["epoch"].uint(ref.epoch);
  map["write"].bytes(ref.write);
  map["snapshot"].boolean(ref.snapshot);
  map["time_ns"].uint(ref.time_ns);
  if (ref.passed.empty()) return map;
  CborWriter& passed = map["passed"];
  passed.array(ref.passed.size());
  for (const PassedVersion& one : ref.passed) {
    passed.array(2);
    passed.bytes(one.manifest.bytes());
    passed.uint(one.time_ns);
  }
  return map;
}

Status parse_passed(CborReader& in, std::vector<PassedVersion>& out) {
  DREAMDB_ASSIGN(const uint64_t count, in.array());
  if (count == 0 || count > kRefPassedMax)
    return corrupt("1 to 256 versions (S4.4)", std::to_string(count));
  for (uint64_t i = 0; i < count; ++i) {
    PassedVersion one;
    DREAMDB_TRY(in.array(2));
    DREAMDB_ASSIGN(const auto bytes, in.bytes());
    DREAMDB_ASSIGN(one.manifest, Address::from_bytes(bytes));
    DREAMDB_ASSIGN(one.time_ns, in.uint());
    DREAMDB_TRY(in.end());
    out.push_back(one);
  }
  return in.end();
}

Check check_of(const Ref& ref) {
  const Hash hash = blake3(ref_map(ref).encode());
  Check check;
  std::copy_n(hash.begin(), check.size(), check.begin());
  return check;
}

}  // namespace

Result<Genesis> parse_genesis(std::span<const std::byte> bytes, std::string_view name) {
  Genesis genesis;
  Envelope in(bytes, name, "genesis", kStructureBytesMax, genesis.nonce);
  in.uint("time_ns", genesis.time_ns);
  in.integer("origin_ns", genesis.origin_ns);
  DREAMDB_TRY(in.finish());
  return genesis;
}

Buffer write_genesis(const Genesis& genesis) {
  CborMap map = new_envelope("genesis", genesis.nonce);
  map["time_ns"].uint(genesis.time_ns);
  map["origin_ns"].integer(genesis.origin_ns);
  return Buffer::adopt(map.encode());
}

Result<Ref> parse_ref(std::span<const std::byte> bytes, std::string_view name) {
  Ref ref;
  Check check{};
  Envelope in(bytes, name, "ref", kStructureBytesMax, ref.nonce);
  in.fixed("check", check);
  in.uint("epoch", ref.epoch);
  in.fixed("write", ref.write);
  in.optional("passed", [&](CborReader& r) { return parse_passed(r, ref.passed); });
  in.uint("time_ns", ref.time_ns);
  in.address("manifest", ref.manifest);
  in.boolean("snapshot", ref.snapshot);
  in.check([&]() -> Status {
    // The encoding is deterministic: what was parsed gives the bytes that were hashed.
    if (check == check_of(ref)) return {};
    return corrupt("a `check` that matches the rest", "another one (S4.1)");
  });
  DREAMDB_TRY(in.finish());
  return ref;
}

Buffer write_ref(const Ref& ref) {
  CborMap map = ref_map(ref);
  map["check"].bytes(check_of(ref));
  return Buffer::adopt(map.encode());
}

}  // namespace dreamdb
