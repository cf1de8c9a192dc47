// Random histories against the model of model.h: several handles write, branch and read.
#include "dataset/model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/one_in.h"
#include "dataset/dataset_impl.h"
#include "store/memory_store.h"

namespace dreamdb {
namespace {

using namespace testing;

std::vector<Field> all_fields() {
  Field array = field_of("arr", FieldType::kArray, false);
  array.dtype = Dtype::kI16;
  array.shape = {2, 1};
  return {embedding_field("emb", 3),
          field_of("img", FieldType::kImage, false),
          field_of("label", FieldType::kCategorical),
          field_of("note", FieldType::kString, false),
          field_of("n", FieldType::kInt, false),
          field_of("f", FieldType::kFloat, false),
          array,
          field_of("flag", FieldType::kBool, false),
          field_of("at", FieldType::kTimestamp, false),
          field_of("text", FieldType::kText, false)};
}

class History {
 public:
  explicit History(uint64_t seed) : random_(seed) {
    const auto store = std::make_shared<MemoryStore>("model");
    for (const uint64_t cache_bytes : {0ull, 4ull << 20})
      spaces_.push_back(Space::on(store, "memory://model", cache_bytes));
    Schema schema;
    ModelVersion first;
    for (Field& field : all_fields()) EXPECT_TRUE(schema.add(std::move(field)));
    first.fields = schema.fields();
    auto made = create_in(spaces_[0], "main", schema);
    EXPECT_TRUE(made) << made.error().message;
    versions_[made->manifest()] = first;
    refs_["main"] = made->manifest();
    handles_.push_back({*std::move(made), "main"});
    open();
  }

  void step() {
    switch (random_.below(14)) {
      case 0: return open();
      case 1: return refresh();
      case 2: return branch();
      case 3: return snapshot();
      case 4: return add_field();
      case 5: return set_meta();
      case 6: return write_many();
      case 7: return assign();
      case 8: return look_back();
      default: return append();
    }
  }

  void read() {
    const Handle& handle = random_.pick(handles_);
    const ModelVersion& version = versions_.at(handle.ds.manifest());
    ASSERT_EQ(handle.ds.schema().fields(), version.fields);
    ASSERT_EQ(*handle.ds.count(), version.records.size());
    const auto meta = handle.ds.meta();
    ASSERT_EQ(std::map(meta.begin(), meta.end()), version.meta);
    stream(handle.ds, version);
    take(handle.ds, version);
    search(handle.ds, version);
    distinct(handle.ds, version);
  }

  // Every version that was ever made is as it was.
  void read_all_versions() {
    for (const auto& [manifest, version] : versions_) {
      OpenOptions options;
      options.manifest = manifest;
      auto ds = open_in(spaces_[1], "main", options);
      ASSERT_TRUE(ds) << ds.error().message;
      stream(*ds, version);
    }
  }

 private:
  struct Handle {
    Dataset ds;
    std::string ref;  // empty: cannot be written through
  };

  Handle& writable() {
    for (;;) {
      Handle& handle = handles_[random_.below(handles_.size())];
      if (!handle.ref.empty()) return handle;
    }
  }

  void open() {
    std::vector<std::string> names;
    for (const auto& [name, manifest] : refs_) names.push_back(name);
    const std::string& name = random_.pick(names);
    auto ds = open_in(random_.pick(spaces_), name);
    ASSERT_TRUE(ds) << ds.error().message;
    ASSERT_EQ(ds->manifest(), refs_[name]);
    ASSERT_EQ(ds->is_snapshot(), name.find('@') != std::string::npos);
    handles_.push_back({*ds, ds->is_snapshot() ? "" : name});
  }

  void refresh() {
    Handle& handle = writable();
    const bool stale = handle.ds.manifest() != refs_[handle.ref];
    auto moved = handle.ds.refresh();
    ASSERT_TRUE(moved) << moved.error().message;
    ASSERT_EQ(*moved, stale);
    ASSERT_EQ(handle.ds.manifest(), refs_[handle.ref]);
  }

