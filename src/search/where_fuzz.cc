// Any text parses or is refused, and what parses is the same after it was written and read again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "search/filter.h"

namespace {

// One field of each type, with names that seeds use.
dreamdb::Schema make_schema() {
  using dreamdb::FieldType;
  dreamdb::Schema schema;
  const std::pair<const char*, FieldType> fields[] = {
      {"i", FieldType::kInt},    {"f", FieldType::kFloat},     {"b", FieldType::kBool},
      {"s", FieldType::kString}, {"t", FieldType::kTimestamp}, {"c", FieldType::kCategorical},
      {"x", FieldType::kBlob},
  };
  for (const auto& [name, type] : fields) {
    dreamdb::Field field;
    field.name = name;
    field.type = type;
    if (!schema.add(field)) std::abort();
  }
  return schema;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const dreamdb::Schema schema = make_schema();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto where = dreamdb::Where::parse(text);
  if (!where) return 0;
  const std::string written = where->to_string();
  // Quoting can make a text longer than the parser takes.
  if (written.size() <= dreamdb::kWhereTextMax) {
    const auto again = dreamdb::Where::parse(written);
    if (!again || !(*again == *where)) std::abort();
  }
  const auto filter = dreamdb::Filter::bind(*where, schema);
  if (!filter) return 0;
  // An empty batch has no rows that match, and nothing without rows can match.
  if (filter->can_match({}, 0)) std::abort();
  filter->can_match({}, 3);
  return 0;
}
