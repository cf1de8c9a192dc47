// Schemas: what a field may be, and round trips through JSON and a manifest's CBOR.
#include "dreamdb/schema.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "format/schema_cbor.h"

namespace dreamdb {
namespace {

Field scalar(std::string name, FieldType type = FieldType::kInt) {
  Field field;
  field.name = std::move(name);
  field.type = type;
  return field;
}

Field image(std::string name, std::string mime = "jpeg") {
  Field field = scalar(std::move(name), FieldType::kImage);
  field.mime = std::move(mime);
  return field;
}

Field embedding(std::string name, uint64_t dim, Dtype dtype = Dtype::kF32) {
  Field field = scalar(std::move(name), FieldType::kEmbedding);
  field.shape = {dim};
  field.dtype = dtype;
  field.algorithm = "dreamdb.ivf-cosine";
  return field;
}

Field array(std::string name, Dtype dtype, std::vector<uint64_t> shape) {
  Field field = scalar(std::move(name), FieldType::kArray);
  field.dtype = dtype;
  field.shape = std::move(shape);
  return field;
}

Schema everything() {
  Schema schema;
  EXPECT_TRUE(schema.add(image("photo")));
  EXPECT_TRUE(schema.add(scalar("caption", FieldType::kText)));
  EXPECT_TRUE(schema.add(embedding("vector", 512, Dtype::kF16)));
  EXPECT_TRUE(schema.add(array("pose", Dtype::kF64, {4, 4})));
  EXPECT_TRUE(schema.add(array("one", Dtype::kBf16, {})));
  EXPECT_TRUE(schema.add(array("none", Dtype::kU8, {3, 0})));
  for (const std::string_view type : {"bool", "int", "float", "string", "categorical", "timestamp"})
    EXPECT_TRUE(schema.add(scalar("a " + std::string(type), parse_type(type).value())));
  Field info = scalar("caf\xc3\xa9 / \xe6\xb0\xb4");
  info.required = false;
  info.info = {{"units", "m"}, {"", "empty"}};
  EXPECT_TRUE(schema.add(info));
  return schema;
}

Code refused(Field field) {
  Schema schema;
  const Status status = schema.add(std::move(field));
  return status ? Code{} : status.error().code;
}

TEST(Schema, IdsAscendFromOne) {
  const Schema schema = everything();
  EXPECT_EQ(schema.fields()[0].id, FieldId{1});
  EXPECT_EQ(schema.next_id(), schema.fields().size() + 1);
  EXPECT_EQ(schema.find("vector")->id, FieldId{3});
  EXPECT_EQ(schema.find(FieldId{3})->name, "vector");
  EXPECT_EQ(schema.find("nobody"), nullptr);
  EXPECT_EQ(schema.find(FieldId{0}), nullptr);
  const auto missing = schema.get("nobody");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("field `nobody` not in schema"), std::string::npos);
  EXPECT_NE(missing.error().message.find("photo, caption"), std::string::npos);
}

TEST(Schema, RowBytes) {
  const Schema schema = everything();
  EXPECT_EQ(schema.find("vector")->row_bytes(), 1024u);
  EXPECT_EQ(schema.find("pose")->row_bytes(), 128u);
  EXPECT_EQ(schema.find("one")->row_bytes(), 2u);
  EXPECT_EQ(schema.find("none")->row_bytes(), 0u);
}

TEST(Schema, RefusesBadNames) {
  for (const std::string& name :
       {std::string(), std::string(256, 'x'), std::string("a\nb"), std::string("a\0b", 3),
        std::string("\x7f"), std::string("\xff"), std::string("_anchor"),
        std::string("_time_anchors"), std::string("_score")})
    EXPECT_EQ(refused(scalar(name)), Code::kInvalidArgument) << name;
  EXPECT_EQ(refused(scalar(std::string(255, 'x'))), Code{});
  EXPECT_EQ(refused(scalar("Any/Name is fine.")), Code{});
  Schema schema;
  EXPECT_TRUE(schema.add(scalar("x")));
  EXPECT_FALSE(schema.add(image("x")));
  EXPECT_EQ(schema.fields().size(), 1u);
  EXPECT_EQ(schema.next_id(), 2u);
}

TEST(Schema, RefusesBadShapes) {
  for (const Field& bad :
       {embedding("e", 0), embedding("e", 65'537), embedding("e", 8, Dtype::kF64),
        array("a", Dtype::kU8, std::vector<uint64_t>(33, 1)), array("a", Dtype::kF32, {1 << 30}),
        array("a", Dtype::kU8, {1ull << 32, 1ull << 32}), array("a", Dtype::kU8, {0, ~0ull})})
    EXPECT_EQ(refused(bad), Code::kInvalidArgument);
  EXPECT_EQ(refused(embedding("e", 65'536)), Code{});
  EXPECT_EQ(refused(array("a", Dtype::kU8, {1 << 30})), Code{});
  EXPECT_EQ(refused(array("a", Dtype::kU8, std::vector<uint64_t>(32, 1))), Code{});
  Field two = embedding("e", 8);
  two.shape = {8, 8};
  EXPECT_EQ(refused(two), Code::kInvalidArgument);
  Field shaped = scalar("s");
  shaped.shape = {1};
  EXPECT_EQ(refused(shaped), Code::kInvalidArgument);
}

TEST(Schema, RefusesBadMimeAndAlgorithm) {
  for (const std::string& mime : {std::string(), std::string("JPEG"), std::string("a/b"),
                                  std::string(65, 'x'), std::string("a b")})
    EXPECT_EQ(refused(image("i", mime)), Code::kInvalidArgument) << mime;
  EXPECT_EQ(refused(image("i", "svg+xml")), Code{});
  Field none = embedding("e", 8);
  none.algorithm = "";
  EXPECT_EQ(refused(none), Code::kInvalidArgument);
  none.algorithm = std::string(65, 'x');
  EXPECT_EQ(refused(none), Code::kInvalidArgument);
  Field stray = scalar("s");
  stray.mime = "jpeg";
  EXPECT_EQ(refused(stray), Code::kInvalidArgument);
  stray = scalar("s");
  stray.algorithm = "x";
  EXPECT_EQ(refused(stray), Code::kInvalidArgument);
}

TEST(Schema, HoldsAtMost1024Fields) {
  Schema schema;
  for (int i = 0; i < 1024; ++i) ASSERT_TRUE(schema.add(scalar("f" + std::to_string(i))));
  EXPECT_FALSE(schema.add(scalar("one more")));
}

TEST(Schema, RestoreKeepsGapsAndRefusesNonsense) {
  const auto with_id = [](std::string name, uint32_t id) {
    Field field = scalar(std::move(name));
    field.id = FieldId{id};
    return field;
  };
  const auto schema = Schema::restore({with_id("b", 7), with_id("a", 2)}, 9);
  ASSERT_TRUE(schema);
  EXPECT_EQ(schema->next_id(), 9u);
  EXPECT_EQ(schema->fields()[0].name, "b");
  EXPECT_FALSE(Schema::restore({with_id("a", 9)}, 9));
  EXPECT_FALSE(Schema::restore({with_id("a", 0)}, 9));
  EXPECT_FALSE(Schema::restore({with_id("a", 1), with_id("b", 1)}, 9));
  EXPECT_FALSE(Schema::restore({with_id("a", 1), with_id("a", 2)}, 9));
  EXPECT_FALSE(Schema::restore({}, 0));
}

TEST(Schema, JsonRoundTrips) {
  const Schema schema = everything();
  const auto back = Schema::from_json(schema.to_json());
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, schema);
}

TEST(Schema, JsonByHandNeedsNoIds) {
  const auto schema = Schema::from_json(
      R"({"fields": [{"name": "photo", "type": "image", "mime": "png"},
                     {"name": "vec", "type": "embedding", "dim": 8, "algorithm": "x"},
                     {"name": "box", "type": "array", "dtype": "float32", "shape": [4],
                      "required": false, "info": {"units": "px"}}]})");
  ASSERT_TRUE(schema) << schema.error().message;
  EXPECT_EQ(schema->next_id(), 4u);
  EXPECT_EQ(schema->find("vec")->dtype, Dtype::kF32);
  EXPECT_EQ(schema->find("box")->info.at("units"), "px");
  EXPECT_FALSE(schema->find("box")->required);
}

TEST(Schema, JsonRefusesNonsense) {
  for (const std::string_view text :
       {"",
        "{",
        "[]",
        "3",
        "{}",
        R"({"fields": {}})",
        R"({"fields": [1]})",
        R"({"fields": [{"name": "a"}]})",
        R"({"fields": [{"name": 1, "type": "int"}]})",
        R"({"fields": [{"name": "a", "type": "integer"}]})",
        R"({"fields": [{"name": "a", "type": "int", "typo": 1}]})",
        R"({"fields": [{"name": "a", "type": "int", "dtype": "f32"}]})",
        R"({"fields": [{"name": "a", "type": "int", "dim": 3}]})",
        R"({"fields": [{"name": "a", "type": "array", "dtype": "u8", "shape": [-1]}]})",
        R"({"fields": [{"name": "a", "type": "array", "dtype": "u8", "shape": [1.5]}]})",
        R"({"fields": [{"name": "a", "type": "array", "dtype": "complex64", "shape": []}]})",
        R"({"fields": [{"name": "a", "type": "int", "info": {"k": 1}}]})",
        R"({"fields": [{"name": "a", "type": "int", "id": 0}]})",
        R"({"fields": [{"name": "a", "type": "int", "id": 1}, {"name": "b", "type": "int"}]})",
        R"({"fields": [], "next": -1})",
        R"({"fields": [], "next": 5000000000})"}) {
    const auto refused = Schema::from_json(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument) << text;
  }
  // Depth alone must not exhaust the stack.
  EXPECT_FALSE(Schema::from_json(std::string(200'000, '[')));
  const auto cut = Schema::from_json(Schema().to_json() + std::string("\0[1,2", 6));
  ASSERT_FALSE(cut);
  EXPECT_TRUE(cut.error().message.contains("a NUL byte")) << cut.error().message;
}

TEST(Schema, CborRoundTrips) {
  const Schema schema = everything();
  CborWriter out;
  write_schema(schema, out);
  CborReader in(out.span());
  const auto back = parse_schema(in);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_TRUE(in.finish());
  EXPECT_EQ(*back, schema);
}

TEST(Dtype, KnowsNumpysNames) {
  for (const auto& [name, dtype] : std::initializer_list<std::pair<std::string_view, Dtype>>{
           {"bool", Dtype::kBool},     {"|b1", Dtype::kBool},    {"float32", Dtype::kF32},
           {"<f4", Dtype::kF32},       {"f32", Dtype::kF32},     {"float64", Dtype::kF64},
           {"<f8", Dtype::kF64},       {"float16", Dtype::kF16}, {"<f2", Dtype::kF16},
           {"bfloat16", Dtype::kBf16}, {"int64", Dtype::kI64},   {"<i8", Dtype::kI64},
           {"i8", Dtype::kI8},         {"int8", Dtype::kI8},     {"|i1", Dtype::kI8},
           {"uint8", Dtype::kU8},      {"|u1", Dtype::kU8},      {"u8", Dtype::kU8},
           {"<u8", Dtype::kU64},       {"uint16", Dtype::kU16},  {"=i4", Dtype::kI32}})
    EXPECT_EQ(parse_dtype(name).value(), dtype) << name;
  for (const std::string_view name : {"", "f4", ">f4", "<", "complex64", "object", "F32", "<f32"})
    EXPECT_FALSE(parse_dtype(name)) << name;
  for (const Dtype dtype :
       {Dtype::kBool, Dtype::kI8, Dtype::kI16, Dtype::kI32, Dtype::kI64, Dtype::kU8, Dtype::kU16,
        Dtype::kU32, Dtype::kU64, Dtype::kF16, Dtype::kBf16, Dtype::kF32, Dtype::kF64})
    EXPECT_EQ(parse_dtype(dtype_name(dtype)).value(), dtype);
}

TEST(FieldType, HasOneHome) {
  for (int i = 0; i < 13; ++i) {
    const auto type = static_cast<FieldType>(i);
    EXPECT_EQ(parse_type(type_name(type)).value(), type);
    EXPECT_EQ(is_blob(type) + is_matrix(type) + is_scalar(type), 1);
  }
}

}  // namespace
}  // namespace dreamdb
