// `man`: the manual page, made from the same description as the help texts.
#include "cli/app.h"
#include "cli/exit_code.h"

namespace dreamdb::cli {

namespace {

struct ManOptions {};

// Text for troff: backslashes and leading dots and quotes mean themselves.
std::string escaped(std::string_view text) {
  std::string out;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '~') {
      out += "\\(ti";
    } else if (c == '^') {
      out += "\\(ha";
    } else if (c == '`') {
      out += "\\(ga";
    } else if (c == '\'') {
      out += "\\(aq";
    } else {
      out += c;
    }
    line_begins = c == '\n';
  }
  return out;
}

std::string option_names(const CLI::Option& option) {
  if (option.get_positional()) return option.get_name(true);
  std::string out;
  for (const std::string& name : option.get_snames()) out += (out.empty() ? "-" : ", -") + name;
  for (const std::string& name : option.get_lnames()) out += (out.empty() ? "--" : ", --") + name;
  if (option.get_expected_max() > 0 && !option.get_type_name().empty()) {
    out += " " + option.get_type_name();
  }
  return out;
}

std::string synopsis(const CLI::App& command) {
  std::string out = ".B dreamdb " + command.get_name() + "\n";
  std::string rest;
  for (const CLI::Option* option : command.get_options()) {
    if (!option->get_positional()) continue;
    const std::string name = option->get_name(true);
    rest += (rest.empty() ? "" : " ") + (option->get_required() ? name : "[" + name + "]");
  }
  return out + escaped(rest + (rest.empty() ? "" : " ") + "[options]") + "\n";
}

std::string command_text(const CLI::App& command) {
  std::string title = command.get_name();
  for (const std::string& alias : command.get_aliases()) title += ", " + alias;
  std::string out = ".SS " + escaped(title) + "\n" + synopsis(command) + ".PP\n" +
                    escaped(command.get_description()) + ".\n";
  for (const CLI::Option* option : command.get_options()) {
    out += ".TP\n.B " + escaped(option_names(*option)) + "\n" + escaped(option->get_description()) +
           "\n";
  }
  if (!command.get_footer().empty())
    out += ".PP\n.nf\n" + escaped(command.get_footer()) + "\n.fi\n";
  return out;
}

Status run_man(const ManOptions&, Session& session) {
  Session unused;
  CLI::App app;
  describe_app(app, unused);
  return session.out.write(manual_page(app));
}

}  // namespace

std::string manual_page(const CLI::App& app) {
  std::string out = ".\\\" Made by: dreamdb man\n.TH DREAMDB 1 \"\" \"DreamDB " DREAMDB_VERSION
                    "\" \"User Commands\"\n.SH NAME\ndreamdb \\- versioned multimodal datasets\n"
                    ".SH SYNOPSIS\n.B dreamdb\nCOMMAND LOCATOR [arguments] [options]\n"
                    ".SH DESCRIPTION\n" +
                    escaped(app.get_description()) + "\n.SH COMMANDS\n";
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    out += command_text(*command);
  }
  out += ".SH EXIT STATUS\n";
  for (const ExitCode& code : kExitCodes) {
    out += ".TP\n.B " + std::to_string(code.number) + "\n" + std::string(code.name) + ": " +
           escaped(code.meaning) + "\n";
  }
  out +=
      ".SH ENVIRONMENT\n.TP\n.B DREAMDB_THREADS\nhow many threads work (default: one a "
      "processor)\n.TP\n.B DREAMDB_CACHE, DREAMDB_CACHE_SIZE\nas the options cache and "
      "cache\\-size; "
      "the options win\n.TP\n.B DREAMDB_PRICES\na file of prices, for the option cost\n";
  out += ".SH EXAMPLES\n.nf\n" + escaped(app.get_footer()) + "\n.fi\n";
  return out;
}

void add_man(CLI::App& app, Session& session) {
  auto o = std::make_shared<ManOptions>();
  Command command = add_command(app, session, "man", "the manual page, in the man format", "",
                                "  dreamdb man | man -l -");
  on_run(command, session, o, run_man);
}

}  // namespace dreamdb::cli
