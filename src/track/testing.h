// Columns of any type made of small numbers, read back as text; and versions made of segments, for
// tests.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "object/objects.h"
#include "store/memory_store.h"
#include "track/columns.h"

namespace dreamdb::testing {

using Texts = std::vector<std::optional<int>>;            // a small number a row
using Strings = std::vector<std::optional<std::string>>;  // the bytes of a value a row

inline const std::vector<FieldType>& column_types() {
  static const std::vector<FieldType> types = {
      FieldType::kBlob, FieldType::kEmbedding, FieldType::kArray,       FieldType::kBool,
      FieldType::kInt,  FieldType::kFloat,     FieldType::kTimestamp,   FieldType::kString,
      FieldType::kText, FieldType::kImage,     FieldType::kCategorical,
  };
  return types;
}

inline Field field_of(FieldType type, FieldId id) {
  Field out;
  out.id = id;
  out.name = "f" + std::to_string(static_cast<uint32_t>(id));
  out.type = type;
  out.required = false;
  if (type == FieldType::kImage) out.mime = "jpeg";
  if (type == FieldType::kEmbedding) {
    out.shape = {3};
    out.algorithm = "dreamdb.ivf-cosine";
  }
  if (type == FieldType::kArray) {
    out.dtype = Dtype::kU8;
    out.shape = {5};
  }
  return out;
}

inline size_t width_of(const Field& field) {
  return is_matrix(field.type) ? field.row_bytes() : field.type == FieldType::kBool ? 1 : 8;
}

// The bytes that stand for `number` in a column of the field.
inline std::string value_text(const Field& field, int number) {
  if (is_blob(field.type) || is_string(field.type))
    return std::string(static_cast<size_t>(number % 5), static_cast<char>('a' + number % 26));
  if (field.type == FieldType::kBool) return std::string(1, static_cast<char>(number % 2));
  std::string out(width_of(field), '\0');
  out[0] = static_cast<char>(number);
  out[1] = static_cast<char>(number >> 8);
  return out;
}

inline Strings texts_of(const Field& field, const Texts& values) {
  Strings out;
  for (const auto& value : values)
    out.push_back(value ? std::optional(value_text(field, *value)) : std::nullopt);
  return out;
}

inline Column column_of(const Field& field, const Texts& values) {
  Column out = empty_column(field, 0);
  Bitmap valid(values.size());
  std::string bytes;
  std::vector<uint32_t> offsets = {0};
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i]) valid.set(i);
    std::string text = values[i] ? value_text(field, *values[i]) : "";
    if (is_blob(field.type)) {
      out.blobs.push_back(Buffer::copy_of(text));
      continue;
    }
    if (!is_string(field.type)) text.resize(width_of(field));
    bytes += text;
    offsets.push_back(static_cast<uint32_t>(bytes.size()));
  }
  out.valid = std::move(valid).finish();
  if (is_blob(field.type)) return out;
  out.values = Buffer::copy_of(bytes);
  if (is_string(field.type)) out.offsets = Buffer::copy_of(std::as_bytes(std::span(offsets)));
  return out;
}

inline Strings texts_of(const Column& column, size_t rows) {
  Strings out;
  for (size_t i = 0; i < rows; ++i) {
    if (!column.is_valid(i)) {
      out.emplace_back();
    } else if (is_blob(column.type)) {
      out.emplace_back(column.blobs.at(i).view());
    } else if (is_string(column.type)) {
      out.emplace_back(column.text(i));
    } else {
      const size_t width = value_bytes(column);
      out.emplace_back(column.values.slice(i * width, width).view());
    }
  }
  return out;
}

inline Strings cut(const Strings& values, size_t begin, size_t count) {
  const auto first = values.begin() + static_cast<ptrdiff_t>(begin);
  return {first, first + static_cast<ptrdiff_t>(count)};
}

// Segments and pages on a memory store, and the version that they make.
struct TestVersion {
  std::shared_ptr<MemoryStore> store = std::make_shared<MemoryStore>("tracks");
  std::shared_ptr<Objects> objects = std::make_shared<Objects>(store, 64ull << 20);
  std::shared_ptr<Manifest> manifest = std::make_shared<Manifest>();
  uint64_t seq = 0;
  Nonce nonce{};

  // Puts a segment into its track. records: it introduces its anchors (record track).
  Status add(FieldId track, const Result<BuiltSegment>& built, bool records) {
    if (!built) return std::unexpected(built.error());
    DREAMDB_ASSIGN(const Root root,
                   grow(manifest->find_track(track), track, *built,
                        track == kRecordTrack && !records ? 0 : built->entry.rows));
    manifest->set_track(root);
    return {};
  }

  // Deletes records (field 0), or values of a field. standing: they are in the tracks.
  Status erase(FieldId field, std::span<const uint64_t> anchors, bool standing = true) {
    DREAMDB_ASSIGN(const BuiltSegment built, build_scalar_segment(nonce, anchors, {}));
    DREAMDB_ASSIGN(const Root root, grow(manifest->find_tombstones(field), field, built,
                                         standing ? built.entry.rows : 0));
    manifest->set_tombstones(root);
    return {};
  }

  // The tree with the segment, which is put with the new pages.
  Result<Root> grow(const Root* root, FieldId field, const BuiltSegment& built, uint64_t records) {
    Entry entry = built.entry;
    entry.seq = seq;
    entry.records = records;
    std::vector<PutRequest> puts = {{segment_key(entry.child), built.object}};
    PageMap pages;
    DREAMDB_ASSIGN(Inserted inserted, with_pages(*objects, pages, [&](const PageMap& have) {
                     return insert_entries(root == nullptr ? std::nullopt : std::optional(*root),
                                           field, {entry}, nonce, have);
                   }));
    for (const NewPage& page : inserted.pages) puts.push_back({page_key(page.address), page.body});
    DREAMDB_TRY(objects->put(puts));
    return *inserted.root;
  }

  // The nonce makes equal segments of two commits two objects.
  void next_commit() {
    ++seq;
    nonce[0] = static_cast<std::byte>(seq);
    nonce[1] = static_cast<std::byte>(seq >> 8);
  }
};

}  // namespace dreamdb::testing
