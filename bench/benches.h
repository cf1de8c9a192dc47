// The figures, each measured and printed by one function; bench/README.md says what each means.
//
// Thread rule: one at a time.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/data.h"
#include "bench/figure.h"

namespace dreamdb::bench {

Status ingest_vectors(const Settings& settings);
Status ingest_blobs(const Settings& settings);
Status stream_vectors(const Settings& settings);
Status stream_blobs(const Settings& settings);
Status stream_all(const Settings& settings);
Status take(const Settings& settings);
Status search_exact(const Settings& settings);
Status search_index(const Settings& settings);
Status search_filtered(const Settings& settings);
Status search_costs(const Settings& settings);
Status scan(const Settings& settings);
Status encode(const Settings& settings);
Status codes(const Settings& settings);
Status growth(const Settings& settings);
Status merge_branches(const Settings& settings);
Status delete_records(const Settings& settings);
Status open_million(const Settings& settings);
Status memory(const Settings& settings);
Status compact_memory(const Settings& settings);
Status gc_memory(const Settings& settings);
Status commits(const Settings& settings);
Status bucket_ingest(const Settings& settings);
Status bucket_stream(const Settings& settings);
Status bucket_commits(const Settings& settings);

// Jobs: work in a process of its own. What `args` are stands beside each; they print one line of
// JSON.
Status make_job(std::span<const std::string> args);
Status columns_job(std::span<const std::string> args);
Status memory_job(std::span<const std::string> args);
Status compact_job(std::span<const std::string> args);
Status gc_job(std::span<const std::string> args);
Status commits_job(std::span<const std::string> args);
Status vectors_job(std::span<const std::string> args);

// Runs this program as `dreamdb_bench --job NAME args...` and returns what it printed.
Result<nlohmann::json> run_job(const std::string& name, const std::vector<std::string>& args);
// The same several times at once.
Result<std::vector<nlohmann::json>> run_jobs(const std::string& name,
                                             const std::vector<std::vector<std::string>>& args);

// Streams all records; how many there were.
Result<uint64_t> stream_rows(const Dataset& dataset);

// make_dataset in a process of its own, so that a figure finds its own process as it was started.
Status make_apart(const std::string& folder, const Fields& fields, uint64_t count);

}  // namespace dreamdb::bench