  void branch() {
    const Dataset from = random_.pick(handles_).ds;
    const std::string name = "b" + std::to_string(random_.below(4));
    auto made = from.branch(name);
    if (refs_.contains(name)) {
      ASSERT_FALSE(made);
      ASSERT_EQ(made.error().code, Code::kAlreadyExists);
      return;
    }
    ASSERT_TRUE(made) << made.error().message;
    ASSERT_EQ(made->manifest(), from.manifest());
    refs_[name] = from.manifest();
    handles_.push_back({*std::move(made), name});
  }

  void snapshot() {
    Handle& handle = writable();
    const std::string label = "v" + std::to_string(random_.below(3));
    const std::string name = handle.ref + "@" + label;
    auto made = handle.ds.snapshot(label);
    ASSERT_EQ(made.has_value(), !refs_.contains(name));
    if (!made) {
      ASSERT_EQ(made.error().code, Code::kAlreadyExists);
      return;
    }
    refs_[name] = handle.ds.manifest();
    auto ds = open_in(spaces_[0], name);
    ASSERT_TRUE(ds);
    ASSERT_EQ(ds->append(rows_of({{7, {}}}, {})).error().code, Code::kDenied);
  }

  void add_field() {
    Handle& handle = writable();
    const Field field = field_of("more" + std::to_string(random_.below(3)),
                                 random_.chance(50) ? FieldType::kInt : FieldType::kBlob, false);
    // Meets the tip, not the version of the handle.
    const bool taken = has_field(versions_[refs_[handle.ref]], field.name) ||
                       has_field(versions_[handle.ds.manifest()], field.name);
    const Status added = handle.ds.add_field(field);
    ASSERT_EQ(added.has_value(), !taken);
    if (!added) {
      ASSERT_EQ(added.error().code, Code::kAlreadyExists);
      return;
    }
    ModelVersion next = versions_[refs_[handle.ref]];
    next.fields = handle.ds.schema().fields();
    ASSERT_EQ(next.fields.size(), versions_[refs_[handle.ref]].fields.size() + 1);
    ASSERT_EQ(next.fields.back().name, field.name);
    moved(handle, std::move(next));
  }

  static bool has_field(const ModelVersion& version, const std::string& name) {
    return std::any_of(version.fields.begin(), version.fields.end(),
                       [&](const Field& f) { return f.name == name; });
  }

  void set_meta() {
    Handle& handle = writable();
    const std::string key = "k" + std::to_string(random_.below(3));
    ModelVersion next = versions_[refs_[handle.ref]];
    if (random_.chance(70)) {
      next.meta[key] = std::to_string(random_.below(9));
      ASSERT_TRUE(handle.ds.set_meta(key, next.meta[key]));
    } else {
      next.meta.erase(key);
      ASSERT_TRUE(handle.ds.remove_meta(key));
    }
    moved(handle, std::move(next));
  }

  void look_back() {
    const Dataset ds = random_.pick(handles_).ds;
    auto history = ds.history();
    ASSERT_TRUE(history);
    std::vector<CommitInfo> infos;
    for (;;) {
      auto info = history->next();
      ASSERT_TRUE(info) << info.error().message;
      if (!*info) break;
      infos.push_back(**info);
    }
    ASSERT_FALSE(infos.empty());
    ASSERT_EQ(infos.front().manifest, ds.manifest());
    const size_t depth = random_.below(infos.size());
    const CommitInfo& chosen = infos[infos.size() - 1 - depth];
    ASSERT_EQ(ds.version_at(depth)->manifest, chosen.manifest);
    ASSERT_EQ(chosen.records, versions_.at(chosen.manifest).records.size());
    OpenOptions options;
    options.manifest = chosen.manifest;
    auto old = open_in(spaces_[0], "main", options);
    ASSERT_TRUE(old);
    handles_.push_back({*std::move(old), ""});
  }

  // ---- rows

