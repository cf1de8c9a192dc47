#include "format/manifest.h"

#include <algorithm>
#include <bit>

#include "base/assert.h"
#include "codec/utf8.h"
#include "format/envelope.h"
#include "format/limits.h"
#include "format/schema_cbor.h"

namespace dreamdb {

namespace {

// 2: with spatial indexes; 3: with tombstones or replaced entries, and indexes or not.
constexpr uint64_t kManifestVersionMax = 3;

// The depths that a version of `depth` lists, newest first: the weights are the digits of `depth`
// in the skew-binary system, 2^k - 1, the largest the oldest (S5.4).
std::vector<uint64_t> ancestor_depths(uint64_t depth) {
  std::vector<uint64_t> depths;
  for (uint64_t covered = 0; covered < depth;) {
    // The largest 2^k - 1 in what is left; halved before one is added, so that nothing overflows.
    const uint64_t rest = depth - covered;
    const uint64_t weight = rest == UINT64_MAX ? rest : std::bit_floor(rest + 1) - 1;
    covered += weight;
    depths.push_back(covered - 1);
  }
  std::ranges::reverse(depths);
  return depths;
}

Result<Address> parse_address(CborReader& in) {
  DREAMDB_ASSIGN(const auto bytes, in.bytes());
  return Address::from_bytes(bytes);
}

Status parse_parents(CborReader& in, std::vector<Address>& out) {
  DREAMDB_ASSIGN(const uint64_t count, in.array());
  for (uint64_t i = 0; i < count; ++i) {
    DREAMDB_ASSIGN(const Address parent, parse_address(in));
    out.push_back(parent);
  }
  std::vector<Address> sorted = out;
  std::ranges::sort(sorted);
  if (std::ranges::adjacent_find(sorted) != sorted.end())
    return corrupt("different parents", "one twice (S5.5)");
  return in.end();
}

Status parse_ancestors(CborReader& in, std::vector<Ancestor>& out) {
  DREAMDB_ASSIGN(const uint64_t count, in.array());
  for (uint64_t i = 0; i < count; ++i) {
    Ancestor ancestor;
    DREAMDB_TRY(in.array(2));
    DREAMDB_ASSIGN(ancestor.depth, in.uint());
    DREAMDB_ASSIGN(ancestor.manifest, parse_address(in));
    DREAMDB_TRY(in.end());
    out.push_back(ancestor);
  }
  return in.end();
}

Status check_root(const Root& root) {
  if (root.page_size == 0 || root.page_size > kPageBytesMax)
    return corrupt("a page of 1 byte to 256 KiB", std::to_string(root.page_size));
  if (root.last > kLastAnchor) return corrupt("an anchor below 2^64-1", "2^64-1");
  if (root.first > root.last) return corrupt("`first` not above `last`", "one that is (S6.6)");
  if (root.segments == 0 || root.rows < root.segments)
    return corrupt("a segment at least, and a row in each",
                   std::to_string(root.segments) + " segments and " + std::to_string(root.rows) +
                       " rows (S6.6)");
  if (root.records > root.rows) return corrupt("at most as many records as rows", "more (S6.6)");
  return {};
}

Result<Root> parse_root(CborReader& in) {
  Root root;
  DREAMDB_TRY(in.array(10));
  DREAMDB_ASSIGN(const uint64_t field, in.uint());
  DREAMDB_ASSIGN(root.page, parse_address(in));
  DREAMDB_ASSIGN(root.page_size, in.uint());
  DREAMDB_ASSIGN(const uint64_t height, in.uint());
  DREAMDB_ASSIGN(root.first, in.uint());
  DREAMDB_ASSIGN(root.last, in.uint());
  DREAMDB_ASSIGN(root.rows, in.uint());
  DREAMDB_ASSIGN(root.records, in.uint());
  DREAMDB_ASSIGN(root.segments, in.uint());
  DREAMDB_ASSIGN(root.bytes, in.uint());
  DREAMDB_TRY(in.end());
  if (field > UINT32_MAX) return corrupt("a field id below 2^32", std::to_string(field));
  if (height > kTreeHeightMax) return corrupt("a height of at most 12", std::to_string(height));
  root.field = FieldId{static_cast<uint32_t>(field)};
  root.height = static_cast<uint32_t>(height);
  DREAMDB_TRY(check_root(root));
  return root;
}

Status parse_roots(CborReader& in, std::vector<Root>& out) {
  DREAMDB_ASSIGN(const uint64_t count, in.array());
  for (uint64_t i = 0; i < count; ++i) {
    DREAMDB_ASSIGN(const Root root, parse_root(in));
    if (!out.empty() && out.back().field >= root.field)
      return corrupt("roots ascending by field id",
                     std::to_string(static_cast<uint32_t>(root.field)) + " behind " +
                         std::to_string(static_cast<uint32_t>(out.back().field)) + " (S5.5)");
    out.push_back(root);
  }
  return in.end();
}

Status parse_optional_root(CborReader& in, std::optional<Root>& out) {
  DREAMDB_ASSIGN(const CborType type, in.peek());
  if (type == CborType::kNull) return in.null();
  DREAMDB_ASSIGN(out, parse_root(in));
  return {};
}

Status parse_tombstones(CborReader& in, std::vector<Root>& out) {
  DREAMDB_ASSIGN(const CborType type, in.peek());
  if (type == CborType::kNull) return in.null();
  DREAMDB_TRY(parse_roots(in, out));
  if (out.empty()) return corrupt("a root at least", "none (S5.6)");
  return {};
}

// Of a tree that belongs to no field.
Status check_no_field(const std::optional<Root>& root) {
  if (root && root->field != kRecordTrack) return corrupt("field id 0", "another (S5.5)");
  return {};
}

Status parse_ledger(CborReader& in, std::optional<Root>& out) {
  DREAMDB_TRY(parse_optional_root(in, out));
  return check_no_field(out);
}

Status parse_replaced(CborReader& in, std::optional<Root>& out) {
  DREAMDB_ASSIGN(out, parse_root(in));
  return check_no_field(out);
}

Status parse_spatial(CborReader& in, FieldIndex& index) {
  DREAMDB_TRY(in.array(3));
  DREAMDB_ASSIGN(index.spatial, parse_address(in));
  DREAMDB_ASSIGN(index.size, in.uint());
  DREAMDB_ASSIGN(index.footer, in.uint());
  if (!is_segment_size(index.size, index.footer))
    return corrupt(
        "a segment of at most 4 GiB that holds a footer of at most 16 MiB",
        std::to_string(index.size) + " bytes and a footer of " + std::to_string(index.footer));
  return in.end();
}

Status parse_index(CborReader& in, FieldIndex& index) {
  MapReader map(in);
  uint32_t field = 0;
  map.value("codes", [&](CborReader& r) { return parse_optional_root(r, index.codes); });
  map.uint("field", field);
  map.value("covered", [&](CborReader& r) { return parse_optional_root(r, index.covered); });
  map.value("spatial", [&](CborReader& r) { return parse_spatial(r, index); });
  DREAMDB_TRY(map.end());
  index.field = FieldId{field};
  for (const auto* root : {&index.codes, &index.covered})
    if (*root && (*root)->field != index.field)
      return corrupt("roots of field " + std::to_string(field), "one of another (12.8)");
  return {};
}

Status parse_indexes(CborReader& in, std::vector<FieldIndex>& out) {
  DREAMDB_ASSIGN(const uint64_t count, in.array());
  if (count == 0) return corrupt("an index at least", "none (12.8)");
  for (uint64_t i = 0; i < count; ++i) {
    FieldIndex index;
    DREAMDB_TRY(parse_index(in, index));
    if (!out.empty() && out.back().field >= index.field)
      return corrupt("indexes ascending by field", "another order (12.8)");
    out.push_back(std::move(index));
  }
  return in.end();
}

void write_root(const Root& root, CborWriter& out) {
  out.array(10);
  out.uint(static_cast<uint32_t>(root.field));
  out.bytes(root.page.bytes());
  out.uint(root.page_size);
  out.uint(root.height);
  for (const uint64_t value :
       {root.first, root.last, root.rows, root.records, root.segments, root.bytes})
    out.uint(value);
}

void write_roots(const std::vector<Root>& roots, CborWriter& out) {
  out.array(roots.size());
  for (const Root& root : roots) write_root(root, out);
}

void write_optional_root(const std::optional<Root>& root, CborWriter& out) {
  if (root) {
    write_root(*root, out);
  } else {
    out.null();
  }
}

void write_indexes(const std::vector<FieldIndex>& indexes, CborWriter& out) {
  out.array(indexes.size());
  for (const FieldIndex& index : indexes) {
    CborMap map;
    map["field"].uint(static_cast<uint32_t>(index.field));
    CborWriter& spatial = map["spatial"];
    spatial.array(3);
    spatial.bytes(index.spatial.bytes());
    spatial.uint(index.size);
    spatial.uint(index.footer);
    write_optional_root(index.codes, map["codes"]);
    write_optional_root(index.covered, map["covered"]);
    map.write(out);
  }
}

// How parents, depth, generation and jump list hang together (S5.4, S5.5).
Status check_ancestry(const Manifest& manifest) {
  const bool is_first = manifest.parents.empty();
  if (is_first != (manifest.depth == 0) || is_first != (manifest.generation == 0) ||
      manifest.depth > manifest.generation)
    return corrupt("depth and generation 0 without parents, and else a depth from 1 to generation",
                   std::to_string(manifest.parents.size()) + " parents, depth " +
                       std::to_string(manifest.depth) + ", generation " +
                       std::to_string(manifest.generation) + " (S5.5)");
  const std::vector<uint64_t> depths = ancestor_depths(manifest.depth);
  const auto depth_of = [](const Ancestor& a) { return a.depth; };
  if (!std::ranges::equal(manifest.ancestors, depths, {}, depth_of))
    return corrupt("the " + std::to_string(depths.size()) + " ancestors of depth " +
                       std::to_string(manifest.depth),
                   std::to_string(manifest.ancestors.size()) + " of others (S5.4)");
  if (!is_first && manifest.ancestors.front().manifest != manifest.parents.front())
    return corrupt("the first parent as newest ancestor", "another (S5.4)");
  return {};
}

// Tracks are of fields that have one (S5.5).
Status check_tracks(const Manifest& manifest) {
  for (const Root& root : manifest.tracks) {
    if (root.field == kRecordTrack) continue;
    const Field* field = manifest.schema.find(root.field);
    if (field == nullptr || is_scalar(field->type))
      return corrupt(
          "tracks of fields that have one",
          "one of field " + std::to_string(static_cast<uint32_t>(root.field)) + " (S5.5)");
  }
  return {};
}

// The least that a reader must know to see all of it (S5.6).
uint64_t version_of(const Manifest& manifest) {
  if (!manifest.tombstones.empty() || manifest.replaced) return 3;
  return manifest.indexes.empty() ? 1 : 2;
}

Status check_version(const Manifest& manifest, uint64_t version) {
  const uint64_t wanted = version_of(manifest);
  if (version != wanted)
    return corrupt("version " + std::to_string(wanted) + ", by the keys that are there",
                   "version " + std::to_string(version) + " (S5.6)");
  return {};
}

// Deleted are records and values of fields, and no more records than there are (S5.3, S5.5).
Status check_tombstones(const Manifest& manifest) {
  for (const Root& root : manifest.tombstones)
    if (root.field != kRecordTrack && manifest.schema.find(root.field) == nullptr)
      return corrupt(
          "tombstones of fields of the schema",
          "some of field " + std::to_string(static_cast<uint32_t>(root.field)) + " (S5.5)");
  const Root* deleted = manifest.find_tombstones(kRecordTrack);
  const Root* records = manifest.find_track(kRecordTrack);
  const uint64_t standing = records == nullptr ? 0 : records->records;
  if (deleted != nullptr && deleted->records > standing)
    return corrupt(
        "at most " + std::to_string(standing) + " deleted records that stand in the record track",
        std::to_string(deleted->records) + " (S5.3)");
  return {};
}

// Indexes are of embeddings (12.8).
Status check_indexes(const Manifest& manifest) {
  for (const FieldIndex& index : manifest.indexes) {
    const Field* field = manifest.schema.find(index.field);
    if (field == nullptr || field->type != FieldType::kEmbedding)
      return corrupt(
          "indexes of embeddings",
          "one of field " + std::to_string(static_cast<uint32_t>(index.field)) + " (12.8)");
  }
  return {};
}

const Root* find_root(const std::vector<Root>& roots, FieldId field) {
  for (const Root& root : roots)
    if (root.field == field) return &root;
  return nullptr;
}

void set_root(std::vector<Root>& roots, const Root& root) {
  const auto at = std::ranges::lower_bound(roots, root.field, {}, &Root::field);
  if (at != roots.end() && at->field == root.field) {
    *at = root;
  } else {
    roots.insert(at, root);
  }
}

Status over_limit(std::string_view what, size_t found, size_t max) {
  return fail(Code::kInvalidArgument, std::string(what) + ": expected at most " +
                                          std::to_string(max) + ", found " + std::to_string(found));
}

// What users can make too long, or break otherwise.
Status check_user_parts(const Manifest& manifest) {
  size_t bytes = 0;
  for (const auto& [key, value] : manifest.meta) {
    bytes += key.size() + value.size();
    if (!is_utf8(key) || !is_utf8(value))
      return fail(Code::kInvalidArgument, "meta: expected keys and values of UTF-8");
  }
  if (manifest.meta.size() > kMetaKeysMax)
    return over_limit("keys of meta", manifest.meta.size(), kMetaKeysMax);
  if (bytes > kMetaBytesMax) return over_limit("bytes of meta", bytes, kMetaBytesMax);
  if (manifest.operation.size() > kOperationBytesMax)
    return over_limit("bytes of operation", manifest.operation.size(), kOperationBytesMax);
  if (manifest.writer.size() > kWriterBytesMax)
    return over_limit("bytes of writer", manifest.writer.size(), kWriterBytesMax);
  if (!is_utf8(manifest.operation) || !is_utf8(manifest.writer))
    return fail(Code::kInvalidArgument, "operation and writer: expected UTF-8");
  return {};
}

}  // namespace

const Root* Manifest::find_track(FieldId field) const { return find_root(tracks, field); }

void Manifest::set_track(const Root& root) { set_root(tracks, root); }

const Root* Manifest::find_tombstones(FieldId field) const { return find_root(tombstones, field); }

void Manifest::set_tombstones(const Root& root) { set_root(tombstones, root); }

std::vector<TreeOfVersion> Manifest::trees() const {
  std::vector<TreeOfVersion> out;
  const auto add = [&out](TreeKind kind, const std::optional<Root>& root) {
    if (root) out.push_back({kind, &*root});
  };
  for (const Root& root : tracks) out.push_back({TreeKind::kTrack, &root});
  for (const FieldIndex& index : indexes) {
    add(TreeKind::kCodes, index.codes);
    add(TreeKind::kCovered, index.covered);
  }
  add(TreeKind::kLedger, ledger);
  for (const Root& root : tombstones) out.push_back({TreeKind::kTombstones, &root});
  add(TreeKind::kReplaced, replaced);
  return out;
}

const FieldIndex* Manifest::find_index(FieldId field) const {
  for (const FieldIndex& index : indexes)
    if (index.field == field) return &index;
  return nullptr;
}

uint64_t Manifest::record_count() const {
  const Root* root = find_track(kRecordTrack);
  const Root* deleted = find_tombstones(kRecordTrack);
  return root == nullptr ? 0 : root->records - (deleted == nullptr ? 0 : deleted->records);
}

Result<Manifest> parse_manifest(std::span<const std::byte> bytes, std::string_view name) {
  Manifest m;
  Envelope in(bytes, name, "manifest", kStructureBytesMax, m.nonce, kManifestVersionMax);
  in.value("meta", [&](CborReader& r) -> Status {
    DREAMDB_ASSIGN(m.meta, parse_text_map(r, kMetaKeysMax, kMetaBytesMax));
    return {};
  });
  in.uint("depth", m.depth);
  in.fixed("write", m.write);
  in.value("ledger", [&](CborReader& r) { return parse_ledger(r, m.ledger); });
  in.value("schema", [&](CborReader& r) -> Status {
    DREAMDB_ASSIGN(m.schema, parse_schema(r));
    return {};
  });
  in.value("tracks", [&](CborReader& r) { return parse_roots(r, m.tracks); });
  in.text("writer", m.writer, kWriterBytesMax);
  in.optional("indexes", [&](CborReader& r) { return parse_indexes(r, m.indexes); });
  in.value("parents", [&](CborReader& r) { return parse_parents(r, m.parents); });
  in.uint("time_ns", m.time_ns);
  in.optional("replaced", [&](CborReader& r) { return parse_replaced(r, m.replaced); });
  in.address("timeline", m.timeline);
  in.value("ancestors", [&](CborReader& r) { return parse_ancestors(r, m.ancestors); });
  in.text("operation", m.operation, kOperationBytesMax);
  in.uint("generation", m.generation);
  in.value("tombstones", [&](CborReader& r) { return parse_tombstones(r, m.tombstones); });
  in.check([&] { return check_version(m, in.version()); });
  in.check([&] { return check_ancestry(m); });
  in.check([&] { return check_tracks(m); });
  in.check([&] { return check_tombstones(m); });
  in.check([&] { return check_indexes(m); });
  DREAMDB_TRY(in.finish());
  return m;
}

Result<Buffer> write_manifest(const Manifest& m) {
  DREAMDB_TRY(check_user_parts(m));
  CborMap map = new_envelope("manifest", m.nonce, version_of(m));
  map["timeline"].bytes(m.timeline.bytes());
  map["generation"].uint(m.generation);
  map["depth"].uint(m.depth);
  CborWriter& parents = map["parents"];
  parents.array(m.parents.size());
  for (const Address& parent : m.parents) parents.bytes(parent.bytes());
  CborWriter& ancestors = map["ancestors"];
  ancestors.array(m.ancestors.size());
  for (const Ancestor& ancestor : m.ancestors) {
    ancestors.array(2);
    ancestors.uint(ancestor.depth);
    ancestors.bytes(ancestor.manifest.bytes());
  }
  write_schema(m.schema, map["schema"]);
  write_roots(m.tracks, map["tracks"]);
  if (!m.indexes.empty()) write_indexes(m.indexes, map["indexes"]);
  write_optional_root(m.ledger, map["ledger"]);
  if (m.tombstones.empty()) {
    map["tombstones"].null();
  } else {
    write_roots(m.tombstones, map["tombstones"]);
  }
  if (m.replaced) write_root(*m.replaced, map["replaced"]);
  map["operation"].text(m.operation);
  map["writer"].text(m.writer);
  map["write"].bytes(m.write);
  map["time_ns"].uint(m.time_ns);
  write_text_map(m.meta, map["meta"]);
  Buffer bytes = Buffer::adopt(map.encode());
  if (bytes.size() > kStructureBytesMax)
    return std::unexpected(
        over_limit("bytes of a manifest", bytes.size(), kStructureBytesMax).error());
  return bytes;
}

std::vector<Ancestor> ancestors_of_child(const Manifest& parent, const Address& address) {
  // W(parent): parent.ancestors is W(grandparent), whose weights follow from its depths.
  const std::vector<Ancestor>& above = parent.ancestors;
  const auto weight = [&](size_t i) {
    return i + 1 < above.size() ? above[i].depth - above[i + 1].depth : above[i].depth + 1;
  };
  std::vector<Ancestor> list{{parent.depth, address}};
  // Two elements of equal weight become one with the new version.
  const size_t skipped = above.size() >= 2 && weight(0) == weight(1) ? 2 : 0;
  list.insert(list.end(), above.begin() + static_cast<ptrdiff_t>(skipped), above.end());
  return list;
}

const Ancestor& ancestor_towards(const Manifest& from, uint64_t depth) {
  DREAMDB_ASSERT(!from.ancestors.empty() && depth < from.depth);
  // Depths descend: the last one that is not below `depth`.
  size_t i = 0;
  while (i + 1 < from.ancestors.size() && from.ancestors[i + 1].depth >= depth) ++i;
  return from.ancestors[i];
}

}  // namespace dreamdb
