#include "format/schema_cbor.h"

#include "format/envelope.h"

namespace dreamdb {

namespace {

// Which keys a field has besides those of all fields.
struct Keys {
  bool mime = false, dim = false, dtype = false, shape = false, algorithm = false;
  bool operator==(const Keys&) const = default;
};

Keys keys_of(FieldType type) {
  switch (type) {
    case FieldType::kImage:
    case FieldType::kAudio:
    case FieldType::kVideo: return {.mime = true};
    case FieldType::kEmbedding: return {.dim = true, .dtype = true, .algorithm = true};
    case FieldType::kArray: return {.dtype = true, .shape = true};
    default: return {};
  }
}

Status read_text(CborReader& in, std::string& out) {
  DREAMDB_ASSIGN(out, in.text());
  return {};
}

Status read_dtype(CborReader& in, Dtype& out) {
  DREAMDB_ASSIGN(const std::string_view name, in.text());
  DREAMDB_ASSIGN(out, parse_dtype(name));
  if (dtype_name(out) == name) return {};
  return corrupt(dtype_name(out), "another name of this dtype");
}

Status read_shape(CborReader& in, std::vector<uint64_t>& out) {
  DREAMDB_ASSIGN(const uint64_t count, in.array());
  if (count > 32) return corrupt("at most 32 dimensions", std::to_string(count));
  for (uint64_t i = 0; i < count; ++i) {
    DREAMDB_ASSIGN(const uint64_t size, in.uint());
    out.push_back(size);
  }
  return in.end();
}

Status read_info(CborReader& in, std::map<std::string, std::string>& out) {
  DREAMDB_ASSIGN(out, parse_text_map(in, SIZE_MAX, SIZE_MAX));
  if (out.empty()) return corrupt("no `info` when it is empty", "an empty one");
  return {};
}

Result<Field> parse_field(CborReader& in) {
  Field field;
  Keys found;
  uint32_t id = 0;
  MapReader map(in);
  map.uint("id", id);
  found.dim = map.optional("dim", [&](CborReader& r) -> Status {
    DREAMDB_ASSIGN(const uint64_t dim, r.uint());
    field.shape = {dim};
    return {};
  });
  map.optional("info", [&](CborReader& r) { return read_info(r, field.info); });
  found.mime = map.optional("mime", [&](CborReader& r) { return read_text(r, field.mime); });
  map.text("name", field.name);
  map.value("type", [&](CborReader& r) -> Status {
    DREAMDB_ASSIGN(const std::string_view name, r.text());
    DREAMDB_ASSIGN(field.type, parse_type(name));
    return {};
  });
  found.dtype = map.optional("dtype", [&](CborReader& r) { return read_dtype(r, field.dtype); });
  found.shape = map.optional("shape", [&](CborReader& r) {
    field.shape.clear();
    return read_shape(r, field.shape);
  });
  map.boolean("required", field.required);
  found.algorithm =
      map.optional("algorithm", [&](CborReader& r) { return read_text(r, field.algorithm); });
  DREAMDB_TRY(map.end());
  if (found != keys_of(field.type))
    return corrupt("the keys of a field of type " + std::string(type_name(field.type)), "others");
  field.id = FieldId{id};
  return field;
}

void write_field(const Field& field, CborWriter& out) {
  CborMap map;
  map["id"].uint(static_cast<uint32_t>(field.id));
  map["name"].text(field.name);
  map["type"].text(type_name(field.type));
  map["required"].boolean(field.required);
  if (!field.info.empty()) write_text_map(field.info, map["info"]);
  const Keys keys = keys_of(field.type);
  if (keys.mime) map["mime"].text(field.mime);
  if (keys.dim) map["dim"].uint(field.shape[0]);
  if (keys.dtype) map["dtype"].text(dtype_name(field.dtype));
  if (keys.algorithm) map["algorithm"].text(field.algorithm);
  if (keys.shape) {
    CborWriter& shape = map["shape"];
    shape.array(field.shape.size());
    for (const uint64_t size : field.shape) shape.uint(size);
  }
  map.write(out);
}

}  // namespace

Result<Schema> parse_schema(CborReader& in) {
  std::vector<Field> fields;
  uint32_t next = 0;
  MapReader map(in);
  map.uint("next", next);
  map.value("fields", [&](CborReader& r) -> Status {
    DREAMDB_ASSIGN(const uint64_t count, r.array());
    if (count > 1024) return corrupt("at most 1,024 fields", std::to_string(count));
    fields.reserve(count);
    for (uint64_t i = 0; i < count; ++i) {
      DREAMDB_ASSIGN(Field field, parse_field(r));
      fields.push_back(std::move(field));
    }
    return r.end();
  });
  DREAMDB_TRY(map.end());
  return Schema::restore(std::move(fields), next);
}

void write_schema(const Schema& schema, CborWriter& out) {
  CborMap map;
  map["next"].uint(schema.next_id());
  CborWriter& fields = map["fields"];
  fields.array(schema.fields().size());
  for (const Field& field : schema.fields()) write_field(field, fields);
  map.write(out);
}

Result<std::map<std::string, std::string>> parse_text_map(CborReader& in, size_t keys_max,
                                                          size_t bytes_max) {
  std::map<std::string, std::string> map;
  DREAMDB_ASSIGN(const uint64_t count, in.map());
  if (count > keys_max)
    return corrupt("at most " + std::to_string(keys_max) + " keys", std::to_string(count));
  size_t bytes = 0;
  for (uint64_t i = 0; i < count; ++i) {
    DREAMDB_ASSIGN(const std::string_view key, in.key());
    DREAMDB_ASSIGN(const std::string_view value, in.text());
    bytes += key.size() + value.size();
    if (bytes > bytes_max)
      return corrupt("at most " + std::to_string(bytes_max) + " bytes in keys and values", "more");
    map.emplace(key, value);
  }
  DREAMDB_TRY(in.end());
  return map;
}

void write_text_map(const std::map<std::string, std::string>& map, CborWriter& out) {
  CborMap sorted;
  for (const auto& [key, value] : map) sorted[key].text(value);
  sorted.write(out);
}

}  // namespace dreamdb
