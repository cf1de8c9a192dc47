// Small texts: base64, field specs, times, tables, JSON lines in and out.
#include "cli/text.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "cli/base64.h"
#include "cli/field_spec.h"
#include "cli/json.h"
#include "cli/row_builder.h"
#include "cli/time_text.h"

namespace dreamdb::cli {
namespace {

RC_GTEST_PROP(Base64, RoundTrip, (const std::string& bytes)) {
  const auto back = base64_decode(base64_encode(bytes));
  RC_ASSERT(back.has_value());
  RC_ASSERT(*back == bytes);
}

TEST(Base64, KnownTextsAndRefusals) {
  EXPECT_EQ(base64_encode("foob"), "Zm9vYg==");
  for (const char* bad : {"Zm9", "Zm9=Yg==", "Zm!v", "Zm9vYh==", "===="}) {
    EXPECT_FALSE(base64_decode(bad).has_value()) << bad;
  }
}

TEST(FieldSpec, TextsThatParseBack) {
  for (const char* text :
       {"img:image:jpeg", "caption:text?", "emb:embedding:512", "emb:embedding:8:f16?",
        "pose:array:f32:3x4", "one:array:u8", "label:categorical", "seen:timestamp?"}) {
    const auto field = parse_field_spec(text);
    ASSERT_TRUE(field.has_value()) << field.error().message;
    EXPECT_EQ(field_spec(*field), text);
    EXPECT_EQ(field->required, text[std::string(text).size() - 1] != '?');
  }
}

TEST(FieldSpec, RefusalsShowWhatIsRight) {
  for (const char* text :
       {"", "img", "img:", ":image:jpeg", "img:image", "emb:embedding", "emb:embedding:x",
        "emb:embedding:3:4", "p:array", "p:array:f99", "p:array:f32:3xx4", "n:int:8", "n:nope"}) {
    const auto field = parse_field_spec(text);
    ASSERT_FALSE(field.has_value()) << text;
    EXPECT_NE(field.error().message.find("img:image:jpeg"), std::string::npos);
  }
}

RC_GTEST_PROP(TimeText, RoundTrip, (int64_t ns)) {
  const auto back = parse_time(iso_time(ns));
  RC_ASSERT(back.has_value());
  RC_ASSERT(*back == ns);
}

TEST(TimeText, Examples) {
  EXPECT_EQ(iso_time(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(iso_time(-1), "1969-12-31T23:59:59.999999999Z");
  EXPECT_EQ(iso_time(1'500'000'000), "1970-01-01T00:00:01.5Z");
  EXPECT_EQ(*parse_time("12"), 12);
  EXPECT_FALSE(parse_time("yesterday").has_value());
}

TEST(Text, Numbers) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
  EXPECT_EQ(counted(1, "row", "rows"), "1 row");
  EXPECT_EQ(counted(1234, "row", "rows"), "1,234 rows");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(999'960), "1.0 MB");
  EXPECT_EQ(short_float(0.1F), "0.1");
}

TEST(Text, OneLineHasNoControlCharacters) {
  EXPECT_EQ(one_line("a\nb\x1b[0m"), "a\\nb\\x1b[0m");
  EXPECT_EQ(one_line("\xff"), "\\xff");
  EXPECT_EQ(one_line("äöü", 2), "äö...");
}

TEST(Text, TableAlignsByCodePoints) {
  Table table({"name", ">n"});
  table.add({"ä", "1"});
  table.add({"bcdef", "22"});
  EXPECT_EQ(table.text(), "name    n\nä       1\nbcdef  22\n");
}

TEST(ParseJson, SaysWhatIsWrong) {
  EXPECT_NE(parse_json("{\"a\":").error().message.find("cut short"), std::string::npos);
  EXPECT_NE(parse_json("{\"a\" 1}").error().message.find("malformed"), std::string::npos);
  EXPECT_NE(parse_json(std::string(100000, '[')).error().message.find("nested"), std::string::npos);
  EXPECT_TRUE(parse_json("{\"a\":\"[[[\\\"{{\"}").has_value());
  const auto nul = parse_json(std::string_view("{\"n\":5}\0[1,2,3", 14));
  ASSERT_FALSE(nul.has_value());
  EXPECT_TRUE(nul.error().message.starts_with("a NUL byte at column 8")) << nul.error().message;
}

class Rows : public ::testing::Test {
 protected:
  Schema schema_ = *parse_field_specs(
      {"e:embedding:2", "m:array:i8:2x2?", "b:bool?", "t:timestamp?", "s:string?"});
  RowBuilder builder_{schema_};

  std::string refusal(const std::string& row) {
    RowBuilder fresh(schema_);
    const auto status = fresh.add(*parse_json(row), "f:3", "");
    return status ? "" : status.error().message;
  }
};

TEST_F(Rows, BecomeColumns) {
  ASSERT_TRUE(builder_.add(*parse_json(R"({"e":[1,2.5],"m":[[1,2],[3,4]],"s":"x"})"), "f:1", "")
                  .has_value());
  ASSERT_TRUE(builder_.add(*parse_json(R"({"e":[3,4],"b":true,"m":null})"), "f:2", "").has_value());
  const NewRows rows = builder_.take();
  EXPECT_EQ(rows.rows, 2u);
  EXPECT_FALSE(rows.anchors.has_value());
  ASSERT_EQ(rows.columns.size(), 4u);  // `t` has no value at all
  EXPECT_EQ(rows.columns[0].as<float>()[1], 2.5F);
  EXPECT_TRUE(rows.columns[1].is_valid(0));
  EXPECT_FALSE(rows.columns[1].is_valid(1));
  EXPECT_EQ(rows.columns[1].as<int8_t>()[3], 4);
  EXPECT_EQ(rows.columns[3].text(0), "x");
  EXPECT_EQ(rows.columns[3].text(1), "");
  EXPECT_EQ(builder_.rows(), 0u);
}

TEST_F(Rows, RefusalsNamePlaceAndField) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"([1])", "object"},
      {R"({"e":[1]})", "expected 2 numbers, found a list of 1"},
      {R"({"e":[1,"NaN"]})", "element 1"},
      {R"({"e":[1,2],"m":[[1,2],[3,400]]})", "element 3"},
      {R"({"e":[1,2],"m":[[1,2],[3]]})", "2 x 2"},
      {R"({"e":[1,2],"b":1})", "true or false"},
      {R"({"e":[1,2],"t":"soon"})", "soon"},
      {R"({"e":[1,2],"s":5})", "quotes"},
      {R"({"e":[1,2],"zz":5})", "zz"},
      {R"({"b":true})", "required field `e`"},
      {R"({"_anchor":-1,"e":[1,2]})", "_anchor"},
      {R"({"_anchor":1.5,"e":[1,2]})", "_anchor"},
      {R"({"_anchor":18446744073709551615,"e":[1,2]})", "_anchor"},
      {R"({"_anchor":18446744073709551616,"e":[1,2]})", "_anchor"},
  };
  for (const auto& [row, part] : cases) {
    const std::string message = refusal(row);
    EXPECT_TRUE(message.starts_with("f:3: ")) << row << " " << message;
    EXPECT_NE(message.find(part), std::string::npos) << row << " " << message;
  }
}

TEST_F(Rows, AnchorsAreAllOrNothing) {
  ASSERT_TRUE(builder_.add(*parse_json(R"({"_anchor":7,"b":true})"), "f:1", "").has_value());
  EXPECT_FALSE(builder_.add(*parse_json(R"({"e":[1,2]})"), "f:2", "").has_value());
}

}  // namespace
}  // namespace dreamdb::cli
