// What all commands share: the session, how one is added, and options that mean the same in each.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/json.h"
#include "cli/option.h"
#include "cli/output.h"
#include "dreamdb/dataset.h"

namespace dreamdb::cli {

// One run of the program.
struct Session {
  bool json = false;         // --json
  bool cost = false;         // --cost
  bool quiet = false;        // --quiet
  std::string cache_folder;  // --cache; empty: not given
  std::string cache_size;    // --cache-size, a size that can be parsed; empty: not given
  std::string prices_file;   // --prices; empty: not given
  Output out{1, "standard output"};
  std::vector<Dataset> opened;          // for --cost
  std::vector<StoreStats> costs;        // of work without a dataset
  std::function<Status(Session&)> run;  // the command that was chosen, its options bound
  std::string command;                  // its name, for messages
  int code = 0;                         // what the program ends with when `run` is ok
};

// Adds a command. `examples` are shell lines; lines that begin with `#` are comments.
Command add_command(CLI::App& app, Session& session, const std::string& name,
                    const std::string& summary, const std::string& details,
                    const std::string& examples);

// Binds what the command does; `options` lives as long as the program.
template <typename Options>
void on_run(Command command, Session& session, std::shared_ptr<Options> options,
            Status (*act)(const Options&, Session&)) {
  command.on_chosen([command, &session, options = std::move(options), act] {
    session.command = command.name();
    session.run = [options, act](Session& s) { return act(*options, s); };
  });
}

// What is read: a dataset, of which version, which rows and which fields.
struct ReadArgs {
  std::string locator;
  std::string at;
  std::optional<std::string> where;  // not given is no filter; empty text is an error
  std::vector<std::string> fields;
  uint64_t start = 0;
  uint64_t end = UINT64_MAX;
};

void add_locator(Command command, std::string& locator);
void add_at(Command command, std::string& at);
void add_where(Command command, std::optional<std::string>& where);
void add_fields(Command command, std::vector<std::string>& fields);
void add_range(Command command, ReadArgs& args);

// The disk cache that `--cache` and `--cache-size` say.
DiskCache disk_cache_of(const Session& session);
// Makes the dataset of `locator`. Errors as Dataset::create.
Result<Dataset> create_dataset(Session& session, const std::string& locator, const Schema& schema,
                               int64_t origin_ns = 0);
// Opens `locator`, or the version that `at` names by address or time.
Result<Dataset> open_dataset(Session& session, const std::string& locator,
                             const std::string& at = "");
// A ref of the dataset's store, or a locator.
Result<Dataset> open_beside(Session& session, const Dataset& dataset, const std::string& name);
// The filter that `--where` gives, if it is given.
Result<std::optional<Where>> parse_where(const std::optional<std::string>& text);
// InvalidArgument: no anchor lies from `start` to `end`.
Status check_range(const ReadArgs& args);
// Where, fields and range as the library takes them.
Result<ReadOptions> read_options(const ReadArgs& args);
// `--on-conflict refuse|skip|replace`.
void add_on_conflict(Command command, std::string& on_conflict);
OnConflict parse_on_conflict(const std::string& text);  // one that add_on_conflict let through
// The schema of `--schema FILE.json` or of `--field SPEC...`, of exactly one of them.
Result<Schema> schema_of_options(const std::string& file, const std::vector<std::string>& specs);

// The counts of an append, for --json; and one sentence of them for people.
OrderedJson report_json(const AppendReport& report);
std::string report_text(const AppendReport& report);

// Every command, one function and one file each (or one for a noun).
void add_create(CLI::App& app, Session& session);
void add_schema(CLI::App& app, Session& session);
void add_ingest(CLI::App& app, Session& session);
void add_append(CLI::App& app, Session& session);
void add_count(CLI::App& app, Session& session);
void add_ls(CLI::App& app, Session& session);
void add_show(CLI::App& app, Session& session);
void add_stream(CLI::App& app, Session& session);
void add_export(CLI::App& app, Session& session);
void add_search(CLI::App& app, Session& session);
void add_reindex(CLI::App& app, Session& session);
void add_compact(CLI::App& app, Session& session);
void add_take(CLI::App& app, Session& session);
void add_versions(CLI::App& app, Session& session);  // snapshot, branch, delete-ref
void add_log(CLI::App& app, Session& session);
void add_delete(CLI::App& app, Session& session);  // delete, tombstones
void add_restore(CLI::App& app, Session& session);
void add_diff(CLI::App& app, Session& session);
void add_merge(CLI::App& app, Session& session);
void add_fingerprint(CLI::App& app, Session& session);  // and join-fingerprints
void add_verify(CLI::App& app, Session& session);
void add_repair(CLI::App& app, Session& session);
void add_gc(CLI::App& app, Session& session);
void add_sessions(CLI::App& app, Session& session);
void add_stat(CLI::App& app, Session& session);
void add_values(CLI::App& app, Session& session);
void add_meta(CLI::App& app, Session& session);
void add_doctor(CLI::App& app, Session& session);
void add_completion(CLI::App& app, Session& session);
void add_man(CLI::App& app, Session& session);

}  // namespace dreamdb::cli
