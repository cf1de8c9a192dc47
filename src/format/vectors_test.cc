// The golden vectors of spec/vectors, which an implementation of its own wrote: same bytes, same
// meaning, same refusals.
#include <gtest/gtest.h>

#include <bit>
#include <fstream>
#include <nlohmann/json.hpp>

#include "codec/address.h"
#include "codec/cbor.h"
#include "format/manifest.h"
#include "format/page.h"
#include "format/ref.h"
#include "format/session.h"
#include "format/stats.h"

namespace dreamdb {
namespace {

using nlohmann::json;

json load(const std::string& file) {
  const std::string path = std::string(DREAMDB_SPEC_DIR) + "/vectors/" + file + ".json";
  std::ifstream in(path);
  EXPECT_TRUE(in.good()) << path;
  return json::parse(in);
}

std::vector<std::byte> unhex(const std::string& hex) {
  std::vector<std::byte> out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return out;
}

std::string hex_of(std::span<const std::byte> bytes) {
  std::string out;
  for (const std::byte b : bytes) {
    out += "0123456789abcdef"[std::to_integer<int>(b) >> 4];
    out += "0123456789abcdef"[std::to_integer<int>(b) & 15];
  }
  return out;
}

std::vector<std::byte> bytes_of(const json& test) {
  if (test.contains("zeros")) return std::vector<std::byte>(test["zeros"].get<size_t>());
  return unhex(test["hex"].get<std::string>());
}

std::string string_of(const json& value) {
  const auto bytes = unhex(value["hex"].get<std::string>());
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

double float_of(const json& value) {
  return std::bit_cast<double>(std::stoull(value["f64"].get<std::string>(), nullptr, 16));
}

// Writes a value in the notation of vectors/README.md.
void write_value(const json& value, CborWriter& out) {
  if (value.is_null()) return out.null();
  if (value.is_boolean()) return out.boolean(value.get<bool>());
  if (value.is_number_unsigned()) return out.uint(value.get<uint64_t>());
  if (value.is_number_integer()) return out.integer(value.get<int64_t>());
  if (value.is_string()) return out.text(value.get<std::string>());
  if (value.is_array()) {
    out.array(value.size());
    for (const json& item : value) write_value(item, out);
  } else if (value.contains("hex")) {
    out.bytes(unhex(value["hex"].get<std::string>()));
  } else if (value.contains("f64")) {
    out.real(float_of(value));
  } else {
    out.map(value["map"].size());
    for (const json& pair : value["map"]) {
      write_value(pair[0], out);
      write_value(pair[1], out);
    }
  }
}

TEST(Vectors, Addresses) {
  const json file = load("addresses");
  for (const json& test : file["accept"]) {
    const Address address = Address::of(bytes_of(test));
    EXPECT_EQ(hex_of(address.bytes()), test["value"]["address"]["hex"].get<std::string>())
        << test["name"];
    EXPECT_EQ(address.text(), test["value"]["text"].get<std::string>()) << test["name"];
    EXPECT_EQ(Address::parse(address.text()).value(), address);
  }
  for (const json& test : file["refuse"])
    EXPECT_FALSE(Address::parse(test["text"].get<std::string>())) << test["name"];
}

TEST(Vectors, Cbor) {
  const json file = load("cbor");
  for (const json& test : file["accept"]) {
    const auto bytes = bytes_of(test);
    CborReader in(bytes);
    EXPECT_TRUE(in.skip() && in.finish()) << test["name"];
    CborWriter out;
    write_value(test["value"], out);
    EXPECT_EQ(hex_of(out.span()), test["hex"].get<std::string>()) << test["name"];
  }
  for (const json& test : file["refuse"]) {
    const auto bytes = bytes_of(test);
    CborReader in(bytes);
    EXPECT_FALSE(in.skip() && in.finish()) << test["name"];
  }
}

// Parses and refuses as the file says; what is accepted writes the same bytes again.
template <typename Parse, typename Write, typename Compare>
void check_structure(const std::string& name, Parse parse, Write write, Compare compare) {
  const json file = load(name);
  for (const json& test : file["accept"]) {
    SCOPED_TRACE(test["name"].get<std::string>());
    const auto bytes = bytes_of(test);
    const auto parsed = parse(bytes, "the key");
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(hex_of(write(*parsed)), test["hex"].get<std::string>());
    compare(*parsed, test["value"]);
  }
  for (const json& test : file["refuse"]) {
    SCOPED_TRACE(test["name"].get<std::string>() + ", " + test["invariant"].get<std::string>());
    const auto parsed = parse(bytes_of(test), "the key");
    ASSERT_FALSE(parsed);
    const std::string& message = parsed.error().message;
    EXPECT_EQ(code_name(parsed.error().code), test.value("code", "Corruption")) << message;
    EXPECT_NE(message.find("`the key`"), std::string::npos) << message;
    if (test.contains("code")) {
      EXPECT_NE(message.find("upgrade DreamDB"), std::string::npos);
    }
  }
}

TEST(Vectors, Genesis) {
  check_structure(
      "genesis", parse_genesis,
      [kept = Buffer()](const Genesis& g) mutable { return (kept = write_genesis(g)).span(); },
      [](const Genesis& g, const json& value) {
        EXPECT_EQ(g.origin_ns, value["origin_ns"].get<int64_t>());
        EXPECT_EQ(g.time_ns, value["time_ns"].get<uint64_t>());
        EXPECT_EQ(hex_of(g.nonce), value["nonce"]["hex"].get<std::string>());
      });
}

TEST(Vectors, Ref) {
  Buffer kept;
  check_structure(
      "ref", parse_ref, [&](const Ref& ref) { return (kept = write_ref(ref)).span(); },
      [](const Ref& ref, const json& value) {
        EXPECT_EQ(hex_of(ref.nonce), value["nonce"]["hex"].get<std::string>());
        EXPECT_EQ(hex_of(ref.manifest.bytes()), value["manifest"]["hex"].get<std::string>());
        EXPECT_EQ(ref.epoch, value["epoch"].get<uint64_t>());
        EXPECT_EQ(hex_of(ref.write), value["write"]["hex"].get<std::string>());
        EXPECT_EQ(ref.snapshot, value["snapshot"].get<bool>());
        EXPECT_EQ(ref.time_ns, value["time_ns"].get<uint64_t>());
        ASSERT_EQ(ref.passed.size(), value.contains("passed") ? value["passed"].size() : 0);
        for (size_t i = 0; i < ref.passed.size(); ++i) {
          const json& one = value["passed"][i];
          EXPECT_EQ(hex_of(ref.passed[i].manifest.bytes()), one[0]["hex"].get<std::string>());
          EXPECT_EQ(ref.passed[i].time_ns, one[1].get<uint64_t>());
        }
      });
}

TEST(Vectors, Session) {
  Buffer kept;
  check_structure(
      "session", parse_session,
      [&](const SessionBody& session) { return (kept = write_session(session)).span(); },
      [](const SessionBody& session, const json& value) {
        EXPECT_EQ(hex_of(session.nonce), value["nonce"]["hex"].get<std::string>());
        EXPECT_EQ(role_name(session.role), value["role"].get<std::string>());
        EXPECT_EQ(session.ref, value["ref"].get<std::string>());
        EXPECT_EQ(session.epoch, value["epoch"].get<uint64_t>());
        EXPECT_EQ(session.pins.size(), value["pins"].size());
        EXPECT_EQ(session.host, value["host"].get<std::string>());
        EXPECT_EQ(session.process, value["process"].get<uint64_t>());
        EXPECT_EQ(session.program, value["program"].get<std::string>());
        EXPECT_EQ(session.start_ns, value["start_ns"].get<uint64_t>());
        EXPECT_EQ(session.beat_ns, value["beat_ns"].get<uint64_t>());
        EXPECT_EQ(session.fenced, value["fenced"].get<bool>());
        EXPECT_EQ(hex_of(session.write), value["write"]["hex"].get<std::string>());
      });
}

void expect_root(const Root& root, const json& value) {
  const json found = {static_cast<uint32_t>(root.field),
                      {{"hex", hex_of(root.page.bytes())}},
                      root.page_size,
                      root.height,
                      root.first,
                      root.last,
                      root.rows,
                      root.records,
                      root.segments,
                      root.bytes};
  EXPECT_EQ(found, value);
}

void expect_field(const Field& field, const json& value) {
  EXPECT_EQ(static_cast<uint32_t>(field.id), value["id"].get<uint32_t>());
  EXPECT_EQ(field.name, value["name"].get<std::string>());
  EXPECT_EQ(type_name(field.type), value["type"].get<std::string>());
  EXPECT_EQ(field.required, value["required"].get<bool>());
  EXPECT_EQ(field.mime, value.value("mime", ""));
  EXPECT_EQ(field.algorithm, value.value("algorithm", ""));
  EXPECT_EQ(json(field.info), value.value("info", json::object()));
  if (value.contains("dtype")) {
    EXPECT_EQ(dtype_name(field.dtype), value["dtype"].get<std::string>());
  }
  const json shape =
      value.contains("dim") ? json::array({value["dim"]}) : value.value("shape", json::array());
  EXPECT_EQ(json(field.shape), shape);
}

void expect_manifest(const Manifest& m, const json& value) {
  EXPECT_EQ(hex_of(m.nonce), value["nonce"]["hex"].get<std::string>());
  EXPECT_EQ(hex_of(m.timeline.bytes()), value["timeline"]["hex"].get<std::string>());
  EXPECT_EQ(m.generation, value["generation"].get<uint64_t>());
  EXPECT_EQ(m.depth, value["depth"].get<uint64_t>());
  EXPECT_EQ(hex_of(m.write), value["write"]["hex"].get<std::string>());
  EXPECT_EQ(m.operation, value["operation"].get<std::string>());
  EXPECT_EQ(m.writer, value["writer"].get<std::string>());
  EXPECT_EQ(m.time_ns, value["time_ns"].get<uint64_t>());
  EXPECT_EQ(json(m.meta), value["meta"]);
  json parents = json::array();
  for (const Address& parent : m.parents) parents.push_back({{"hex", hex_of(parent.bytes())}});
  EXPECT_EQ(parents, value["parents"]);
  json ancestors = json::array();
  for (const Ancestor& a : m.ancestors)
    ancestors.push_back(json::array({a.depth, {{"hex", hex_of(a.manifest.bytes())}}}));
  EXPECT_EQ(ancestors, value["ancestors"]);
  EXPECT_EQ(m.schema.next_id(), value["schema"]["next"].get<uint32_t>());
  ASSERT_EQ(m.schema.fields().size(), value["schema"]["fields"].size());
  for (size_t i = 0; i < m.schema.fields().size(); ++i)
    expect_field(m.schema.fields()[i], value["schema"]["fields"][i]);
  ASSERT_EQ(m.tracks.size(), value["tracks"].size());
  for (size_t i = 0; i < m.tracks.size(); ++i) expect_root(m.tracks[i], value["tracks"][i]);
  ASSERT_EQ(m.ledger.has_value(), !value["ledger"].is_null());
  if (m.ledger) expect_root(*m.ledger, value["ledger"]);
  const json tombstones = value["tombstones"].is_null() ? json::array() : value["tombstones"];
  ASSERT_EQ(m.tombstones.size(), tombstones.size());
  for (size_t i = 0; i < m.tombstones.size(); ++i) expect_root(m.tombstones[i], tombstones[i]);
  ASSERT_EQ(m.replaced.has_value(), value.contains("replaced"));
  if (m.replaced) expect_root(*m.replaced, value["replaced"]);
}

TEST(Vectors, Manifest) {
  Buffer kept;
  check_structure(
      "manifest", parse_manifest,
      [&](const Manifest& m) { return (kept = write_manifest(m).value()).span(); },
      expect_manifest);
}

json bound_to_json(const Bound& bound) {
  if (const auto* b = std::get_if<bool>(&bound)) return *b;
  if (const auto* i = std::get_if<int64_t>(&bound)) return *i;
  if (const auto* s = std::get_if<std::string>(&bound))
    return {{"hex", hex_of(std::as_bytes(std::span(*s)))}};
  const auto* d = std::get_if<double>(&bound);
  if (d == nullptr) return nullptr;
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx",
                static_cast<unsigned long long>(std::bit_cast<uint64_t>(*d)));
  return {{"f64", digits}};
}

json stats_to_json(const ColumnStats& column) {
  json extra = nullptr;
  if (column.is_float) extra = column.has_nan;
  if (column.distinct) {
    extra = json::array();
    for (const std::string& word : *column.distinct)
      extra.push_back({{"hex", hex_of(std::as_bytes(std::span(word)))}});
  }
  return json::array({column.present, bound_to_json(column.min), bound_to_json(column.max), extra});
}

json entry_to_json(const Entry& e, uint32_t height) {
  json stats = json::object();
  for (const auto& [field, column] : e.stats)
    stats[std::to_string(static_cast<uint32_t>(field))] = stats_to_json(column);
  const json child = {{"hex", hex_of(e.child.bytes())}};
  if (height == 0)
    return json::array(
        {e.first, e.last, e.step, e.rows, e.records, e.seq, child, e.size, e.footer, stats});
  return json::array(
      {e.first, e.last, e.rows, e.records, e.seq, child, e.size, e.segments, e.bytes, stats});
}

TEST(Vectors, Page) {
  Buffer kept;
  check_structure(
      "page", parse_page, [&](const Page& page) { return (kept = write_page(page)).span(); },
      [](const Page& page, const json& value) {
        EXPECT_EQ(page.height, value["height"].get<uint32_t>());
        ASSERT_EQ(page.entries.size(), value["entries"].size());
        for (size_t i = 0; i < page.entries.size(); ++i)
          EXPECT_EQ(entry_to_json(page.entries[i], page.height), value["entries"][i]);
      });
}

TEST(Vectors, InnerEntriesSumThePagesBelow) {
  const json file = load("page");
  size_t checked = 0;
  for (const json& test : file["accept"]) {
    if (!test.contains("below")) continue;
    const auto page = parse_page(bytes_of(test), "page");
    ASSERT_TRUE(page);
    ASSERT_EQ(page->entries.size(), test["below"].size());
    for (size_t i = 0; i < page->entries.size(); ++i, ++checked) {
      const auto bytes = unhex(test["below"][i].get<std::string>());
      const auto below = parse_page(bytes, "below");
      ASSERT_TRUE(below);
      EXPECT_EQ(summarize(*below, Address::of(bytes), bytes.size()), page->entries[i]);
    }
  }
  EXPECT_GT(checked, 0u);
}

TEST(Vectors, Ledger) {
  check_structure(
      "ledger", parse_page,
      [kept = Buffer()](const Page& page) mutable { return (kept = write_page(page)).span(); },
      [](const Page& page, const json& value) {
        ASSERT_EQ(page.entries.size(), 1u);
        EXPECT_EQ(entry_to_json(page.entries[0], 0), value);
      });
}

TEST(Vectors, Ancestors) {
  // Every version up to the deepest of the file, each made from its parent alone.
  const json file = load("ancestors");
  const auto address_of = [](uint64_t depth) {
    return Address::of(Buffer::copy_of("version " + std::to_string(depth)).span());
  };
  Manifest version;
  for (const json& test : file["accept"]) {
    while (version.depth < test["depth"].get<uint64_t>()) {
      Manifest child;
      child.ancestors = ancestors_of_child(version, address_of(version.depth));
      child.depth = version.depth + 1;
      version = std::move(child);
    }
    CborWriter out;
    out.array(version.ancestors.size());
    for (const Ancestor& a : version.ancestors) {
      out.array(2);
      out.uint(a.depth);
      out.bytes(a.manifest.bytes());
    }
    EXPECT_EQ(hex_of(out.span()), test["hex"].get<std::string>()) << test["name"];
  }
}

// A column of the values of a case of stats.json, which are all present.
struct TestColumn {
  Column column;
  explicit TestColumn(const json& test) {
    column.type = parse_type(test["type"].get<std::string>()).value();
    std::string values;
    std::vector<uint32_t> offsets{0};
    const auto append = [&](auto v) { values.append(reinterpret_cast<const char*>(&v), sizeof v); };
    for (const json& value : test["values"]) {
      if (column.type == FieldType::kBool)
        append(static_cast<uint8_t>(value.get<bool>()));
      else if (column.type == FieldType::kFloat)
        append(float_of(value));
      else if (value.is_object())
        values += string_of(value);
      else
        append(value.get<int64_t>());
      offsets.push_back(static_cast<uint32_t>(values.size()));
    }
    column.values = Buffer::copy_of(values);
    column.offsets = Buffer::copy_of(std::as_bytes(std::span(offsets)));
  }
};

TEST(Vectors, Stats) {
  const json file = load("stats");
  for (const json& test : file["accept"]) {
    SCOPED_TRACE(test["name"].get<std::string>());
    const ColumnStats stats = compute_stats(TestColumn(test).column);
    EXPECT_EQ(stats_to_json(stats), test["value"]);
    CborWriter out;
    write_stats({{FieldId{1}, stats}}, out);
    EXPECT_EQ(hex_of(out.span()), "a101" + test["hex"].get<std::string>());
    CborReader in(out.span());
    EXPECT_EQ(parse_stats(in).value(), (Stats{{FieldId{1}, stats}}));
  }
  const auto parse = [](const json& value) {
    CborWriter out;
    out.map(1);
    out.uint(1);
    write_value(value, out);
    CborReader in(out.span());
    return parse_stats(in).value();
  };
  for (const json& test : file["merge"]) {
    SCOPED_TRACE(test["name"].get<std::string>());
    Stats forward = parse(test["left"]);
    merge_stats(forward, parse(test["right"]));
    EXPECT_EQ(stats_to_json(forward.at(FieldId{1})), test["value"]);
    Stats backward = parse(test["right"]);
    merge_stats(backward, parse(test["left"]));
    EXPECT_EQ(stats_to_json(backward.at(FieldId{1})), test["value"]);
  }
}

}  // namespace
}  // namespace dreamdb
