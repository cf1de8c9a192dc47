// `doctor`: what is safe on a store, what is not, why, and what to do.
#include "store/doctor.h"

#include <cstdio>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"
#include "cli/text.h"
#include "dreamdb/interrupt.h"
#include "store/locator.h"

namespace dreamdb::cli {

namespace {

constexpr size_t kColumns = 100;
constexpr size_t kIndent = 20;  // of what was found
constexpr int kExitUnsafe = 1;
constexpr int kExitUnknown = 2;

struct DoctorArgs {
  std::string locator;
  bool no_load = false;
};

std::string_view word_of(Health health) {
  switch (health) {
    case Health::kGood: return "good";
    case Health::kNote: return "note";
    case Health::kBad: return "bad";
    case Health::kUnknown: return "unknown";
  }
  return "unknown";
}

std::string verdict_of(const Diagnosis& diagnosis) {
  const Health health = diagnosis.shared_writing;
  const uint64_t most = diagnosis.object_bytes_max.value_or(0);
  if (diagnosis.read_only) return "READ-ONLY through this address";
  if (health == Health::kGood)
    return "SAFE for many writers at once" +
           (most > 0 ? ", with objects up to " + human_bytes(most) : std::string());
  return health == Health::kBad ? "UNSAFE for many writers at once"
                                : "UNKNOWN whether many may write";
}

// `text` in lines that fit the screen, all but the first indented.
std::string wrapped(const std::string& text, size_t indent) {
  std::string out;
  size_t column = indent;
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = std::min(text.find(' ', at), text.size());
    const size_t width = display_width(std::string_view(text).substr(at, end - at));
    if (column > indent && column + 1 + width > kColumns) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out.append(text, at, end - at);
    column += width;
    at = end + 1;
  }
  return out;
}

std::string padded(std::string_view text, size_t width) {
  return std::string(text) + std::string(width > text.size() ? width - text.size() : 1, ' ');
}

std::string finding_line(std::string_view health, std::string_view check,
                         const std::string& found) {
  return padded(health, 8) + padded(check, kIndent - 8) + wrapped(one_line(found), kIndent) + "\n";
}

std::string milliseconds(double ms) {
  char text[32];
  std::snprintf(text, sizeof text, ms < 10 ? "%.2f ms" : "%.0f ms", ms);
  return text;
}

std::string latency_text(std::string_view what, const Latency& latency) {
  return std::string(what) + " p50 " + milliseconds(latency.p50_ms) + ", p99 " +
         milliseconds(latency.p99_ms) + " (" + std::to_string(latency.count) + ")";
}

std::string load_lines(const LoadFigures& load) {
  std::string rates =
      "get " + human_rate(load.get_mb_s) + " MB/s, put " + human_rate(load.put_mb_s) + " MB/s";
  if (load.connections > 0) rates += ", over " + std::to_string(load.connections) + " connections";
  return finding_line("", "latency",
                      latency_text("4 KiB: get", load.small_get) + ", " +
                          latency_text("put", load.small_put)) +
         finding_line("", "throughput", "1 MiB, side by side: " + rates);
}

std::string screen(const Diagnosis& diagnosis) {
  std::string out = diagnosis.store;
  if (!diagnosis.server.empty()) out += "  (" + one_line(diagnosis.server) + ")";
  out += "\n" + wrapped(verdict_of(diagnosis) + ": " + one_line(diagnosis.reason), 2) + "\n\n";
  for (const Finding& finding : diagnosis.findings) {
    const bool said = finding.found == diagnosis.reason && finding.found.size() > kColumns;
    out += finding_line(word_of(finding.health), finding.check, said ? "see above" : finding.found);
    if (!finding.to_do.empty())
      out += std::string(kIndent, ' ') + wrapped("-> " + one_line(finding.to_do), kIndent) + "\n";
  }
  if (diagnosis.load) out += load_lines(*diagnosis.load);
  return out;
}

OrderedJson latency_json(const Latency& latency) {
  OrderedJson out;
  out["count"] = latency.count;
  out["p50_ms"] = latency.p50_ms;
  out["p99_ms"] = latency.p99_ms;
  return out;
}

std::string diagnosis_json(const Diagnosis& diagnosis) {
  OrderedJson out;
  out["store"] = diagnosis.store;
  out["server"] = diagnosis.server;
  out["safe"] = diagnosis.shared_writing == Health::kUnknown
                    ? OrderedJson()
                    : OrderedJson(diagnosis.shared_writing == Health::kGood);
  out["read_only"] = diagnosis.read_only;
  out["object_bytes_max"] =
      diagnosis.object_bytes_max ? OrderedJson(*diagnosis.object_bytes_max) : OrderedJson();
  out["reason"] = diagnosis.reason;
  out["findings"] = OrderedJson::array();
  for (const Finding& finding : diagnosis.findings) {
    OrderedJson one;
    one["check"] = finding.check;
    one["health"] = std::string(word_of(finding.health));
    one["found"] = finding.found;
    one["to_do"] = finding.to_do;
    out["findings"].push_back(std::move(one));
  }
  if (diagnosis.load) {
    const LoadFigures& load = *diagnosis.load;
    out["small_get"] = latency_json(load.small_get);
    out["small_put"] = latency_json(load.small_put);
    out["get_mb_s"] = load.get_mb_s;
    out["put_mb_s"] = load.put_mb_s;
    out["connections"] = load.connections;
  }
  return json_line(out);
}

Status run_doctor(const DoctorArgs& o, Session& session) {
  DREAMDB_ASSIGN(const Locator locator, parse_locator(o.locator));
  catch_interrupts();
  const InterruptScope scope(interrupted);
  DREAMDB_ASSIGN(const Diagnosis diagnosis, diagnose(locator.store_url, {!o.no_load}));
  session.costs.push_back(diagnosis.cost);
  session.code = diagnosis.shared_writing == Health::kGood  ? kExitOk
                 : diagnosis.shared_writing == Health::kBad ? kExitUnsafe
                                                            : kExitUnknown;
  if (session.json) return session.out.line(diagnosis_json(diagnosis));
  return session.out.write(screen(diagnosis));
}

}  // namespace

void add_doctor(CLI::App& app, Session& session) {
  auto o = std::make_shared<DoctorArgs>();
  Command command = add_command(
      app, session, "doctor", "examine a store: is it safe, how fast is it, what to do",
      "Works on the very bucket or folder: races 16 writers, checks permissions, tags, versions,\n"
      "ranges, listings, uploads in parts and the clock, and measures latency and throughput. "
      "Takes\n"
      "some seconds and moves up to 300 MB; leaves nothing behind. The verdict is kept with the\n"
      "space, and writers go by it.\n\n"
      "Exit codes: 0 many may write at once, though perhaps no large objects (the first line says\n"
      "so, `object_bytes_max` with --json); 1 they must not, or nobody can; 2 that could not be\n"
      "found out (no permission to write, no answer).",
      "  dreamdb doctor s3://bucket/pets\n"
      "  dreamdb doctor ./pets\n"
      "  dreamdb doctor web+https://example.org/pets\n"
      "  dreamdb doctor --json s3://bucket/pets | jq .safe");
  add_locator(command, o->locator);
  command.add_flag("--no-load", o->no_load, "do not measure latency and throughput");
  on_run(command, session, o, run_doctor);
}

}  // namespace dreamdb::cli
