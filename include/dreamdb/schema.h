// The named, typed fields of a dataset (spec chapter 5.1).
//
// Thread rule: values; const calls may come from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dreamdb/result.h"

namespace dreamdb {

// Survives a rename; never used again within a dataset. 0 is the record track.
enum class FieldId : uint32_t {};
inline constexpr FieldId kRecordTrack{0};

enum class FieldType : uint8_t {
  kImage,
  kAudio,
  kVideo,
  kText,
  kBlob,  // one payload of bytes a record
  kEmbedding,
  kArray,  // one row of fixed shape a record
  kBool,
  kInt,
  kFloat,
  kString,
  kCategorical,
  kTimestamp,  // one scalar a record
};

// Element type of embeddings and arrays.
enum class Dtype : uint8_t {
  kBool,
  kI8,
  kI16,
  kI32,
  kI64,
  kU8,
  kU16,
  kU32,
  kU64,
  kF16,
  kBf16,
  kF32,
  kF64
};

std::string_view type_name(FieldType type);
Result<FieldType> parse_type(std::string_view name);
std::string_view dtype_name(Dtype dtype);          // "f32", "i64", "bool", ...
Result<Dtype> parse_dtype(std::string_view name);  // also NumPy's "float32", "int64", ...
size_t dtype_size_bytes(Dtype dtype);

bool is_blob(FieldType type);    // image, audio, video, text, blob
bool is_matrix(FieldType type);  // embedding, array
bool is_scalar(FieldType type);
bool is_string(FieldType type);  // string, categorical: scalars of UTF-8

struct Field {
  FieldId id{0};  // given by Schema::add
  std::string name;
  FieldType type = FieldType::kBlob;
  bool required = true;
  std::string mime;                         // image, audio, video: "jpeg", "wav", "mp4", ...
  Dtype dtype = Dtype::kF32;                // embedding, array
  std::vector<uint64_t> shape;              // embedding: [dim]; array: any, [] is one element
  std::string algorithm;                    // embedding: "dreamdb.ivf-cosine", ...
  std::map<std::string, std::string> info;  // units, frame, semantic_type, ...

  // Bytes of one row of an embedding or array.
  uint64_t row_bytes() const;
  bool operator==(const Field&) const = default;
};

class Schema {
 public:
  // Appends a field and gives it the next id. InvalidArgument: a bad or taken name, a bad shape,
  // more than 1,024 fields.
  Status add(Field field);

  // The same with an id further on that follows from the field's name, so that fields which two
  // branches add have different ids, and the same field has the same.
  Status add_apart(Field field);

  const std::vector<Field>& fields() const { return fields_; }
  const Field* find(std::string_view name) const;  // nullptr when absent
  const Field* find(FieldId id) const;
  // The field, or InvalidArgument "field `x` not in schema" with the names there are.
  Result<const Field*> get(std::string_view name) const;

  uint32_t next_id() const { return next_id_; }
  // A schema as a manifest keeps it; refuses duplicates and ids not below `next_id`.
  static Result<Schema> restore(std::vector<Field> fields, uint32_t next_id);

  std::string to_json() const;  // {"fields": [{"name": ..., "type": ..., ...}]}
  static Result<Schema> from_json(std::string_view json);

  bool operator==(const Schema&) const = default;

 private:
  std::vector<Field> fields_;
  uint32_t next_id_ = 1;
};

}  // namespace dreamdb