  NewRows rows_of(const std::vector<ModelRow>& rows, const std::vector<Field>& fields,
                  bool anchors = true) {
    std::vector<uint64_t> at;
    for (const ModelRow& row : rows) at.push_back(row.first);
    std::vector<Column> columns;
    for (const Field& field : fields) {
      std::vector<std::optional<std::string>> values;
      for (const ModelRow& row : rows) {
        const auto it = row.second.find(field.name);
        values.push_back(it == row.second.end() ? std::nullopt : std::optional(it->second));
      }
      columns.push_back(model_column(field, values));
    }
    NewRows out = rows_at(at, std::move(columns));
    if (!anchors) out.anchors.reset();
    return out;
  }

  std::vector<Field> some_fields(const ModelVersion& version, bool all_required) {
    std::vector<Field> out;
    for (const Field& field : version.fields)
      if ((field.required && all_required) || random_.chance(60)) out.push_back(field);
    for (size_t i = out.size(); i > 1; --i) std::swap(out[i - 1], out[random_.below(i)]);
    return out;
  }

  std::vector<ModelRow> some_rows(const std::vector<Field>& fields, int nulls_percent) {
    std::set<uint64_t> anchors;
    const uint64_t first = random_.below(60);
    const uint64_t step = 1 + random_.below(4);
    const size_t count = 1 + random_.below(30);
    const bool sequence = random_.chance(60);
    for (size_t i = 0; i < count; ++i)
      anchors.insert(sequence ? first + i * step : random_.below(150));
    std::vector<ModelRow> rows;
    for (const uint64_t anchor : anchors) {
      Values values;
      for (const Field& field : fields)
        if (field.required || !random_.chance(nulls_percent))
          values[field.name] = random_.value(field);
      rows.emplace_back(anchor * spread_, std::move(values));
    }
    if (random_.chance(30))
      for (size_t i = rows.size(); i > 1; --i) std::swap(rows[i - 1], rows[random_.below(i)]);
    return rows;
  }

  OnConflict some_mode() {
    return std::vector{OnConflict::kRefuse, OnConflict::kSkip,
                       OnConflict::kReplace}[random_.below(3)];
  }

  void moved(Handle& handle, ModelVersion version) {
    refs_[handle.ref] = handle.ds.manifest();
    versions_[handle.ds.manifest()] = std::move(version);
  }

  void append() {
    Handle& handle = writable();
    const std::string base = handle.ds.manifest();
    const std::string tip = refs_[handle.ref];
    const std::vector<Field> fields = some_fields(versions_[base], random_.chance(80));
    const std::vector<ModelRow> rows = some_rows(fields, random_.chance(50) ? 0 : 40);
    AppendOptions options;
    options.on_conflict = some_mode();
    ModelAppend expected = model_append(versions_[base], rows, options.on_conflict);
    const bool changes = !expected.error && !expected.written.empty();
    // A handle that others overtook judges its rows once more at the tip, those values too that
    // were equal to its own version's.
    if (changes && tip != base) expected = model_append(versions_[tip], rows, options.on_conflict);
    auto report = handle.ds.append(rows_of(rows, fields), options);
    if (expected.error) {
      ASSERT_FALSE(report);
      ASSERT_EQ(report.error().code, *expected.error) << report.error().message;
      ASSERT_EQ(handle.ds.manifest(), base);
      ASSERT_EQ(open_in(spaces_[0], handle.ref)->manifest(), tip);
      return;
    }
    ASSERT_TRUE(report) << report.error().message;
    ASSERT_EQ(report->rows, rows.size());
    ASSERT_EQ(report->manifest, handle.ds.manifest());
    if (tip == base) {
      ASSERT_EQ(report->records, expected.counts.records);
      ASSERT_EQ(report->filled, expected.counts.filled);
      ASSERT_EQ(report->unchanged, expected.counts.unchanged);
      ASSERT_EQ(report->skipped, expected.counts.skipped);
      ASSERT_EQ(report->replaced, expected.counts.replaced);
    }
    if (!changes) {
      ASSERT_EQ(handle.ds.manifest(), base);
    } else if (expected.written.empty()) {
      ASSERT_EQ(handle.ds.manifest(), tip);
    } else {
      ASSERT_FALSE(versions_.contains(handle.ds.manifest()));
      ModelVersion next = versions_[tip];
      next.records = std::move(expected.records);
      moved(handle, std::move(next));
    }
  }

