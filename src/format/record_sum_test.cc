// Sums of records, against the golden vectors that an implementation of its own wrote.
#include "format/record_sum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

namespace dreamdb {
namespace {

using nlohmann::json;

std::string unhex(const std::string& hex) {
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return out;
}

Field field_of(const json& given) {
  Field out;
  out.id = FieldId{given["id"].get<uint32_t>()};
  out.name = given["name"].get<std::string>();
  out.type = *parse_type(given["type"].get<std::string>());
  out.mime = given.value("mime", "");
  if (given.contains("dtype")) out.dtype = *parse_dtype(given["dtype"].get<std::string>());
  if (given.contains("shape")) out.shape = given["shape"].get<std::vector<uint64_t>>();
  if (given.contains("dim")) out.shape = {given["dim"].get<uint64_t>()};
  return out;
}

// The bytes of each value; none where a record has no value.
Column column_of(const Field& field, const json& records) {
  Column out;
  out.name = field.name;
  out.type = field.type;
  out.dtype = field.dtype;
  out.shape = field.shape;
  std::string bytes, valid((records.size() + 7) / 8, 0);
  std::vector<uint32_t> offsets = {0};
  const size_t width = is_matrix(field.type)            ? field.row_bytes()
                       : field.type == FieldType::kBool ? 1
                                                        : 8;
  for (size_t row = 0; row < records.size(); ++row) {
    const json& values = records[row][1];
    std::string value;
    if (values.contains(field.name)) {
      value = unhex(values[field.name]["hex"].get<std::string>());
      valid[row / 8] = static_cast<char>(valid[row / 8] | 1 << row % 8);
    } else if (!is_blob(field.type) && !is_string(field.type)) {
      value.resize(width);
    }
    if (is_blob(field.type)) out.blobs.push_back(Buffer::copy_of(value));
    bytes += value;
    offsets.push_back(static_cast<uint32_t>(bytes.size()));
  }
  out.valid = Buffer::copy_of(valid);
  if (is_blob(field.type)) return out;
  out.values = Buffer::copy_of(bytes);
  if (is_string(field.type)) out.offsets = Buffer::copy_of(std::as_bytes(std::span(offsets)));
  return out;
}

RecordSum sum_of(const json& test, size_t unit_rows) {
  std::vector<Field> fields;
  for (const json& given : test["fields"]) fields.push_back(field_of(given));
  std::vector<const Field*> pointers;
  std::vector<uint64_t> anchors;
  Batch batch;
  for (const Field& field : fields) {
    pointers.push_back(&field);
    batch.columns.push_back(column_of(field, test["records"]));
  }
  for (const json& record : test["records"]) anchors.push_back(record[0].get<uint64_t>());
  batch.anchors_bytes = Buffer::copy_of(std::as_bytes(std::span(anchors)));
  const RowSummer summer(pointers);
  RecordSum sum;
  for (size_t begin = 0; begin < batch.rows(); begin += unit_rows) {
    RecordSum part;
    summer.add(batch, begin, std::min(begin + unit_rows, batch.rows()), part);
    sum.add(part);
  }
  return sum;
}

TEST(RecordSum, IsThatOfTheGoldenVectors) {
  std::ifstream in(std::string(DREAMDB_SPEC_DIR) + "/vectors/fingerprint.json");
  const json file = json::parse(in);
  ASSERT_GE(file["accept"].size(), 9u);
  for (const json& test : file["accept"]) {
    SCOPED_TRACE(test["name"].get<std::string>());
    const RecordSum sum = sum_of(test, 1000);
    EXPECT_EQ(sum.fingerprint(), test["value"]["fingerprint"].get<std::string>());
    EXPECT_EQ(sum.records(), test["records"].size());
    EXPECT_EQ(sum_of(test, 1), sum);
    const auto again = RecordSum::parse(sum.text());
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(*again, sum);
  }
}

TEST(RecordSum, RefusesTextsThatAreNoPart) {
  const std::string text = RecordSum().text();
  ASSERT_EQ(text.size(), 4112u);
  for (const std::string& wrong :
       {std::string(), text.substr(1), text + "0", "g" + text.substr(1), "A" + text.substr(1)})
    EXPECT_EQ(RecordSum::parse(wrong).error().code, Code::kInvalidArgument) << wrong.size();
}

}  // namespace
}  // namespace dreamdb
