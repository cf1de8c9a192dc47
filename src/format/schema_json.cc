// A schema as JSON, for people and for the command line.
#include <nlohmann/json.hpp>

#include "codec/utf8.h"
#include "dreamdb/schema.h"

namespace dreamdb {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr size_t kJsonBytesMax = 4 << 20;  // 1,024 fields with long `info` are below 1 MiB

std::unexpected<Error> bad(std::string message) {
  return fail(Code::kInvalidArgument, "schema: " + std::move(message));
}

ordered_json field_to_json(const Field& field) {
  ordered_json out = {{"id", static_cast<uint32_t>(field.id)},
                      {"name", field.name},
                      {"type", type_name(field.type)},
                      {"required", field.required}};
  if (!field.mime.empty()) out["mime"] = field.mime;
  if (is_matrix(field.type)) out["dtype"] = dtype_name(field.dtype);
  if (field.type == FieldType::kEmbedding && !field.shape.empty()) out["dim"] = field.shape[0];
  if (field.type == FieldType::kArray) out["shape"] = field.shape;
  if (!field.algorithm.empty()) out["algorithm"] = field.algorithm;
  if (!field.info.empty()) out["info"] = field.info;
  return out;
}

// Reads the keys of one object; what is left in the end is unknown.
class ObjectReader {
 public:
  ObjectReader(const json& object, std::string where) : object_(object), where_(std::move(where)) {}

  Status text(const char* key, std::string& out, bool is_needed = false) {
    return read(key, is_needed, "a text", [&](const json& v) {
      if (!v.is_string()) return false;
      out = v.get_ref<const std::string&>();
      return true;
    });
  }
  Status boolean(const char* key, bool& out) {
    return read(key, false, "true or false", [&](const json& v) {
      if (!v.is_boolean()) return false;
      out = v.get<bool>();
      return true;
    });
  }
  Status number(const char* key, std::optional<uint64_t>& out) {
    return read(key, false, "a whole number from 0 on", [&](const json& v) {
      if (!v.is_number_unsigned()) return false;
      out = v.get<uint64_t>();
      return true;
    });
  }
  template <typename F>
  Status read(const char* key, bool is_needed, const char* expected, F take) {
    const auto found = object_.find(key);
    if (found == object_.end()) {
      if (is_needed) return bad(where_ + " lacks `" + key + "`, " + expected);
      return {};
    }
    ++known_;
    if (!take(*found))
      return bad(where_ + ": expected " + expected + " as `" + key + "`, found " +
                 found->type_name());
    return {};
  }
  Status end(const char* keys) {
    if (known_ == object_.size()) return {};
    return bad(where_ + " has a key that is not known; there are " + keys);
  }

