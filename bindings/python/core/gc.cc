// Collections and sessions of a store, as functions of the module.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "call.h"
#include "classes.h"
#include "dreamdb/upkeep.h"
#include "reports.h"

namespace dreamdb::python {

namespace {

nb::dict to_dict(const GcTotal& total) {
  nb::dict out;
  out["objects"] = total.objects;
  out["bytes"] = total.bytes;
  return out;
}

nb::dict to_dict(const GcCounts& counts) {
  nb::dict out;
  out["listed"] = to_dict(counts.listed);
  out["live"] = to_dict(counts.live);
  out["condemned"] = to_dict(counts.condemned);
  out["protected"] = to_dict(counts.guarded);
  out["unknown"] = to_dict(counts.unknown);
  return out;
}

nb::dict to_dict(const GcReport& report) {
  nb::dict out = to_dict(report.all);
  out["deleted"] = to_dict(report.deleted);
  out["dry_run"] = report.dry_run;
  out["refs"] = report.refs;
  out["versions"] = report.versions;
  out["sessions"] = report.sessions;
  out["fenced"] = report.fenced;
  out["epochs"] = report.epochs;
  out["rounds"] = report.rounds;
  out["older_than_ns"] = report.older_than_ns;
  nb::dict kinds;
  for (const auto& [kind, counts] : report.by_kind) kinds[kind.c_str()] = to_dict(counts);
  out["kinds"] = kinds;
  return out;
}

nb::dict to_dict(const SessionInfo& session) {
  nb::dict out;
  out["id"] = session.id;
  out["state"] = session.state;
  out["role"] = session.role;
  out["ref"] = session.ref.empty() ? nb::object(nb::none()) : nb::cast(session.ref);
  out["host"] = session.host;
  out["process"] = session.process;
  out["program"] = session.program;
  out["start_ns"] = session.start_ns;
  out["beat_ns"] = session.beat_ns;
  out["pins"] = session.pins;
  return out;
}

}  // namespace

void bind_gc(nb::module_& module) {
  module.def(
      "gc",
      [](const std::string& store_url, std::optional<uint64_t> keep_last,
         std::optional<uint64_t> keep_ns, std::vector<std::string> keep, bool dry_run,
         uint64_t shard, uint64_t of, uint64_t memory_bytes) {
        GcOptions options;
        options.keep_last = keep_last;
        options.keep_ns = keep_ns;
        options.keep = std::move(keep);
        options.dry_run = dry_run;
        options.shard = {shard, of};
        options.memory_bytes = memory_bytes;
        return to_dict(without_gil([&] { return gc(store_url, options); }));
      },
      nb::arg("store_url"), nb::arg("keep_last").none(), nb::arg("keep_ns").none(), nb::arg("keep"),
      nb::arg("dry_run"), nb::arg("shard"), nb::arg("of"), nb::arg("memory_bytes"));
  module.def(
      "list_sessions",
      [](const std::string& store_url) {
        nb::list out;
        for (const SessionInfo& session : without_gil([&] { return list_sessions(store_url); }))
          out.append(to_dict(session));
        return out;
      },
      nb::arg("store_url"));
  module.def(
      "fence_sessions",
      [](const std::string& store_url, const std::optional<std::string>& id) {
        return without_gil([&] { return fence_sessions(store_url, id); });
      },
      nb::arg("store_url"), nb::arg("id").none());
}

}  // namespace dreamdb::python
