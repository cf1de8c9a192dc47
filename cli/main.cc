// The program `dreamdb`: parses the command line, runs one command, turns errors into exit codes.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <new>

#include "cli/app.h"
#include "cli/command.h"
#include "cli/exit_code.h"
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

void print_cost(const Session& session) {
  StoreStats sum;
  std::vector<StoreStats> parts = session.costs;
  for (const Dataset& dataset : session.opened) parts.push_back(dataset.store_stats());
  for (const StoreStats& s : parts) {
    sum.gets += s.gets;
    sum.puts += s.puts;
    sum.loads += s.loads;
    sum.swaps += s.swaps;
    sum.lists += s.lists;
    sum.deletes += s.deletes;
    sum.bytes_read += s.bytes_read;
    sum.bytes_written += s.bytes_written;
    sum.waves += s.waves;
  }
  const uint64_t requests = sum.gets + sum.puts + sum.loads + sum.swaps + sum.lists + sum.deletes;
  if (session.json) {
    OrderedJson cost;
    cost["requests"] = requests;
    cost["gets"] = sum.gets;
    cost["puts"] = sum.puts;
    cost["loads"] = sum.loads;
    cost["swaps"] = sum.swaps;
    cost["lists"] = sum.lists;
    cost["deletes"] = sum.deletes;
    cost["bytes_read"] = sum.bytes_read;
    cost["bytes_written"] = sum.bytes_written;
    cost["waves"] = sum.waves;
    to_stderr(json_line(OrderedJson{{"cost", cost}}) + "\n");
    return;
  }
  to_stderr("cost: " + with_commas(requests) + " requests (gets " + with_commas(sum.gets) +
            ", puts " + with_commas(sum.puts) + ", loads " + with_commas(sum.loads) + ", swaps " +
            with_commas(sum.swaps) + ", lists " + with_commas(sum.lists) + ", deletes " +
            with_commas(sum.deletes) + ") in " + with_commas(sum.waves) + " waves, read " +
            with_commas(sum.bytes_read) + " bytes, wrote " + with_commas(sum.bytes_written) +
            " bytes\n");
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
  Status status = session.run(session);
  if (status) status = session.out.finish();
  if (session.cost) print_cost(session);
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
  std::signal(SIGPIPE, SIG_IGN);
  Session session;
  CLI::App app;
  describe_app(app, session);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return print_help(app, session);
  } catch (const CLI::CallForVersion&) {
    return print_version(session);
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
