// Reads of a version compared with its model: streams, takes, searches, distinct values.
//
// Thread rule: one thread at a time. For tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "dataset/model.h"

namespace dreamdb::testing {

class ModelReads {
 public:
  // Anchors are multiples of `spread`. `random` must outlive this.
  ModelReads(ModelRandom& random, uint64_t spread) : random_(random), spread_(spread) {}

  // All kinds of reads of `ds`, whose version is `version`; failures are those of GoogleTest.
  void check(const Dataset& ds, const ModelVersion& version) {
    ASSERT_EQ(ds.schema().fields(), version.fields);
    ASSERT_EQ(*ds.count(), version.records.size());
    const auto meta = ds.meta();
    ASSERT_EQ(std::map(meta.begin(), meta.end()), version.meta);
    stream(ds, version);
    take(ds, version);
    search(ds, version);
    distinct(ds, version);
  }

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

 private:
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
    options.exact = random_.chance(30);
    options.recall = random_.chance(50) ? 1 : 0.5;
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
    const SearchHits& found = hits->hits[0];
    ASSERT_EQ(found.scores.size(), expected.size());
    // Through an index others may be found, but as many that match, and their own scores.
    const bool is_exact = hits->report.algorithm.empty();
    const double sign = options.distance == Distance::kL2 ? -1 : 1;
    std::set<uint64_t> seen;
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NO_FATAL_FAILURE(expect_row(version, found.rows, i));
      const uint64_t anchor = found.rows.anchors()[i];
      const Values& values = version.records.at(anchor);
      ASSERT_NEAR(score(values.at("emb")), found.scores[i], 1e-4);
      ASSERT_TRUE(seen.insert(anchor).second);
      ASSERT_TRUE(anchor >= options.start && anchor < options.end);
      ASSERT_TRUE(!options.where || where.test(values) == true);
      if (is_exact) {
        ASSERT_NEAR(found.scores[i], expected[i], 1e-4);
      } else {
        ASSERT_LE(sign * found.scores[i], sign * expected[i] + 1e-4);
      }
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

  ModelRandom& random_;
  const uint64_t spread_;
};

}  // namespace dreamdb::testing