  void assign() {
    Handle& handle = writable();
    ASSERT_TRUE(handle.ds.refresh());
    ModelVersion next = versions_[handle.ds.manifest()];
    const std::vector<Field> fields = some_fields(next, true);
    const std::vector<ModelRow> rows = some_rows(fields, 20);
    auto report = handle.ds.append(rows_of(rows, fields, false));
    ASSERT_TRUE(report) << report.error().message;
    ASSERT_EQ(report->records, rows.size());
    ASSERT_EQ(report->assigned.size(), 1u);
    const auto [first, last] = report->assigned[0];
    ASSERT_EQ((last - first) / 1000 + 1, rows.size());
    for (size_t i = 0; i < rows.size(); ++i)
      ASSERT_TRUE(next.records.emplace(first + i * 1000, rows[i].second).second);
    moved(handle, std::move(next));
  }

  void write_many() {
    Handle& handle = writable();
    ASSERT_TRUE(handle.ds.refresh());
    ModelVersion next = versions_[handle.ds.manifest()];
    WriterOptions options;
    options.append.on_conflict = random_.chance(50) ? OnConflict::kReplace : OnConflict::kSkip;
    options.buffer_bytes = 1 + random_.below(5'000);
    options.commit_rows = 1 + random_.below(100);
    options.commit_bytes = 1 + random_.below(100'000);
    auto writer = handle.ds.writer(options);
    ASSERT_TRUE(writer);
    std::vector<Field> fields = some_fields(next, true);
    uint64_t rows_given = 0;
    for (size_t n = 1 + random_.below(6); n > 0; --n) {
      if (random_.chance(20)) fields = some_fields(next, true);
      const std::vector<ModelRow> rows = some_rows(fields, 30);
      const Status status = writer->append(rows_of(rows, fields));
      ASSERT_TRUE(status) << status.error().message;
      rows_given += rows.size();
      ModelAppend appended = model_append(next, rows, options.append.on_conflict);
      ASSERT_FALSE(appended.error);
      next.records = std::move(appended.records);
    }
    auto report = writer->commit();
    ASSERT_TRUE(report) << report.error().message;
    ASSERT_EQ(report->rows, rows_given);
    // Versions on the way have a model of their own only where their content is known: the last.
    auto history = handle.ds.history();
    for (;;) {
      auto info = history->next();
      ASSERT_TRUE(info && *info);
      if (versions_.contains((*info)->manifest)) break;
      if ((*info)->manifest != handle.ds.manifest()) add_as_read((*info)->manifest);
    }
    moved(handle, std::move(next));
  }

  // Takes a version's content from a full read: later reads of it must say the same.
  void add_as_read(const std::string& manifest) {
    OpenOptions options;
    options.manifest = manifest;
    auto ds = open_in(spaces_[0], "main", options);
    ASSERT_TRUE(ds) << ds.error().message;
    ModelVersion version;
    version.fields = ds->schema().fields();
    const auto meta = ds->meta();
    version.meta = {meta.begin(), meta.end()};
    auto rows = ds->stream();
    for (;;) {
      auto batch = rows->next();
      ASSERT_TRUE(batch) << batch.error().message;
      if (!*batch) break;
      for (size_t i = 0; i < (*batch)->rows(); ++i) {
        Values& values = version.records[(*batch)->anchors()[i]];
        for (const Column& column : (*batch)->columns)
          if (auto value = model_value(version.field(column.name), column, i))
            values[column.name] = *value;
      }
    }
    versions_[manifest] = std::move(version);
  }

  // ---- reads

  void expect_row(const ModelVersion& version, const Batch& batch, size_t row) {
    const Values& values = version.records.at(batch.anchors()[row]);
    for (const Column& column : batch.columns) {
      const auto value = model_value(version.field(column.name), column, row);
      const auto it = values.find(column.name);
      ASSERT_EQ(value.has_value(), it != values.end())
          << column.name << " at " << batch.anchors()[row];
      if (value) {
        ASSERT_EQ(*value, it->second) << column.name << " at " << batch.anchors()[row];
      }
    }
  }

  void stream(const Dataset& ds, const ModelVersion& version) {
    ReadOptions options;
    std::vector<std::string> names;
    for (const Field& field : version.fields) names.push_back(field.name);
    if (random_.chance(70)) {
      std::erase_if(names, [&](const std::string&) { return random_.chance(50); });
      options.fields = names;
    }
    ModelWhere where{"", [](const Values&) { return std::optional(true); }};
    if (random_.chance(50)) {
      where = random_.where();
      auto parsed = Where::parse(where.text);
      ASSERT_TRUE(parsed) << parsed.error().message;
      options.where = *parsed;
    }
    if (random_.chance(30)) {
      options.start = random_.below(150) * spread_;
      options.end = random_.below(200) * spread_;
    }
    options.batch_rows = 1 + random_.below(40);
    if (random_.chance(50)) options.memory_bytes = random_.below(300'000);
    options.present_only = random_.chance(30);
    std::vector<uint64_t> expected;
    for (const auto& [anchor, values] : version.records) {
      if (anchor < options.start || anchor >= options.end || where.test(values) != true) continue;
      const bool present = std::any_of(names.begin(), names.end(), [&, &held = values](auto& name) {
        return held.contains(name);
      });
      if (!options.present_only || names.empty() || present) expected.push_back(anchor);
    }
    auto rows = ds.stream(options);
    ASSERT_TRUE(rows) << rows.error().message;
    std::vector<uint64_t> found;
    for (;;) {
      auto batch = rows->next();
      ASSERT_TRUE(batch) << batch.error().message;
      if (!*batch) break;
      ASSERT_EQ((*batch)->columns.size(), names.size());
      ASSERT_EQ((*batch)->rows(), std::min(options.batch_rows, expected.size() - found.size()));
      for (size_t i = 0; i < (*batch)->rows(); ++i) {
        found.push_back((*batch)->anchors()[i]);
        ASSERT_TRUE(version.records.contains(found.back()));
        ASSERT_NO_FATAL_FAILURE(expect_row(version, **batch, i));
      }
    }
    ASSERT_EQ(found, expected) << where.text;
    if (options.where) {
      size_t matches = 0;
      for (const auto& [anchor, values] : version.records) matches += where.test(values) == true;
      ASSERT_EQ(*ds.count(options.where), matches) << where.text;
    }
  }

  void take(const Dataset& ds, const ModelVersion& version) {
    std::vector<uint64_t> wanted, present;
    for (size_t i = random_.below(20); i > 0; --i) {
      wanted.push_back(random_.below(160) * spread_);
      if (version.records.contains(wanted.back())) present.push_back(wanted.back());
    }
    auto strict = ds.take(wanted);
    ASSERT_EQ(strict.has_value(), present.size() == wanted.size());
    if (!strict) {
      ASSERT_EQ(strict.error().code, Code::kNotFound);
    }
    auto batch = ds.take(wanted, std::nullopt, true);
    ASSERT_TRUE(batch) << batch.error().message;
    ASSERT_EQ(std::vector(batch->anchors(), batch->anchors() + batch->rows()), present);
    for (size_t i = 0; i < batch->rows(); ++i)
      ASSERT_NO_FATAL_FAILURE(expect_row(version, *batch, i));
  }

  static double inner(const std::string& a, const std::string& b) {
    double sum = 0;
    for (size_t i = 0; i < a.size() / 4; ++i)
      sum += static_cast<double>(value_of<float>(a.substr(i * 4, 4))) *
             static_cast<double>(value_of<float>(b.substr(i * 4, 4)));
    return sum;
  }

  void search(const Dataset& ds, const ModelVersion& version) {
    const std::string query = random_.value(version.field("emb"));
    SearchOptions options;
    options.top_k = random_.below(12);
    options.distance =
        std::vector{Distance::kCosine, Distance::kInnerProduct, Distance::kL2}[random_.below(3)];
    const auto score = [&](const std::string& v) {
      const double product = inner(query, v);
      if (options.distance == Distance::kInnerProduct) return product;
      if (options.distance == Distance::kL2) return inner(query, query) + inner(v, v) - 2 * product;
      return product / std::sqrt(inner(query, query) * inner(v, v));
    };
    ModelWhere where = random_.where();
    if (random_.chance(50)) options.where = *Where::parse(where.text);
    if (random_.chance(30)) {
      options.start = random_.below(100) * spread_;
      options.end = random_.below(200) * spread_;
    }
    std::vector<double> expected;
    for (const auto& [anchor, values] : version.records)
      if (values.contains("emb") && anchor >= options.start && anchor < options.end &&
          (!options.where || where.test(values) == true))
        expected.push_back(score(values.at("emb")));
    std::sort(expected.begin(), expected.end(), [&](double a, double b) {
      return options.distance == Distance::kL2 ? a < b : a > b;
    });
    expected.resize(std::min(options.top_k, expected.size()));
    std::vector<float> floats(3);
    std::memcpy(floats.data(), query.data(), query.size());
    auto hits = ds.search("emb", floats, 1, options);
    ASSERT_TRUE(hits) << hits.error().message;
    const SearchHits& found = (*hits)[0];
    ASSERT_EQ(found.scores.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(found.scores[i], expected[i], 1e-4);
      ASSERT_NO_FATAL_FAILURE(expect_row(version, found.rows, i));
      const Values& values = version.records.at(found.rows.anchors()[i]);
      ASSERT_NEAR(score(values.at("emb")), expected[i], 1e-4);
    }
  }

  void distinct(const Dataset& ds, const ModelVersion& version) {
    const std::string name = random_.pick<std::string>({"label", "note", "n", "f", "flag"});
    std::map<std::string, uint64_t> expected;
    for (const auto& [anchor, values] : version.records)
      if (values.contains(name)) ++expected[values.at(name)];
    auto found = ds.distinct_values(name);
    ASSERT_TRUE(found) << found.error().message;
    ASSERT_EQ(found->size(), expected.size());
    uint64_t before = UINT64_MAX;
    for (const auto& [value, count] : *found) {
      ASSERT_LE(count, before);
      before = count;
      const std::string bytes = std::visit(
          [](const auto& v) -> std::string {
            using T = std::decay_t<decltype(v)>;
            if constexpr (std::is_same_v<T, std::string>) return v;
            if constexpr (std::is_same_v<T, bool>) return std::string(1, v ? '\1' : '\0');
            if constexpr (std::is_arithmetic_v<T> && sizeof(T) == 8) return bytes_of(v);
            return "?";
          },
          value);
      ASSERT_EQ(count, expected[bytes]);
    }
  }

  ModelRandom random_;
  const uint64_t spread_ = random_.chance(50) ? 1 : 1'000'000'007;
  std::vector<std::shared_ptr<Space>> spaces_;
  std::vector<Handle> handles_;
  std::map<std::string, ModelVersion> versions_;  // by manifest
  std::map<std::string, std::string> refs_;
};

TEST(Model, RandomHistoriesAgreeWithIt) {
  for (uint64_t seed = 1; seed <= OneIn().of(300) && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History history(seed);
    for (int i = 0; i < 20 && !::testing::Test::HasFailure(); ++i) {
      history.step();
      if (!::testing::Test::HasFailure()) history.read();
    }
    if (!::testing::Test::HasFailure()) history.read_all_versions();
  }
}

}  // namespace
}  // namespace dreamdb
