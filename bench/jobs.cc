// Parts of a figure that run in processes of their own.
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "bench/benches.h"

namespace dreamdb::bench {

Result<std::vector<nlohmann::json>> run_jobs(const std::string& name,
                                             const std::vector<std::vector<std::string>>& args) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe");
  std::vector<FILE*> pipes;
  for (const auto& list : args) {
    std::string command = "'";
    command.append(program).append("' --job ").append(name);
    for (const std::string& arg : list) command.append(" '").append(arg).append("'");
    FILE* pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) return fail(Code::kExhausted, "cannot start a process: " + command);
    pipes.push_back(pipe);
  }
  std::vector<nlohmann::json> lines;
  bool all_well = true;
  for (FILE* pipe : pipes) {
    std::string text;
    char piece[4096];
    for (size_t got; (got = fread(piece, 1, sizeof piece, pipe)) > 0;) text.append(piece, got);
    lines.push_back(nlohmann::json::parse(text, nullptr, false));
    all_well = pclose(pipe) == 0 && !lines.back().is_discarded() && all_well;
  }
  if (!all_well) return fail(Code::kInternal, "a process of the job " + name + " failed");
  return lines;
}

namespace {

Status stream_to_end(const std::string& folder, uint64_t count, uint64_t batch_rows) {
  DREAMDB_ASSIGN(const Dataset dataset, Dataset::open(locator_of(folder)));
  ReadOptions options;
  options.batch_rows = batch_rows;
  DREAMDB_ASSIGN(BatchStream stream, dataset.stream(options));
  uint64_t rows = 0;
  for (;;) {
    DREAMDB_ASSIGN(const std::optional<Batch> batch, stream.next());
    if (!batch) break;
    rows += batch->rows();
  }
  if (rows == count) return {};
  return fail(Code::kInternal, "columns: streamed " + std::to_string(rows) + " rows");
}

}  // namespace

Result<nlohmann::json> run_job(const std::string& name, const std::vector<std::string>& args) {
  DREAMDB_ASSIGN(std::vector<nlohmann::json> lines, run_jobs(name, {args}));
  return std::move(lines[0]);
}

Status make_apart(const std::string& folder, const Fields& fields, uint64_t count) {
  std::string letters;
  if (fields.blob) letters += 'b';
  if (fields.embedding) letters += 'e';
  if (fields.scalars) letters += 's';
  DREAMDB_TRY(run_job("make", {folder, letters, std::to_string(count)}));
  return {};
}

// args: folder, letters of the fields (b, e, s), number of records.
Status make_job(std::span<const std::string> args) {
  if (args.size() != 3) return fail(Code::kInvalidArgument, "make: expected 3 arguments");
  const auto has = [&](char letter) { return args[1].find(letter) != std::string::npos; };
  const Fields fields{has('b'), has('e'), has('s')};
  const uint64_t count = std::strtoull(args[2].c_str(), nullptr, 10);
  DREAMDB_ASSIGN(const double seconds, timed([&]() -> Status {
                   DREAMDB_TRY(make_dataset(args[0], fields, count));
                   return {};
                 }));
  const nlohmann::json line = {{"seconds", seconds}};
  std::puts(line.dump().c_str());
  return {};
}

// What bench/python_figures.py does from Python, on the same records. args: in or out, folder,
// number of records, rows a batch.
Status columns_job(std::span<const std::string> args) {
  if (args.size() != 4) return fail(Code::kInvalidArgument, "columns: expected 4 arguments");
  const Fields fields{false, true, false, true};
  const uint64_t count = std::strtoull(args[2].c_str(), nullptr, 10);
  const bool in = args[0] == "in";
  const Records records(fields, 0, in ? count : 0);
  DREAMDB_ASSIGN(
      const double seconds, timed([&]() -> Status {
        if (!in) return stream_to_end(args[1], count, std::strtoull(args[3].c_str(), nullptr, 10));
        DREAMDB_ASSIGN(Dataset dataset, Dataset::create(locator_of(args[1]), schema_of(fields)));
        return append_all(dataset, records);
      }));
  const nlohmann::json line = {{"seconds", seconds}};
  std::puts(line.dump().c_str());
  return {};
}

}  // namespace dreamdb::bench
