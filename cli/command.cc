// The shared options and what they open.
#include "cli/command.h"

#include <algorithm>
#include <array>

#include "cli/field_spec.h"
#include "cli/file_bytes.h"
#include "cli/text.h"
#include "cli/time_text.h"
#include "dreamdb/size.h"

namespace dreamdb::cli {

namespace {

constexpr size_t kAddressChars = 53;

bool is_address(const std::string& text) {
  return text.size() == kAddressChars &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz234567") == std::string::npos;
}

// Commands that open no dataset.
constexpr std::array<std::string_view, 4> kWithoutDataset = {"doctor", "completion", "man",
                                                             "join-fingerprints"};

void add_cost_options(Command command, Session& session) {
  const std::string name = command.name();
  if (std::find(kWithoutDataset.begin(), kWithoutDataset.end(), name) != kWithoutDataset.end())
    return;
  command.add_option("--prices", session.prices_file,
                     "--cost in money too, by the prices of this JSON file, or of the one that "
                     "DREAMDB_PRICES names");
  command.add_option("--cache", session.cache_folder,
                     "keep what is read of the store in this folder on a local disk, for all "
                     "processes; also DREAMDB_CACHE");
  command
      .add_option("--cache-size", session.cache_size,
                  "how large the cache may grow, for example 20GB (the default); also "
                  "DREAMDB_CACHE_SIZE")
      .is_size();
}

}  // namespace

Command add_command(CLI::App& app, Session& session, const std::string& name,
                    const std::string& summary, const std::string& details,
                    const std::string& examples) {
  Command command = Command::add_to(app, name, summary);
  std::string footer = details;
  if (!examples.empty()) footer += (footer.empty() ? "" : "\n\n") + ("Examples:\n" + examples);
  command.footer(footer);
  command.add_flag("--json", session.json, "machine-readable output with stable keys");
  command.add_flag("--cost", session.cost, "print requests, waves and bytes to standard error");
  add_cost_options(command, session);
  command.add_flag("--quiet,-q", session.quiet, "no progress and no summary");
  return command;
}

void add_locator(Command command, std::string& locator) {
  command.add_option("LOCATOR", locator, "URL@ref, for example ./pets or file:///data/pets@main")
      .required();
}

void add_at(Command command, std::string& at) {
  command.add_option("--at", at,
                     "read this version: a manifest address, or the newest one of a time "
                     "(2026-01-02T03:04:05Z, or nanoseconds)");
}

void add_where(Command command, std::optional<std::string>& where) {
  command.add_option("--where", where,
                     "only records for which this holds, for example "
                     "'label == \"cat\" and score >= 0.5'");
}

void add_fields(Command command, std::vector<std::string>& fields) {
  command.add_option("--fields,-f", fields, "these fields, separated by commas")
      .separated_by(',')
      .one_value_each();
}

void add_range(Command command, ReadArgs& args) {
  command.add_whole_number("--start", args.start, "first anchor");
  command.add_whole_number("--end", args.end, "the anchor after the last one");
}

DiskCache disk_cache_of(const Session& session) {
  DiskCache cache{.folder = session.cache_folder};
  if (!session.cache_size.empty()) cache.size_bytes = parse_size(session.cache_size).value_or(0);
  return cache;
}

Result<Dataset> create_dataset(Session& session, const std::string& locator, const Schema& schema,
                               int64_t origin_ns) {
  StoreStats cost;
  CreateOptions options;
  options.origin_ns = origin_ns;
  options.disk_cache = disk_cache_of(session);
  options.cost_of_failure = &cost;
  auto dataset = Dataset::create(locator, schema, options);
  if (dataset)
    session.opened.push_back(*dataset);
  else
    session.costs.push_back(cost);
  return dataset;
}

Result<Dataset> open_dataset(Session& session, const std::string& locator, const std::string& at) {
  OpenOptions options;
  if (is_address(at)) {
    options.manifest = at;
  } else if (!at.empty()) {
    auto time = parse_time(at);
    if (!time || *time < 0) {
      return fail(Code::kInvalidArgument,
                  "--at \"" + one_line(at, 80) +
                      "\" is neither a manifest address (53 characters, see `dreamdb log`) nor a "
                      "time like 2026-01-02T03:04:05Z");
    }
    options.time_ns = static_cast<uint64_t>(*time);
  }
  StoreStats cost;
  options.disk_cache = disk_cache_of(session);
  options.cost_of_failure = &cost;
  auto dataset = Dataset::open(locator, options);
  if (dataset)
    session.opened.push_back(*dataset);
  else
    session.costs.push_back(cost);
  return dataset;
}

Result<Dataset> open_beside(Session& session, const Dataset& dataset, const std::string& name) {
  if (name.find("://") == std::string::npos && !name.starts_with('.') && !name.starts_with('/')) {
    auto found = open_dataset(session, dataset.store_url() + "@" + name);
    if (found || name.find('@') == std::string::npos) return found;
  }
  return open_dataset(session, name);
}

Result<std::optional<Where>> parse_where(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  DREAMDB_ASSIGN(Where where, Where::parse(*text));
  return std::optional<Where>(std::move(where));
}

Status check_range(const ReadArgs& args) {
  if (args.start >= args.end)
    return fail(Code::kInvalidArgument,
                "--start " + std::to_string(args.start) + " --end " + std::to_string(args.end) +
                    " leave no anchor: the end is exclusive and must lie after the start");
  return {};
}

Result<ReadOptions> read_options(const ReadArgs& args) {
  DREAMDB_TRY(check_range(args));
  ReadOptions options;
  DREAMDB_ASSIGN(options.where, parse_where(args.where));
  if (!args.fields.empty()) options.fields = args.fields;
  options.start = args.start;
  options.end = args.end;
  return options;
}

void add_on_conflict(Command command, std::string& on_conflict) {
  command
      .add_option("--on-conflict", on_conflict,
                  "where a record has another value already: refuse (the default; nothing is "
                  "written), skip, or replace (null and no key are no value and replace none)")
      .one_of({"refuse", "skip", "replace"})
      .type_name("refuse|skip|replace");
}

OnConflict parse_on_conflict(const std::string& text) {
  if (text == "skip") return OnConflict::kSkip;
  return text == "replace" ? OnConflict::kReplace : OnConflict::kRefuse;
}

Result<Schema> schema_of_options(const std::string& file, const std::vector<std::string>& specs) {
  if (file.empty() == specs.empty()) {
    return fail(Code::kInvalidArgument,
                "give the schema as --schema FILE.json or as --field name:type ... (one of them)");
  }
  if (file.empty()) return parse_field_specs(specs);
  DREAMDB_ASSIGN(const Buffer text, read_file(file));
  auto schema = Schema::from_json(text.view());
  if (!schema) schema.error().message = file + ": " + schema.error().message;
  return schema;
}

OrderedJson report_json(const AppendReport& report) {
  OrderedJson out;
  out["rows"] = report.rows;
  out["records"] = report.records;
  out["filled"] = report.filled;
  out["unchanged"] = report.unchanged;
  out["skipped"] = report.skipped;
  out["replaced"] = report.replaced;
  out["already_applied"] = report.already_applied;
  out["manifest"] = report.manifest;
  out["assigned"] = OrderedJson::array();
  for (const auto& [first, last] : report.assigned) {
    out["assigned"].push_back(OrderedJson::array({first, last}));
  }
  return out;
}

std::string report_text(const AppendReport& report) {
  const uint64_t written = report.records + report.filled + report.skipped + report.replaced;
  std::string text = counted(report.rows, "row: ", "rows: ");
  if (report.already_applied && written == 0)
    return text + "applied already under this idempotency key, nothing to do";
  text += counted(report.records, "new record", "new records");
  const auto add = [&](uint64_t count, const std::string& what) {
    if (count != 0) text += ", " + with_commas(count) + " " + what;
  };
  add(report.filled, "filled fields of older records");
  // Rows under a key that was applied are counted as unchanged, and nobody compared them.
  add(report.unchanged, report.already_applied ? "applied already under this idempotency key"
                                               : "there already and equal");
  add(report.skipped, "kept the older value");
  add(report.replaced, "replaced");
  return text;
}

}  // namespace dreamdb::cli