 private:
  const json& object_;
  std::string where_;
  size_t known_ = 0;
};

bool read_shape(const json& value, std::vector<uint64_t>& out) {
  if (!value.is_array()) return false;
  for (const json& size : value) {
    if (!size.is_number_unsigned()) return false;
    out.push_back(size.get<uint64_t>());
  }
  return true;
}

bool read_info(const json& value, std::map<std::string, std::string>& out) {
  if (!value.is_object()) return false;
  for (const auto& [key, item] : value.items()) {
    if (!item.is_string()) return false;
    out[key] = item.get_ref<const std::string&>();
  }
  return true;
}

// The field, with id 0 when the JSON names none.
Result<Field> field_from_json(const json& value, size_t index) {
  const std::string where = "field " + std::to_string(index);
  if (!value.is_object()) return bad(where + ": expected an object, found " + value.type_name());
  Field field;
  std::string type;
  std::string dtype = "f32";
  std::optional<uint64_t> id;
  std::optional<uint64_t> dim;
  bool has_shape = false;
  ObjectReader in(value, where);
  DREAMDB_TRY(in.number("id", id));
  DREAMDB_TRY(in.text("name", field.name, true));
  DREAMDB_TRY(in.text("type", type, true));
  DREAMDB_TRY(in.boolean("required", field.required));
  DREAMDB_TRY(in.text("mime", field.mime));
  DREAMDB_TRY(in.text("dtype", dtype));
  DREAMDB_TRY(in.number("dim", dim));
  DREAMDB_TRY(in.read("shape", false, "an array of whole numbers", [&](const json& v) {
    has_shape = true;
    return read_shape(v, field.shape);
  }));
  DREAMDB_TRY(in.text("algorithm", field.algorithm));
  DREAMDB_TRY(in.read("info", false, "an object of texts",
                      [&](const json& v) { return read_info(v, field.info); }));
  DREAMDB_TRY(in.end("id, name, type, required, mime, dtype, dim, shape, algorithm, info"));
  DREAMDB_ASSIGN(field.type, parse_type(type));
  DREAMDB_ASSIGN(field.dtype, parse_dtype(dtype));
  if (!is_matrix(field.type) && value.contains("dtype"))
    return bad(where + " of type " + type + " has no `dtype`; leave it out");
  if (dim.has_value() != (field.type == FieldType::kEmbedding))
    return bad(where + ": expected `dim` for an embedding and for nothing else");
  if (has_shape != (field.type == FieldType::kArray))
    return bad(where + ": expected `shape` for an array and for nothing else");
  if (dim) field.shape = {*dim};
  if (id && (*id == 0 || *id >= UINT32_MAX))
    return bad(where + ": expected an id from 1 to 2^32-2, found " + std::to_string(*id));
  field.id = FieldId{static_cast<uint32_t>(id.value_or(0))};
  return field;
}

// Fields without ids get new ones; those that have ids keep them.
Result<Schema> assemble(std::vector<Field> fields, std::optional<uint64_t> next) {
  size_t with_id = 0;
  uint32_t greatest = 0;
  for (const Field& field : fields) {
    with_id += field.id != FieldId{0} ? 1 : 0;
    greatest = std::max(greatest, static_cast<uint32_t>(field.id));
  }
  if (with_id != 0 && with_id != fields.size())
    return bad("expected an `id` for all fields or for none");
  if (next && *next > UINT32_MAX) return bad("expected `next` below 2^32");
  if (with_id != 0 || next)
    return Schema::restore(std::move(fields), static_cast<uint32_t>(next.value_or(greatest + 1)));
  Schema schema;
  for (Field& field : fields) DREAMDB_TRY(schema.add(std::move(field)));
  return schema;
}

}  // namespace

std::string Schema::to_json() const {
  ordered_json fields = ordered_json::array();
  for (const Field& field : fields_) fields.push_back(field_to_json(field));
  const ordered_json out = {{"fields", std::move(fields)}, {"next", next_id_}};
  return out.dump(2);  // the texts are UTF-8: fields are checked when they are added
}

Result<Schema> Schema::from_json(std::string_view text) {
  if (text.size() > kJsonBytesMax)
    return bad("expected at most 4 MiB of JSON, found " + std::to_string(text.size()) + " bytes");
  // The library takes a NUL for the end of the text and would say nothing of what follows.
  if (text.contains('\0')) return bad("a NUL byte, which JSON never holds; write it as UTF-8");
  const json value = json::parse(text, nullptr, false);
  if (value.is_discarded()) return bad("expected JSON, found something else");
  if (!value.is_object()) return bad(std::string("expected an object, found ") + value.type_name());
  std::vector<Field> fields;
  std::optional<uint64_t> next;
  Status status;
  ObjectReader in(value, "the object");
  DREAMDB_TRY(in.number("next", next));
  DREAMDB_TRY(in.read("fields", true, "an array", [&](const json& list) {
    if (!list.is_array()) return false;
    for (size_t i = 0; i < list.size() && status; ++i) {
      auto field = field_from_json(list[i], i);
      if (field)
        fields.push_back(*std::move(field));
      else
        status = std::unexpected(field.error());
    }
    return true;
  }));
  DREAMDB_TRY(std::move(status));
  DREAMDB_TRY(in.end("fields, next"));
  return assemble(std::move(fields), next);
}

}  // namespace dreamdb
