// Values out of salts, and reading a dataset back into the model.
#include "tests/model/model.h"

#include <cstring>

#include "dataset/testing.h"
#include "runtime/quick_runtime.h"

namespace dreamdb::model {

namespace {

using testing::field_of;

// SplitMix64: every bit of the result depends on every bit of `x`.
uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

template <typename T>
std::string bytes_of(T value) {
  std::string out(sizeof(T), '\0');
  std::memcpy(out.data(), &value, sizeof(T));
  return out;
}

std::string blob_value(uint64_t h) {
  std::string out = "payload " + std::to_string(h % 5) + ":";
  for (uint64_t i = 0; i < h % 48; ++i) out.push_back(static_cast<char>(mix(h % 5 + i)));
  return out;
}

std::string matrix_value(const Field& field, uint64_t h) {
  std::string out;
  for (uint64_t i = 0; out.size() < field.row_bytes(); ++i) {
    const uint64_t word = mix(h + i);
    if (field.dtype == Dtype::kF32) {
      out += bytes_of(1.0f + static_cast<float>(word % 1000) / 7);
    } else if (field.dtype == Dtype::kF16) {
      out += bytes_of(static_cast<uint16_t>(0x3c00 | (word & 0x3ff)));  // in [1, 2)
    } else {
      out += bytes_of(static_cast<uint16_t>(word));
    }
  }
  return out;
}

// The bytes of a value as they stand in a column; nullopt: the record has none.
std::optional<std::string> value_of(const Field& field, uint64_t anchor, uint64_t salt) {
  if (field.name == "salt") return bytes_of(salt);
  const uint64_t base = salt >= kAssignedSalt ? 0 : anchor;
  if (field.name == kExtraField) return bytes_of(kExtraFactor * static_cast<int64_t>(anchor));
  const uint64_t h = mix(base * 1'000'003 + salt * 97 + static_cast<uint64_t>(field.type) * 7 +
                         static_cast<uint64_t>(field.dtype));
  // Whether there is a value does not follow from the salt: a row cannot take a value away.
  const uint64_t record = salt >= kAssignedSalt ? salt : anchor;
  if (!field.required && mix(record * 31 + static_cast<uint64_t>(field.type)) % 4 == 0)
    return std::nullopt;
  if (is_matrix(field.type)) return matrix_value(field, h);
  switch (field.type) {
    case FieldType::kBool: return bytes_of(static_cast<uint8_t>(h >> 8 & 1));
    case FieldType::kInt:
    case FieldType::kTimestamp: return bytes_of(static_cast<int64_t>(h >> 16));
    case FieldType::kFloat: return bytes_of(static_cast<double>(h >> 20) / 3);
    case FieldType::kString: return "name " + std::to_string(h % 1000);
    case FieldType::kCategorical: return "label " + std::to_string(h % 3);
    case FieldType::kText: return "a caption that is said again and again " + std::to_string(h % 9);
    default: return blob_value(h);
  }
}

size_t slot_size(const Field& field) {
  if (is_matrix(field.type)) return field.row_bytes();
  return field.type == FieldType::kBool ? 1 : 8;
}

Column column_of(const Field& field, std::span<const Row> rows) {
  Column out;
  out.name = field.name;
  out.type = field.type;
  out.dtype = field.dtype;
  out.shape = field.shape;
  std::vector<bool> valid;
  std::vector<uint32_t> offsets = {0};
  std::string bytes;
  for (const Row& row : rows) {
    const auto value = value_of(field, row.anchor, row.salt);
    valid.push_back(value.has_value());
    if (is_blob(field.type)) {
      out.blobs.push_back(value ? Buffer::copy_of(*value) : Buffer());
    } else {
      bytes += value ? *value : is_string(field.type) ? "" : std::string(slot_size(field), '\0');
      offsets.push_back(static_cast<uint32_t>(bytes.size()));
    }
  }
  if (is_string(field.type)) out.offsets = testing::buffer_of(offsets);
  if (!is_blob(field.type)) out.values = Buffer::copy_of(bytes);
  if (!field.required) out.valid = testing::bitmap_of(valid);
  return out;
}

std::optional<std::string> cell(const Column& column, size_t row, size_t slot) {
  if (!column.is_valid(row)) return std::nullopt;
  if (is_blob(column.type)) return std::string(column.blobs[row].view());
  if (is_string(column.type)) return std::string(column.text(row));
  return std::string(column.values.view().substr(row * slot, slot));
}

std::vector<Field> all_fields() {
  const auto sound = [](std::string name, FieldType type, std::string mime) {
    Field field = field_of(std::move(name), type, false);
    field.mime = std::move(mime);
    return field;
  };
  Field half = testing::embedding_field("half", 6, false);
  half.dtype = Dtype::kF16;
  Field array = field_of("arr", FieldType::kArray, false);
  array.dtype = Dtype::kI16;
  array.shape = {2, 3};
  return {field_of("salt", FieldType::kInt),
          field_of("img", FieldType::kImage),
          sound("snd", FieldType::kAudio, "wav"),
          sound("vid", FieldType::kVideo, "mp4"),
          field_of("cap", FieldType::kText),
          field_of("raw", FieldType::kBlob, false),
          testing::embedding_field("emb", 4),
          half,
          array,
          field_of("flag", FieldType::kBool),
          field_of("score", FieldType::kFloat, false),
          field_of("name", FieldType::kString, false),
          field_of("label", FieldType::kCategorical),
          field_of("at", FieldType::kTimestamp, false)};
}

Schema schema_of(std::vector<Field> fields) {
  Schema schema;
  for (Field& field : fields) {
    [[maybe_unused]] const Status added = schema.add(std::move(field));
  }
  return schema;
}

void append_record(const Batch& batch, size_t row, State& state) {
  const uint64_t anchor = batch.anchors()[row];
  const auto salt = static_cast<uint64_t>(batch.find("salt")->as<int64_t>()[row]);
  if (salt >= kAssignedSalt) {
    state.assigned.insert(salt);
  } else {
    state.salts.emplace(anchor, salt);
  }
  const Column* extra = batch.find(kExtraField);
  if (extra != nullptr && extra->is_valid(row)) state.extras.insert(anchor);
}

}  // namespace

const Schema& full_schema() {
  static const Schema schema = schema_of(all_fields());
  return schema;
}

const Schema& small_schema() {
  static const Schema schema =
      schema_of({field_of("salt", FieldType::kInt), testing::embedding_field("emb", 4),
                 field_of("name", FieldType::kString, false)});
  return schema;
}

Field extra_field() { return field_of(std::string(kExtraField), FieldType::kInt, false); }

NewRows rows_of(std::span<const Row> rows, const Schema& schema) {
  NewRows out;
  out.rows = rows.size();
  std::vector<uint64_t> anchors;
  for (const Row& row : rows) anchors.push_back(row.anchor);
  out.anchors = testing::buffer_of(anchors);
  for (const Field& field : schema.fields()) out.columns.push_back(column_of(field, rows));
  return out;
}

NewRows unanchored_rows(size_t count, uint64_t first_salt, const Schema& schema) {
  std::vector<Row> rows;
  for (size_t i = 0; i < count; ++i) rows.push_back({0, first_salt + i});
  NewRows out = rows_of(rows, schema);
  out.anchors.reset();
  return out;
}

NewRows extra_rows(std::span<const uint64_t> anchors) {
  NewRows out;
  out.rows = anchors.size();
  out.anchors = Buffer::copy_of(std::as_bytes(anchors));
  std::vector<Row> rows;
  for (const uint64_t anchor : anchors) rows.push_back({anchor, 0});
  Column column = column_of(extra_field(), rows);
  column.valid = {};
  out.columns.push_back(std::move(column));
  return out;
}

std::vector<Row> row_range(uint64_t first, size_t count, uint64_t salt, uint64_t step) {
  std::vector<Row> rows;
  for (size_t i = 0; i < count; ++i) rows.push_back({first + i * step, salt});
  return rows;
}

void State::set(std::span<const Row> rows) {
  for (const Row& row : rows) salts[row.anchor] = row.salt;
}

std::string State::summary() const {
  std::string out = std::to_string(salts.size()) + " given {";
  for (const auto& [anchor, salt] : salts)
    out += " " + std::to_string(anchor) + ":" + std::to_string(salt);
  out += " } " + std::to_string(assigned.size()) + " assigned {";
  for (const uint64_t salt : assigned) out += " +" + std::to_string(salt - kAssignedSalt);
  out += " } " + std::to_string(extras.size()) + (has_extra ? " extras" : " no extra field");
  for (const auto& [key, value] : meta) out.append(" ").append(key).append("=").append(value);
  return out;
}

std::optional<std::string> judge_record(const Batch& batch, size_t row, const Schema& schema) {
  const uint64_t anchor = batch.anchors()[row];
  const Column* salts = batch.find("salt");
  if (salts == nullptr || !salts->is_valid(row))
    return "record " + std::to_string(anchor) + " has no salt";
  const auto salt = static_cast<uint64_t>(salts->as<int64_t>()[row]);
  for (const Field& field : schema.fields()) {
    const Column* column = batch.find(field.name);
    if (column == nullptr) return "field " + field.name + " is not in the batch";
    if (cell(*column, row, slot_size(field)) != value_of(field, anchor, salt))
      return "record " + std::to_string(anchor) + " of salt " + std::to_string(salt) +
             ": wrong value in field " + field.name;
  }
  const Column* extra = batch.find(kExtraField);
  if (extra != nullptr && extra->is_valid(row) &&
      cell(*extra, row, 8) != value_of(extra_field(), anchor, salt))
    return "record " + std::to_string(anchor) + ": wrong value in the extra field";
  return std::nullopt;
}

Result<State> read_state(const Dataset& dataset) {
  State state;
  state.has_extra = dataset.schema().find(kExtraField) != nullptr;
  const bool is_full = dataset.schema().find("img") != nullptr;
  const Schema& schema = is_full ? full_schema() : small_schema();
  for (auto& [key, value] : dataset.meta()) state.meta[key] = value;
  ReadOptions options;
  options.batch_rows = 64;
  DREAMDB_ASSIGN(BatchStream stream, dataset.stream(options));
  std::optional<uint64_t> before;
  for (;;) {
    DREAMDB_ASSIGN(const std::optional<Batch> batch, stream.next());
    if (!batch) break;
    for (size_t row = 0; row < batch->rows(); ++row) {
      const uint64_t anchor = batch->anchors()[row];
      if (before && *before >= anchor)
        return fail(Code::kInternal, "record " + std::to_string(anchor) + " comes after record " +
                                         std::to_string(*before));
      before = anchor;
      if (const auto wrong = judge_record(*batch, row, schema))
        return fail(Code::kInternal, *wrong);
      append_record(*batch, row, state);
    }
  }
  DREAMDB_ASSIGN(const uint64_t count, dataset.count());
  if (count != state.records())
    return fail(Code::kInternal, "count says " + std::to_string(count) + ", the stream has " +
                                     std::to_string(state.records()) + " records");
  return state;
}

std::shared_ptr<Space> space_on(std::shared_ptr<Store> store, uint64_t cache_bytes) {
  std::string url = store->describe();
  static QuickRuntime* const runtime = new QuickRuntime;
  return Space::on(std::move(store), std::move(url), cache_bytes, *runtime);
}

Result<Picture> read_picture(const std::shared_ptr<Store>& store) {
  const auto space = space_on(store);
  DREAMDB_ASSIGN(const ListPage page, store->list("refs/", "", 1000));
  Picture picture;
  for (const ListedObject& object : page.objects) {
    const std::string name = object.key.substr(5);
    DREAMDB_ASSIGN(const Dataset dataset, open_in(space, name));
    DREAMDB_ASSIGN(picture[name], read_state(dataset));
  }
  return picture;
}

std::string summary(const Picture& picture) {
  std::string out;
  for (const auto& [name, state] : picture) out += name + ": " + state.summary() + "\n";
  return out;
}

}  // namespace dreamdb::model
