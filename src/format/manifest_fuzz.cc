// Any bytes as a manifest: what is accepted has one encoding and can have a child.
#include <algorithm>
#include <cstdlib>

#include "format/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto manifest = dreamdb::parse_manifest(bytes, "manifests/x");
  if (!manifest) return 0;
  const auto written = write_manifest(*manifest);
  if (!written || !std::ranges::equal(written->span(), bytes)) std::abort();
  const auto list = ancestors_of_child(*manifest, dreamdb::Address::of(bytes));
  if (list.front().depth != manifest->depth) std::abort();
  if (manifest->depth > 0 && ancestor_towards(*manifest, 0).depth >= manifest->depth) std::abort();
  const auto schema = dreamdb::Schema::from_json(manifest->schema.to_json());
  if (!schema || *schema != manifest->schema) std::abort();
  return 0;
}
