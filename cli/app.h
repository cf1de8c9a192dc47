// The whole command line as one object, and the texts that are made from it.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "cli/command.h"

namespace dreamdb::cli {

void describe_app(CLI::App& app, Session& session);

// Each prints and returns the exit code.
int print_help(const CLI::App& app, Session& session);
int print_version(Session& session);
int print_usage_error(const CLI::App& app, Session& session, const std::string& what);

// Shell code that completes commands, options, files and refs.
std::string bash_completion(const CLI::App& app);
// dreamdb(1) in the man macros.
std::string manual_page(const CLI::App& app);

}  // namespace dreamdb::cli
