// All commands in the order of the help text; help, version and usage errors.
#include "cli/app.h"

#include <unistd.h>

#include <sstream>

#include "cli/exit_code.h"

namespace dreamdb::cli {

namespace {

constexpr size_t kOptionColumn = 34;
constexpr size_t kHelpColumns = 100;

constexpr const char* kAbout =
    "DreamDB: versioned multimodal datasets in a folder or bucket, with no server to run.\n"
    "A record is an anchor (nanoseconds on a timeline) with images, sound, text, embeddings,\n"
    "arrays and scalars. A LOCATOR names a dataset: URL@ref, `main` when the ref is left out.";

constexpr const char* kFooter =
    "Examples:\n"
    "  dreamdb create ./pets --field img:image:jpeg --field label:categorical\n"
    "  dreamdb ingest ./pets rows.jsonl --npy emb=emb.npy\n"
    "  dreamdb search ./pets emb --like 1000 -k 5 --where 'label == \"cat\"'\n"
    "  dreamdb snapshot ./pets v1 && dreamdb count ./pets@main@v1\n"
    "\n"
    "Lists (ls, log, stream, take, search, values) print one JSON object a line with --json,\n"
    "reports print one object. `dreamdb COMMAND --help` has the options and examples of each.";

// Descriptions of options in lines that fit a terminal.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(kOptionColumn); }

  std::string make_option_desc(const CLI::Option* option) const override {
    std::string out;
    size_t line = 0;
    std::istringstream words(option->get_description());
    for (std::string word; words >> word;) {
      const bool fits = line + 1 + word.size() <= kHelpColumns - kOptionColumn;
      if (!out.empty()) out += fits ? ' ' : '\n';
      line = out.empty() || !fits ? word.size() : line + 1 + word.size();
      out += word;
    }
    return out;
  }
};

int print(Session& session, const std::string& text) {
  Status status = session.out.write(text);
  if (status) status = session.out.finish();
  if (status) return kExitOk;
  return session.out.closed() ? kExitPipe : exit_code_of(status.error().code);
}

const CLI::App& chosen(const CLI::App& app) {
  const auto commands = app.get_subcommands();
  return commands.empty() ? app : *commands.front();
}

}  // namespace

void describe_app(CLI::App& app, Session& session) {
  app.name("dreamdb");
  app.description(kAbout);
  app.footer(kFooter);
  app.set_version_flag("--version", DREAMDB_VERSION, "print the version");
  app.formatter(std::make_shared<HelpFormatter>());
  app.require_subcommand(1);
  add_create(app, session);
  add_schema(app, session);
  add_ingest(app, session);
  add_append(app, session);
  add_count(app, session);
  add_ls(app, session);
  add_show(app, session);
  add_stream(app, session);
  add_take(app, session);
  add_search(app, session);
  add_reindex(app, session);
  add_compact(app, session);
  add_values(app, session);
  add_delete(app, session);
  add_export(app, session);
  add_versions(app, session);
  add_log(app, session);
  add_diff(app, session);
  add_merge(app, session);
  add_restore(app, session);
  add_fingerprint(app, session);
  add_verify(app, session);
  add_repair(app, session);
  add_gc(app, session);
  add_sessions(app, session);
  add_stat(app, session);
  add_meta(app, session);
  add_doctor(app, session);
  add_completion(app, session);
  add_man(app, session);
}

int print_help(const CLI::App& app, Session& session) {
  return print(session, app.help());  // of the command that was chosen, if one was
}

int print_version(Session& session) {
  return print(session, std::string("dreamdb ") + DREAMDB_VERSION + "\n");
}

int print_usage_error(const CLI::App& app, Session& session, const std::string& what) {
  const CLI::App& command = chosen(app);
  const bool top = &command == &app;
  std::string text;
  if (session.json) {
    OrderedJson body;
    body["error"]["code"] = "InvalidArgument";
    body["error"]["message"] = what;
    body["error"]["exit"] = kExitUsage;
    text = json_line(body) + "\n";
  } else {
    text = "dreamdb" + (top ? "" : " " + command.get_name()) + ": " + what + "\n" + "Try: dreamdb" +
           (top ? "" : " " + command.get_name()) + " --help\n";
  }
  Output out(STDERR_FILENO, "standard error");
  (void)out.write(text);
  (void)out.flush();
  return kExitUsage;
}

}  // namespace dreamdb::cli
