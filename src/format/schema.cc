#include "dreamdb/schema.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <span>

#include "base/assert.h"
#include "codec/address.h"
#include "codec/utf8.h"
#include "format/limits.h"

namespace dreamdb {

namespace {

constexpr size_t kSchemaFieldsMax = 1024;
constexpr size_t kNameBytesMax = 255;
constexpr size_t kArrayDimensionsMax = 32;
constexpr uint64_t kRowBytesMax = 1 << 30;
constexpr size_t kAlgorithmBytesMax = 64;
constexpr size_t kMimeBytesMax = 64;

struct TypeName {
  FieldType type;
  std::string_view name;
};

constexpr std::array<TypeName, 13> kTypes{{{FieldType::kImage, "image"},
                                           {FieldType::kAudio, "audio"},
                                           {FieldType::kVideo, "video"},
                                           {FieldType::kText, "text"},
                                           {FieldType::kBlob, "blob"},
                                           {FieldType::kEmbedding, "embedding"},
                                           {FieldType::kArray, "array"},
                                           {FieldType::kBool, "bool"},
                                           {FieldType::kInt, "int"},
                                           {FieldType::kFloat, "float"},
                                           {FieldType::kString, "string"},
                                           {FieldType::kCategorical, "categorical"},
                                           {FieldType::kTimestamp, "timestamp"}}};

struct DtypeName {
  Dtype dtype;
  std::string_view name;        // ours
  std::string_view numpy;       // numpy.dtype.name
  std::string_view array_code;  // the type and size of numpy.dtype.str, without byte order
  size_t size_bytes;
};

constexpr std::array<DtypeName, 13> kDtypes{{{Dtype::kBool, "bool", "bool_", "b1", 1},
                                             {Dtype::kI8, "i8", "int8", "i1", 1},
                                             {Dtype::kI16, "i16", "int16", "i2", 2},
                                             {Dtype::kI32, "i32", "int32", "i4", 4},
                                             {Dtype::kI64, "i64", "int64", "i8", 8},
                                             {Dtype::kU8, "u8", "uint8", "u1", 1},
                                             {Dtype::kU16, "u16", "uint16", "u2", 2},
                                             {Dtype::kU32, "u32", "uint32", "u4", 4},
                                             {Dtype::kU64, "u64", "uint64", "u8", 8},
                                             {Dtype::kF16, "f16", "float16", "f2", 2},
                                             {Dtype::kBf16, "bf16", "bfloat16", "", 2},
                                             {Dtype::kF32, "f32", "float32", "f4", 4},
                                             {Dtype::kF64, "f64", "float64", "f8", 8}}};

bool has_mime(FieldType type) {
  return type == FieldType::kImage || type == FieldType::kAudio || type == FieldType::kVideo;
}

// A name for messages, whatever bytes it has.
std::string quoted(std::string_view text) {
  std::string out = "`";
  for (const char c : text.substr(0, 64)) out += c >= 0x20 && c < 0x7f ? c : '?';
  return out + (text.size() > 64 ? "...`" : "`");
}

std::unexpected<Error> refuse(const Field& field, std::string message) {
  return fail(Code::kInvalidArgument, "field " + quoted(field.name) + ": " + std::move(message));
}

// Bytes of a row where a dimension of 0 counts as 1; nothing above 1 GiB. So no product of some of
// the dimensions overflows either.
std::optional<uint64_t> bounded_row_bytes(const Field& field) {
  uint64_t bytes = dtype_size_bytes(field.dtype);
  for (const uint64_t size : field.shape)
    if (size > 1 && (__builtin_mul_overflow(bytes, size, &bytes) || bytes > kRowBytesMax))
      return std::nullopt;
  return bytes;
}

Status check_matrix(const Field& field) {
  if (field.type == FieldType::kEmbedding) {
    if (field.shape.size() != 1 || field.shape[0] < 1 || field.shape[0] > kEmbeddingDimMax)
      return refuse(field, "expected an embedding of one dimension from 1 to 65,536");
    if (field.dtype != Dtype::kF32 && field.dtype != Dtype::kF16)
      return refuse(field, "expected an embedding of f32 or f16, found " +
                               std::string(dtype_name(field.dtype)));
    return {};
  }
  if (field.shape.size() > kArrayDimensionsMax)
    return refuse(field,
                  "expected at most 32 dimensions, found " + std::to_string(field.shape.size()));
  if (!bounded_row_bytes(field))
    return refuse(field, "expected a row of at most 1 GiB, found more");
  return {};
}

// What the format itself demands of a field (spec 1.3, 5.1).
Status check_field(const Field& field) {
  if (field.name.empty() || field.name.size() > kNameBytesMax)
    return refuse(field,
                  "expected a name of 1 to 255 bytes, found " + std::to_string(field.name.size()));
  if (!is_utf8(field.name) || has_control_character(field.name))
    return refuse(field, "expected a name of UTF-8 without control characters");
  for (const auto& [key, value] : field.info)
    if (!is_utf8(key) || !is_utf8(value)) return refuse(field, "expected `info` of UTF-8");
  if (!is_utf8(field.mime) || !is_utf8(field.algorithm))
    return refuse(field, "expected `mime` and `algorithm` of UTF-8");
  if (!has_mime(field.type) && !field.mime.empty())
    return refuse(field, "a field of type " + std::string(type_name(field.type)) +
                             " has no `mime`; leave it out");
  if (field.type != FieldType::kEmbedding && !field.algorithm.empty())
    return refuse(field, "a field of type " + std::string(type_name(field.type)) +
                             " has no `algorithm`; leave it out");
  if (is_matrix(field.type)) return check_matrix(field);
  if (!field.shape.empty())
    return refuse(field, "a field of type " + std::string(type_name(field.type)) +
                             " has no `shape`; leave it out");
  return {};
}

// What is asked of new fields besides.
Status check_new_field(const Field& field) {
  // Names that results have for themselves.
  for (const std::string_view reserved : {"_anchor", "_time_anchors", "_score"})
    if (field.name == reserved) return refuse(field, "the name is reserved; choose another");
  const auto is_mime = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '+' ||
           c == '-';
  };
  if (has_mime(field.type) && (field.mime.empty() || field.mime.size() > kMimeBytesMax ||
                               !std::ranges::all_of(field.mime, is_mime)))
    return refuse(field,
                  "expected a `mime` of 1 to 64 characters of [a-z0-9_.+-], for example "
                  "`jpeg`, found " +
                      quoted(field.mime));
  if (field.type == FieldType::kEmbedding &&
      (field.algorithm.empty() || field.algorithm.size() > kAlgorithmBytesMax))
    return refuse(field, "expected an `algorithm` of 1 to 64 bytes, found " +
                             std::to_string(field.algorithm.size()));
  return {};
}

}  // namespace

