// A dataset as a map, written from the documentation alone: what the model test holds the real one
// against.
#pragma once

#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dataset/testing.h"

namespace dreamdb::testing {

using Values = std::map<std::string, std::string>;  // field -> the bytes of its value
using Records = std::map<uint64_t, Values>;         // anchor -> values
using ModelRow = std::pair<uint64_t, Values>;

struct ModelVersion {
  std::vector<Field> fields;
  Records records;
  std::map<std::string, std::string> meta;
  std::set<uint64_t> deleted;                                 // anchors of records
  std::set<std::pair<uint64_t, std::string>> deleted_values;  // anchor, field

  // Deletes records, or values of a field; how many there were.
  uint64_t erase(const std::vector<uint64_t>& anchors, const std::string& field) {
    uint64_t count = 0;
    for (const uint64_t anchor : anchors) {
      const auto held = records.find(anchor);
      if (held == records.end() || (!field.empty() && held->second.erase(field) == 0)) continue;
      ++count;
      if (field.empty()) {
        records.erase(held);
        deleted.insert(anchor);
      } else {
        deleted_values.emplace(anchor, field);
      }
    }
    return count;
  }

  const Field& field(const std::string& name) const {
    for (const Field& f : fields)
      if (f.name == name) return f;
    std::abort();
  }
};

struct ModelAppend {
  std::optional<Code> error;
  AppendReport counts;
  std::vector<ModelRow> written;  // what has to be stored: new records, and changed values of old
  Records records;                // afterwards
};

// One append of rows at distinct anchors.
inline ModelAppend model_append(const ModelVersion& version, const std::vector<ModelRow>& rows,
                                OnConflict mode) {
  ModelAppend out;
  out.records = version.records;
  out.counts.rows = rows.size();
  bool conflict = false, is_deleted = false;
  for (const auto& [anchor, values] : rows) {
    if (version.deleted.contains(anchor)) {
      is_deleted = is_deleted || mode != OnConflict::kSkip;
      ++out.counts.skipped;
      continue;
    }
    const auto held = version.records.find(anchor);
    if (held == version.records.end()) {
      for (const Field& field : version.fields)
        if (field.required && !values.contains(field.name)) out.error = Code::kInvalidArgument;
      out.records[anchor] = values;
      out.written.emplace_back(anchor, values);
      ++out.counts.records;
      continue;
    }
    bool filled = false, replaced = false, skipped = false;
    Values changed;
    for (const auto& [name, value] : values) {
      const auto old = held->second.find(name);
      if (version.deleted_values.contains({anchor, name})) {
        skipped = true;
        conflict = conflict || mode != OnConflict::kSkip;
        continue;
      }
      if (old == held->second.end()) {
        filled = true;
      } else if (old->second == value) {
        continue;
      } else if (mode == OnConflict::kReplace) {
        replaced = true;
      } else {
        skipped = mode == OnConflict::kSkip;
        conflict = conflict || mode == OnConflict::kRefuse;
        continue;
      }
      changed[name] = value;
      out.records[anchor][name] = value;
    }
    out.counts.skipped += skipped;
    out.counts.replaced += replaced;
    out.counts.filled += filled && !replaced;
    out.counts.unchanged += !filled && !replaced && !skipped;
    if (!changed.empty()) out.written.emplace_back(anchor, changed);
  }
  if (is_deleted || (!out.error && conflict)) out.error = Code::kConflict;
  return out;
}

template <typename T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

template <typename T>
T value_of(const std::string& bytes) {
  T out;
  std::memcpy(&out, bytes.data(), sizeof(out));
  return out;
}

// A column of the field with these values, as a user would hand it over.
inline Column model_column(const Field& field,
                           const std::vector<std::optional<std::string>>& values) {
  Column out;
  out.name = field.name;
  out.type = field.type;
  out.dtype = field.dtype;
  out.shape = field.shape;
  std::vector<bool> valid;
  for (const auto& value : values) valid.push_back(value.has_value());
  if (std::find(valid.begin(), valid.end(), false) != valid.end()) out.valid = bitmap_of(valid);
  if (is_blob(field.type)) {
    for (const auto& value : values)
      out.blobs.push_back(value ? Buffer::copy_of(*value) : Buffer());
    return out;
  }
  const bool text = is_string(field.type);
  const size_t width = is_matrix(field.type)            ? field.row_bytes()
                       : field.type == FieldType::kBool ? 1
                                                        : 8;
  std::vector<uint32_t> offsets = {0};
  std::string bytes;
  for (const auto& value : values) {
    bytes += value ? *value : std::string(text ? 0 : width, '\0');
    offsets.push_back(static_cast<uint32_t>(bytes.size()));
  }
  out.values = Buffer::copy_of(bytes);
  if (text) out.offsets = buffer_of(offsets);
  return out;
}

inline std::optional<std::string> model_value(const Field& field, const Column& column,
                                              size_t row) {
  if (!column.is_valid(row)) return std::nullopt;
  if (is_blob(field.type)) return std::string(column.blobs[row].view());
  if (is_string(field.type)) return std::string(column.text(row));
  const size_t width = is_matrix(field.type)            ? field.row_bytes()
                       : field.type == FieldType::kBool ? 1
                                                        : 8;
  return std::string(column.values.view().substr(row * width, width));
}

// A filter as text, and what it says of a record: true, false or (nothing) unknown.
struct ModelWhere {
  std::string text;
  std::function<std::optional<bool>(const Values&)> test;
};

class ModelRandom {
 public:
  explicit ModelRandom(uint64_t seed) : random_(seed) {}

