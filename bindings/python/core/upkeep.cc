#include "dreamdb/upkeep.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "buffers.h"
#include "call.h"
#include "classes.h"
#include "reports.h"

namespace dreamdb::python {

namespace {

using ShardPair = std::optional<std::pair<uint64_t, uint64_t>>;

std::optional<Shard> to_shard(const ShardPair& pair) {
  return pair ? std::optional(Shard{pair->first, pair->second}) : std::nullopt;
}

// Calls `function` from the thread that waits for the job; false: it says stop, or raised, which
// stays pending there.
template <typename... Args>
bool tell(nb::handle function, Args&&... args) {
  const GilHeld gil;
  try {
    return !function(std::forward<Args>(args)...).is(nb::bool_(false));
  } catch (nb::python_error& error) {
    error.restore();
    return false;
  }
}

// The caller keeps `function` alive: copies of what is returned count no references.
std::function<bool(const VerifyProgress&)> to_progress(nb::handle function) {
  if (function.is_none()) return {};
  return [function](const VerifyProgress& p) {
    return tell(function, p.segments, p.segments_all, p.bytes);
  };
}

nb::dict to_dict(const Fingerprint& found) {
  nb::dict out;
  out["fingerprint"] = found.text;
  out["records"] = found.records;
  out["part"] = found.part;
  return out;
}

nb::dict to_dict(const VerifyReport& report) {
  nb::list damages;
  for (const Damage& damage : report.damages) {
    nb::dict one;
    one["key"] = damage.key;
    one["kind"] = damage.kind;
    one["what"] = damage.what;
    one["field"] = damage.field.empty() ? nb::object(nb::none()) : nb::cast(damage.field);
    one["first"] = damage.first;
    one["last"] = damage.last;
    damages.append(one);
  }
  nb::dict out;
  out["versions"] = report.versions;
  out["versions_gone"] = report.versions_gone;
  out["pages"] = report.pages;
  out["segments"] = report.segments;
  out["segments_whole"] = report.segments_whole;
  out["bytes"] = report.bytes;
  out["damages"] = damages;
  out["damage_count"] = report.damage_count;
  return out;
}

nb::dict to_dict(const RepairReport& report) {
  nb::dict out;
  out["outcome"] = report.outcome;
  out["manifest"] = report.manifest;
  out["pages_lost"] = report.pages_lost;
  out["segments_lost"] = report.segments_lost;
  out["records_lost"] = report.records_lost;
  out["records_kept"] = report.records_kept;
  out["rows_uncovered"] = report.rows_uncovered;
  out["indexes_dropped"] = report.indexes_dropped;
  out["lists_cut"] = report.lists_cut;
  out["found"] = to_dict(report.found);
  return out;
}

Status tell_lost(nb::handle function, const LostRows& lost) {
  const GilHeld gil;
  const nb::object anchors = lost.anchors.empty() ? nb::object(nb::none())
                                                  : numpy_view(lost.anchors, Dtype::kU64,
                                                               std::array<uint64_t, 1>{lost.rows});
  if (tell(function, lost.key, lost.field, lost.first, lost.last, lost.rows, anchors)) return {};
  return fail(Code::kCancelled, "nothing was repaired: its caller ended it");
}

nb::dict fingerprint_of(const Dataset& dataset, const ShardPair& shard, nb::handle progress) {
  FingerprintOptions options;
  options.shard = to_shard(shard);
  if (!progress.is_none())
    options.progress = [progress](uint64_t done) { return tell(progress, done); };
  return to_dict(without_gil([&] { return fingerprint(dataset, options); }));
}

nb::dict verify_dataset(const Dataset& dataset, bool data, double sample, bool all_refs,
                        const ShardPair& shard, nb::handle progress) {
  VerifyOptions options;
  options.data = data;
  options.sample = sample;
  options.all_refs = all_refs;
  options.shard = to_shard(shard);
  options.progress = to_progress(progress);
  return to_dict(without_gil([&] { return verify(dataset, options); }));
}

nb::dict repair_dataset(Dataset& dataset, bool dry_run, bool data, nb::handle on_lost,
                        nb::handle progress) {
  RepairOptions options;
  options.dry_run = dry_run;
  options.data = data;
  if (!on_lost.is_none())
    options.on_lost = [on_lost](const LostRows& lost) { return tell_lost(on_lost, lost); };
  options.progress = to_progress(progress);
  return to_dict(without_gil([&] { return repair(dataset, options); }));
}

}  // namespace

void bind_upkeep(nb::module_& module) {
  module.def("fingerprint", &fingerprint_of, nb::arg("dataset"), nb::arg("shard").none(),
             nb::arg("progress").none());
  module.def(
      "join_fingerprints",
      [](const std::vector<std::string>& parts) {
        return to_dict(unwrap(join_fingerprints(parts)));
      },
      nb::arg("parts"));
  module.def("verify", &verify_dataset, nb::arg("dataset"), nb::arg("data"), nb::arg("sample"),
             nb::arg("all_refs"), nb::arg("shard").none(), nb::arg("progress").none());
  module.def("repair", &repair_dataset, nb::arg("dataset"), nb::arg("dry_run"), nb::arg("data"),
             nb::arg("on_lost").none(), nb::arg("progress").none());
}

}  // namespace dreamdb::python