std::string_view type_name(FieldType type) {
  for (const TypeName& t : kTypes)
    if (t.type == type) return t.name;
  return "unknown";
}

Result<FieldType> parse_type(std::string_view name) {
  std::string all;
  for (const TypeName& t : kTypes) {
    if (t.name == name) return t.type;
    all += all.empty() ? "" : ", ";
    all += t.name;
  }
  return fail(Code::kInvalidArgument, "unknown type " + quoted(name) + "; there are " + all);
}

std::string_view dtype_name(Dtype dtype) {
  for (const DtypeName& d : kDtypes)
    if (d.dtype == dtype) return d.name;
  return "unknown";
}

Result<Dtype> parse_dtype(std::string_view name) {
  for (const DtypeName& d : kDtypes)
    if (d.name == name || d.numpy == name) return d.dtype;
  // NumPy's codes need a byte order: without it `i8` would be our i8 and NumPy's int64.
  if (!name.empty() && (name[0] == '<' || name[0] == '=' || name[0] == '|'))
    for (const DtypeName& d : kDtypes)
      if (!d.array_code.empty() && d.array_code == name.substr(1)) return d.dtype;
  std::string all;
  for (const DtypeName& d : kDtypes) (all += all.empty() ? "" : ", ") += d.name;
  return fail(Code::kInvalidArgument, "unknown dtype " + quoted(name) + "; there are " + all +
                                          ", and NumPy's names of the same (little-endian)");
}

