// Refs and the versions they name.
//
// Thread rule: functions may be called from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "format/ref.h"
#include "object/objects.h"
#include "runtime/runtime.h"

namespace dreamdb {

// A ref as it stood when it was read, and the version it named.
struct Tip {
  std::string name;
  Ref ref;
  Version version;  // of the ref's key
  ManifestPtr manifest;

  const Address& address() const { return ref.manifest; }
};

// Reads the ref's body: one wave. NotFound when there is none.
struct LoadedRef {
  Ref ref;
  Version version;
};
Result<LoadedRef> load_ref(Store& store, std::string_view name);
// The ref and its manifest: two waves.
Result<Tip> load_tip(Objects& objects, std::string_view name);

// Who writes: identifies the session in everything it writes.
struct WriterIdentity {
  Nonce nonce{};
  std::string program;  // goes into manifests as `writer`
};

// Conflict when the ref was deleted and made anew as another dataset.
Status check_same_timeline(const Tip& before, const Tip& moved);

// Makes a ref that must not exist. AlreadyExists when it does; OutcomeUnknown when the store does
// not tell in time.
Result<Tip> create_ref(Objects& objects, Runtime& runtime, const WriterIdentity& writer,
                       std::string_view name, const Address& manifest, const ManifestPtr& parsed,
                       bool snapshot, const WriteId& write);

WriteId random_write_id(Runtime& runtime);

}  // namespace dreamdb
