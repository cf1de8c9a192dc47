// The figures, each measured and printed by one function; bench/README.md says what each means.
//
// Thread rule: one at a time.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/figure.h"

namespace dreamdb::bench {

Status ingest_vectors(const Settings& settings);
Status ingest_blobs(const Settings& settings);
Status stream_vectors(const Settings& settings);
Status stream_blobs(const Settings& settings);
Status stream_all(const Settings& settings);
Status take(const Settings& settings);
Status search_exact(const Settings& settings);
Status growth(const Settings& settings);
Status open_million(const Settings& settings);
Status memory(const Settings& settings);
Status commits(const Settings& settings);

// Jobs: work in a process of its own, whose parent measures it. `args` as documented beside each;
// they print one line of JSON.
Status memory_job(std::span<const std::string> args);
Status commits_job(std::span<const std::string> args);

// Runs this program as `dreamdb_bench --job NAME args...` and returns what it printed.
Result<std::string> run_job(const std::string& name, const std::vector<std::string>& args);
// The same several times at once.
Result<std::vector<std::string>> run_jobs(const std::string& name,
                                          const std::vector<std::vector<std::string>>& args);

}  // namespace dreamdb::bench