  size_t below(size_t bound) { return random_() % bound; }
  bool chance(int percent) { return below(100) < static_cast<size_t>(percent); }
  template <typename T>
  const T& pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }

  // From a small set, so that equal values are common.
  std::string value(const Field& field) {
    switch (field.type) {
      case FieldType::kEmbedding: {
        std::string out;
        for (uint64_t i = 0; i < field.shape[0]; ++i)
          out += bytes_of(static_cast<float>(below(5)) - 1.75f);
        return out;
      }
      case FieldType::kArray: return std::string(field.row_bytes(), static_cast<char>(below(4)));
      case FieldType::kBool: return std::string(1, static_cast<char>(below(2)));
      case FieldType::kFloat: {
        const double values[] = {-1.5, -0.0, 0.0, 2.5, 1e300, std::nan("")};
        return bytes_of(values[below(6)]);
      }
      case FieldType::kInt:
      case FieldType::kTimestamp: return bytes_of(static_cast<int64_t>(below(12)) - 4);
      case FieldType::kCategorical: return pick<std::string>({"cat", "dog", ""});
      case FieldType::kString:
        return below(3) == 0 ? std::string(below(60), 'x') : "s" + std::to_string(below(30));
      default: return std::string(below(3) * below(400), static_cast<char>('a' + below(3)));
    }
  }

  ModelWhere where(int depth = 2) {
    if (depth > 0 && chance(60)) return joined(depth);
    const std::string number = std::to_string(static_cast<int>(below(14)) - 5);
    const auto bound = static_cast<double>(std::stoi(number));
    switch (below(7)) {
      case 0:
        return compare<int64_t>("n", "n >= " + number,
                                [=](auto n) { return static_cast<double>(n) >= bound; });
      case 1: return compare<double>("f", "f < " + number, [=](double f) { return f < bound; });
      case 2: return compare<double>("f", "f != 2.5", [](double f) { return f != 2.5; });
      case 3:
        return {"label == 'dog'", [](const Values& v) -> std::optional<bool> {
                  const auto it = v.find("label");
                  return it == v.end() ? std::nullopt : std::optional(it->second == "dog");
                }};
      case 4:
        return {"note like 's1%'", [](const Values& v) -> std::optional<bool> {
                  const auto it = v.find("note");
                  return it == v.end() ? std::nullopt : std::optional(it->second.starts_with("s1"));
                }};
      case 5: return {"n is null", [](const Values& v) { return std::optional(!v.contains("n")); }};
      default:
        return {"img is not null",
                [](const Values& v) { return std::optional(v.contains("img")); }};
    }
  }

 private:
  template <typename T, typename F>
  static ModelWhere compare(const std::string& field, std::string text, F test) {
    return {std::move(text), [field, test](const Values& v) -> std::optional<bool> {
              const auto it = v.find(field);
              if (it == v.end()) return std::nullopt;
              return test(value_of<T>(it->second));
            }};
  }

  ModelWhere joined(int depth) {
    const ModelWhere a = where(depth - 1);
    if (chance(30)) {
      return {"not (" + a.text + ")", [a](const Values& v) {
                const auto x = a.test(v);
                return x ? std::optional(!*x) : x;
              }};
    }
    const ModelWhere b = where(depth - 1);
    const bool both = chance(50);
    return {"(" + a.text + (both ? ") and (" : ") or (") + b.text + ")",
            [a, b, both](const Values& v) -> std::optional<bool> {
              const auto x = a.test(v);
              const auto y = b.test(v);
              // The deciding value wins over unknown.
              if (x == !both || y == !both) return !both;
              return x && y ? std::optional(both) : std::nullopt;
            }};
  }

  std::mt19937_64 random_;
};

}  // namespace dreamdb::testing
