// Steps of a random history that write rows, and what the model says of each.
//
// Thread rule: one thread at a time. For tests.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dataset/model_history.h"

namespace dreamdb::testing {

class ModelWrites : public ModelHistory {
 public:
  using ModelHistory::ModelHistory;

 protected:
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

  // Deletes records, or values of a field, at some anchors or where something is.
  void erase() {
    Handle& handle = writable();
    const std::string base = handle.ds.manifest(), tip = refs_[handle.ref];
    const ModelVersion& seen = versions_[base];
    DeleteOptions options;
    options.skip_missing = random_.chance(60);
    std::string field;
    if (random_.chance(40)) {
      std::vector<std::string> names;
      for (const Field& one : seen.fields)
        if (!one.required) names.push_back(one.name);
      field = random_.pick(names);
      options.fields = std::vector<std::string>{field};
    }
    const ModelWhere where = random_.where();
    const bool by_where = random_.chance(40);
    std::vector<uint64_t> anchors;
    if (by_where) {
      for (const auto& [anchor, values] : seen.records)
        if (where.test(values) == true) anchors.push_back(anchor);
      if (anchors.size() > 40) return;  // something is to be left
    } else {
      for (size_t i = random_.below(12); i > 0; --i) anchors.push_back(random_.below(60) * spread_);
      std::ranges::sort(anchors);
      anchors.erase(std::ranges::unique(anchors).begin(), anchors.end());
    }
    const auto knows = [&](const ModelVersion& version) {
      return std::ranges::all_of(anchors, [&](uint64_t anchor) {
        return version.records.contains(anchor) || version.deleted.contains(anchor);
      });
    };
    const auto report = by_where ? handle.ds.delete_where(*Where::parse(where.text), options)
                                 : handle.ds.delete_records(anchors, options);
    if (!options.skip_missing && !knows(seen)) {
      ASSERT_FALSE(report);
      ASSERT_EQ(report.error().code, Code::kNotFound) << report.error().message;
      ASSERT_EQ(handle.ds.manifest(), base);
      return;
    }
    ASSERT_TRUE(report) << report.error().message;
    ASSERT_EQ(report->manifest, handle.ds.manifest());
    // Of what the handle does not see nothing is deleted.
    std::erase_if(anchors, [&](uint64_t anchor) {
      const auto held = seen.records.find(anchor);
      return held == seen.records.end() || (!field.empty() && !held->second.contains(field));
    });
    if (anchors.empty()) {
      ASSERT_EQ(report->deleted, 0u);
      ASSERT_EQ(handle.ds.manifest(), base);
      return;
    }
    ModelVersion next = versions_[tip];
    const uint64_t count = next.erase(anchors, field);
    ASSERT_EQ(report->deleted, count);
    if (count == 0) {
      ASSERT_EQ(handle.ds.manifest(), tip);
    } else {
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
    const bool may_replace = next.deleted.empty() && next.deleted_values.empty();
    options.append.on_conflict =
        may_replace && random_.chance(50) ? OnConflict::kReplace : OnConflict::kSkip;
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
      if ((*info)->manifest != handle.ds.manifest()) add_as_read((*info)->manifest, next);
    }
    moved(handle, std::move(next));
  }

  // A new version with the records of the tip, and codes for those of the handle's own.
  void reindex() {
    Handle& handle = writable();
    const std::string base = handle.ds.manifest(), tip = refs_[handle.ref];
    uint64_t rows = 0;
    for (const auto& [anchor, values] : versions_[base].records) rows += values.contains("emb");
    IndexOptions options;
    options.cells = rows == 0 ? 0 : random_.below(std::min<uint64_t>(rows, 6));
    options.bits = 1 + static_cast<uint32_t>(random_.below(3));
    options.seed = random_.below(100);
    options.algorithm = std::vector<std::string>{"dreamdb.ivf-cosine", "dreamdb.ivf-ip",
                                                 "dreamdb.ivf-l2"}[random_.below(3)];
    const auto info = handle.ds.reindex("emb", options);
    if (rows == 0) {
      ASSERT_FALSE(info);
      ASSERT_EQ(info.error().code, Code::kInvalidArgument) << info.error().message;
      return;
    }
    ASSERT_TRUE(info) << info.error().message;
    ASSERT_EQ(info->codes, rows);
    moved(handle, versions_[tip]);
  }

  // Takes a version's content from a full read: later reads of it must say the same.
  // after: a later version, that has deleted nothing more.
  void add_as_read(const std::string& manifest, const ModelVersion& after) {
    OpenOptions options;
    options.manifest = manifest;
    auto ds = open_in(spaces_[0], "main", options);
    ASSERT_TRUE(ds) << ds.error().message;
    ModelVersion version;
    version.fields = ds->schema().fields();
    const auto meta = ds->meta();
    version.meta = {meta.begin(), meta.end()};
    version.deleted = after.deleted;
    version.deleted_values = after.deleted_values;
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
};

}  // namespace dreamdb::testing