size_t dtype_size_bytes(Dtype dtype) {
  for (const DtypeName& d : kDtypes)
    if (d.dtype == dtype) return d.size_bytes;
  return 0;
}

bool is_blob(FieldType type) { return type <= FieldType::kBlob; }
bool is_matrix(FieldType type) {
  return type == FieldType::kEmbedding || type == FieldType::kArray;
}
bool is_scalar(FieldType type) { return type >= FieldType::kBool; }

bool is_string(FieldType type) {
  return type == FieldType::kString || type == FieldType::kCategorical;
}

uint64_t Field::row_bytes() const {
  uint64_t bytes = dtype_size_bytes(dtype);
  for (const uint64_t size : shape) bytes *= size;
  return bytes;
}

Status Schema::add(Field field) {
  if (fields_.size() >= kSchemaFieldsMax) return refuse(field, "a schema has at most 1,024 fields");
  if (next_id_ == UINT32_MAX) return refuse(field, "all field ids of this dataset are used up");
  if (!is_matrix(field.type)) field.dtype = Dtype::kF32;  // means nothing there
  DREAMDB_TRY(check_field(field));
  DREAMDB_TRY(check_new_field(field));
  if (find(field.name) != nullptr)
    return refuse(field, "the schema has a field of this name already; choose another");
  field.id = FieldId{next_id_++};
  fields_.push_back(std::move(field));
  return {};
}

Status Schema::add_apart(Field field) {
  const uint32_t next = next_id_;
  const Hash hash = blake3(std::as_bytes(std::span(field.name)));
  const uint32_t stride = static_cast<uint32_t>(hash[0]) << 8 | static_cast<uint32_t>(hash[1]);
  next_id_ += std::min(stride, UINT32_MAX - next_id_);
  Status added = add(std::move(field));
  if (!added) next_id_ = next;
  return added;
}

const Field* Schema::find(std::string_view name) const {
  for (const Field& field : fields_)
    if (field.name == name) return &field;
  return nullptr;
}

const Field* Schema::find(FieldId id) const {
  for (const Field& field : fields_)
    if (field.id == id) return &field;
  return nullptr;
}

Result<const Field*> Schema::get(std::string_view name) const {
  if (const Field* field = find(name)) return field;
  std::string all;
  for (const Field& field : fields_) (all += all.empty() ? "" : ", ") += field.name;
  return fail(Code::kInvalidArgument, "field " + quoted(name) + " not in schema; " +
                                          (all.empty() ? "it has no fields" : "there are " + all));
}

Result<Schema> Schema::restore(std::vector<Field> fields, uint32_t next_id) {
  if (fields.size() > kSchemaFieldsMax)
    return fail(Code::kInvalidArgument,
                "schema: expected at most 1,024 fields, found " + std::to_string(fields.size()));
  if (next_id == 0)
    return fail(Code::kInvalidArgument, "schema: expected a next id from 1 on, found 0");
  std::set<std::string_view> names;
  std::set<FieldId> ids;
  for (const Field& field : fields) {
    DREAMDB_TRY(check_field(field));
    const auto id = static_cast<uint32_t>(field.id);
    if (id == 0 || id >= next_id)
      return refuse(field, "expected an id from 1 to below " + std::to_string(next_id) +
                               ", found " + std::to_string(id));
    if (!ids.insert(field.id).second)
      return refuse(field, "id " + std::to_string(id) + " stands for another field too");
    if (!names.insert(field.name).second) return refuse(field, "the name stands twice");
  }
  Schema schema;
  schema.fields_ = std::move(fields);
  schema.next_id_ = next_id;
  return schema;
}

}  // namespace dreamdb
