// The program `dreamdb`: parses the command line, runs one command, turns errors into exit codes.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "cli/app.h"
#include "cli/command.h"
#include "cli/cost.h"
#include "cli/exit_code.h"
#include "cli/file_bytes.h"
#include "cli/interrupt.h"
#include "cli/text.h"

namespace dreamdb::cli {

namespace {

void to_stderr(const std::string& text) {
  Output out(STDERR_FILENO, "standard error");
  // Nowhere is left to say that standard error is gone.
  (void)out.write(text);
  (void)out.flush();
}

void print_error(const Session& session, const Error& error) {
  if (!session.json) {
    to_stderr("dreamdb " + session.command + ": " + std::string(code_name(error.code)) + ": " +
              error.message + "\n");
    return;
  }
  OrderedJson body;
  body["error"]["code"] = std::string(code_name(error.code));
  body["error"]["message"] = error.message;
  body["error"]["exit"] = exit_code_of(error.code);
  to_stderr(json_line(body) + "\n");
}

// The prices that `--prices` or the environment names, read before anything is done.
Result<std::optional<Prices>> read_prices(Session& session) {
  if (session.prices_file.empty()) {
    const char* const named = session.cost ? std::getenv("DREAMDB_PRICES") : nullptr;
    if (named == nullptr || *named == '\0') return std::nullopt;
    session.prices_file = named;
  }
  session.cost = true;
  DREAMDB_ASSIGN(const Buffer text, read_file(session.prices_file));
  DREAMDB_ASSIGN(Prices prices, parse_prices(text.view(), session.prices_file));
  return std::optional<Prices>(std::move(prices));
}

void print_cost(const Session& session, const std::optional<Prices>& prices) {
  std::vector<StoreStats> parts = session.costs;
  for (const Dataset& dataset : session.opened) parts.push_back(dataset.store_stats());
  const StoreStats sum = sum_of(parts);
  to_stderr(session.json ? cost_json(sum, prices) : cost_text(sum, prices, session.prices_file));
}

// The library opens descriptors; if 0 to 2 were closed, output would land in a data file. What
// stands in for them is open the wrong way, so that using it is an error that is noticed.
bool standard_descriptors_open() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) == -1 && ::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd) {
      return false;
    }
  }
  return true;
}

int run(Session& session) {
  const auto prices = read_prices(session);
  Status status = prices ? session.run(session) : std::unexpected(prices.error());
  if (status) status = session.out.finish();
  if (session.cost && prices) print_cost(session, *prices);
  if (status) return session.code;
  if (session.out.closed()) return kExitPipe;
  // What was printed before the error is of use; a second failure adds nothing to the first.
  (void)session.out.flush();
  print_error(session, status.error());
  return interrupted() && status.error().code == Code::kCancelled
             ? kExitInterrupted
             : exit_code_of(status.error().code);
}

int main_of(int argc, char** argv) {
  if (!standard_descriptors_open()) return 1;
  // What could not be written is told by the write itself.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  Session session;
  CLI::App app;
  describe_app(app, session);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return print_help(app, session);
  } catch (const CLI::CallForVersion&) {
    return print_version(session);
  } catch (const CLI::RequiredError& error) {
    const bool is_unknown = argc > 1 && argv[1][0] != '-' && app.get_subcommands().empty();
    return print_usage_error(
        app, session,
        is_unknown ? "there is no command `" + one_line(argv[1], 80) + "`" : error.what());
  } catch (const CLI::ParseError& error) {
    return print_usage_error(app, session, error.what());
  }
  return run(session);
}

}  // namespace

}  // namespace dreamdb::cli

int main(int argc, char** argv) {
  try {
    return dreamdb::cli::main_of(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs("dreamdb: Exhausted: out of memory; read fewer fields or smaller batches\n", stderr);
    return dreamdb::cli::exit_code_of(dreamdb::Code::kExhausted);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "dreamdb: Internal: %s; report it as a bug\n", error.what());
    return dreamdb::cli::exit_code_of(dreamdb::Code::kInternal);
  }
}
