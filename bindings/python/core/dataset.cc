#include "dreamdb/dataset.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "arrow_stream.h"
#include "batch_out.h"
#include "buffers.h"
#include "call.h"
#include "classes.h"
#include "dreamdb/size.h"
#include "reports.h"
#include "stream_handle.h"
#include "writer_handle.h"

namespace dreamdb::python {

namespace {

using Fields = std::optional<std::vector<std::string>>;

OnConflict to_on_conflict(const std::string& text) {
  if (text == "refuse") return OnConflict::kRefuse;
  if (text == "skip") return OnConflict::kSkip;
  if (text == "replace") return OnConflict::kReplace;
  raise_invalid("on_conflict is 'refuse', 'skip' or 'replace', not '" + text + "'");
}

Distance to_distance(const std::string& text) {
  if (text == "cosine") return Distance::kCosine;
  if (text == "inner_product") return Distance::kInnerProduct;
  if (text == "l2") return Distance::kL2;
  raise_invalid("distance is 'cosine', 'inner_product' or 'l2', not '" + text + "'");
}

Dataset open(const std::string& locator, std::optional<std::string> manifest,
             std::optional<uint64_t> time_ns, uint64_t cache_bytes, std::string cache_folder,
             uint64_t cache_size_bytes) {
  OpenOptions options;
  options.disk_cache = {std::move(cache_folder), cache_size_bytes};
  options.manifest = std::move(manifest);
  options.time_ns = time_ns;
  options.cache_bytes = cache_bytes;
  return without_gil([&] { return Dataset::open(locator, options); });
}

Dataset create(const std::string& locator, const Schema& schema, int64_t origin_ns,
               uint64_t cache_bytes, std::string cache_folder, uint64_t cache_size_bytes) {
  CreateOptions options;
  options.origin_ns = origin_ns;
  options.cache_bytes = cache_bytes;
  options.disk_cache = {std::move(cache_folder), cache_size_bytes};
  return without_gil([&] { return Dataset::create(locator, schema, options); });
}

ReadOptions read_options(Fields fields, std::optional<Where> where, uint64_t start, uint64_t end,
                         size_t batch_rows, uint64_t memory_bytes, bool present_only) {
  ReadOptions options;
  options.fields = std::move(fields);
  options.where = std::move(where);
  options.start = start;
  options.end = end;
  options.batch_rows = batch_rows;
  options.memory_bytes = memory_bytes;
  options.present_only = present_only;
  return options;
}

BatchStreamHandle* stream(const Dataset& self, Fields fields, std::optional<Where> where,
                          uint64_t start, uint64_t end, size_t batch_rows, uint64_t memory_bytes,
                          bool present_only) {
  const ReadOptions options = read_options(std::move(fields), std::move(where), start, end,
                                           batch_rows, memory_bytes, present_only);
  return new BatchStreamHandle(without_gil([&] { return self.stream(options); }));
}

std::vector<Field> chosen_fields(const Schema& schema, const Fields& names) {
  if (!names) return schema.fields();
  std::vector<Field> fields;
  for (const std::string& name : *names) fields.push_back(*unwrap(schema.get(name)));
  return fields;
}

nb::object arrow_stream(const Dataset& self, Fields fields, std::optional<Where> where,
                        uint64_t start, uint64_t end, size_t batch_rows, uint64_t memory_bytes,
                        bool present_only) {
  std::vector<Field> chosen = chosen_fields(self.schema(), fields);
  const ReadOptions options = read_options(std::move(fields), std::move(where), start, end,
                                           batch_rows, memory_bytes, present_only);
  return arrow_stream_capsule(without_gil([&] { return self.stream(options); }), std::move(chosen));
}

std::span<const uint64_t> anchors_of(const Buffer& buffer) {
  return {reinterpret_cast<const uint64_t*>(buffer.data()), buffer.size() / sizeof(uint64_t)};
}

Batch take(const Dataset& self, nb::handle anchors, const Fields& fields, bool skip_missing) {
  const Buffer view = Keeper::view_of(std::make_shared<Keeper>(), anchors);
  return without_gil([&] { return self.take(anchors_of(view), fields, skip_missing); });
}

// Batch and scores of each query, and how they were found.
nb::tuple search(const Dataset& self, const std::string& field, nb::handle queries, size_t count,
                 size_t top_k, const std::optional<std::string>& distance,
                 std::optional<Where> where, Fields fields, uint64_t start, uint64_t end,
                 size_t probes, std::optional<double> recall, bool exact) {
  const Buffer view = Keeper::view_of(std::make_shared<Keeper>(), queries);
  const std::span<const float> floats(reinterpret_cast<const float*>(view.data()),
                                      view.size() / sizeof(float));
  SearchOptions options;
  options.top_k = top_k;
  options.distance =
      distance ? to_distance(*distance) : natural_distance(*unwrap(self.schema().get(field)));
  options.where = std::move(where);
  options.fields = std::move(fields);
  options.start = start;
  options.end = end;
  options.probes = probes;
  if (recall) options.recall = *recall;
  options.exact = exact;
  SearchAnswer answer;  // of no queries as it is
  answer.report.manifest = self.manifest();
  answer.report.reason = "nothing_to_find";
  if (count > 0) answer = without_gil([&] { return self.search(field, floats, count, options); });
  nb::list out;
  for (SearchHits& hit : answer.hits) {
    const auto bytes = std::as_bytes(std::span(hit.scores));
    const nb::object scores =
        numpy_view(Buffer::copy_of(bytes), Dtype::kF32, std::array<uint64_t, 1>{hit.scores.size()});
    out.append(nb::make_tuple(std::move(hit.rows), scores));
  }
  return nb::make_tuple(out, std::move(answer.report));
}

// None: no such field, or another type.
std::optional<uint64_t> embedding_dim(const Dataset& self, const std::string& name) {
  const auto field = self.schema().get(name);
  if (!field || (*field)->type != FieldType::kEmbedding) return std::nullopt;
  return (*field)->shape[0];
}

// Calls `progress` from the thread that waits for the job; an exception of it stays pending there.
bool tell(nb::handle progress, const IndexProgress& p) {
  const GilHeld gil;
  try {
    return !progress(nb::str(p.stage.data(), p.stage.size()), p.done, p.of).is(nb::bool_(false));
  } catch (nb::python_error& error) {
    error.restore();
    return false;
  }
}

nb::dict reindex(Dataset& self, const std::string& field, std::string algorithm, size_t cells,
                 std::optional<uint32_t> bits, std::optional<uint64_t> seed, bool train_only,
                 std::optional<std::pair<uint64_t, uint64_t>> shard,
                 std::optional<uint64_t> commit_rows, nb::handle progress) {
  IndexOptions options;
  options.algorithm = std::move(algorithm);
  options.cells = cells;
  options.bits = bits;
  options.seed = seed;
  options.train_only = train_only;
  if (shard) options.shard = Shard{shard->first, shard->second};
  options.commit_rows = commit_rows.value_or(options.commit_rows);
  // The caller keeps `progress` alive: copies of the function count no references.
  if (!progress.is_none())
    options.progress = [progress](const IndexProgress& p) { return tell(progress, p); };
  return to_dict(without_gil([&] { return self.reindex(field, options); }));
}

nb::dict compact(Dataset& self, bool dry_run, bool purge,
                 std::optional<std::pair<uint64_t, uint64_t>> shard,
                 std::optional<uint64_t> commit_bytes, std::optional<uint64_t> segment_bytes,
                 nb::handle progress) {
  CompactOptions options;
  options.dry_run = dry_run;
  options.purge = purge;
  if (shard) options.shard = Shard{shard->first, shard->second};
  options.commit_bytes = commit_bytes.value_or(options.commit_bytes);
  options.segment_bytes = segment_bytes.value_or(options.segment_bytes);
  if (!progress.is_none())
    options.progress = [progress](const IndexProgress& p) { return tell(progress, p); };
  return to_dict(without_gil([&] { return dreamdb::compact(self, options); }));
}

nb::list indexes(const Dataset& self) {
  nb::list out;
  for (const IndexInfo& info : without_gil([&] { return self.indexes(); }))
    out.append(to_dict(info));
  return out;
}

nb::list distinct_values(const Dataset& self, const std::string& field) {
  nb::list out;
  for (const auto& [value, count] : without_gil([&] { return self.distinct_values(field); })) {
    out.append(nb::make_tuple(to_python(value), count));
  }
  return out;
}

WriterHandle* writer(Dataset& self, const std::string& on_conflict, std::string idempotency_key,
                     uint64_t commit_bytes, uint64_t commit_rows, uint64_t buffer_bytes) {
  WriterOptions options;
  options.append.on_conflict = to_on_conflict(on_conflict);
  options.append.idempotency_key = std::move(idempotency_key);
  options.append.progress = [](uint64_t, uint64_t) { return check_interrupt().has_value(); };
  options.commit_bytes = commit_bytes;
  options.commit_rows = commit_rows;
  options.buffer_bytes = buffer_bytes;
  return new WriterHandle(without_gil([&] { return self.writer(options); }), self.schema(),
                          options);
}

nb::dict meta(const Dataset& self) {
  nb::dict out;
  for (const auto& [key, value] : self.meta()) out[key.c_str()] = value;
  return out;
}

nb::list to_list(const std::vector<RefInfo>& refs) {
  nb::list out;
  for (const RefInfo& ref : refs) out.append(to_dict(ref));
  return out;
}

DeleteOptions delete_options(Fields fields, bool skip_missing, std::string reason) {
  DeleteOptions options;
  options.fields = std::move(fields);
  options.skip_missing = skip_missing;
  options.reason = std::move(reason);
  return options;
}

nb::dict delete_records(Dataset& self, nb::handle anchors, Fields fields, bool skip_missing,
                        std::string reason) {
  const Buffer view = Keeper::view_of(std::make_shared<Keeper>(), anchors);
  const DeleteOptions options = delete_options(std::move(fields), skip_missing, std::move(reason));
  return to_dict(without_gil([&] { return self.delete_records(anchors_of(view), options); }));
}

nb::dict delete_where(Dataset& self, const Where& where, Fields fields, std::string reason) {
  const DeleteOptions options = delete_options(std::move(fields), false, std::move(reason));
  return to_dict(without_gil([&] { return self.delete_where(where, options); }));
}

void bind_reads(nb::class_<Dataset>& dataset) {
  dataset
      .def(
          "count",
          [](const Dataset& self, const std::optional<Where>& where) {
            return without_gil([&] { return self.count(where); });
          },
          nb::arg("where").none())
      .def("stream", &stream, nb::arg("fields").none(), nb::arg("where").none(), nb::arg("start"),
           nb::arg("end"), nb::arg("batch_rows"), nb::arg("memory_bytes"), nb::arg("present_only"))
      .def("arrow_stream", &arrow_stream, nb::arg("fields").none(), nb::arg("where").none(),
           nb::arg("start"), nb::arg("end"), nb::arg("batch_rows"), nb::arg("memory_bytes"),
           nb::arg("present_only"))
      .def(
          "arrow_schema",
          [](const Dataset& self, const Fields& fields) {
            return arrow_schema_capsule(chosen_fields(self.schema(), fields));
          },
          nb::arg("fields").none())
      .def("take", &take, nb::arg("anchors"), nb::arg("fields").none(), nb::arg("skip_missing"))
      .def("search", &search, nb::arg("field"), nb::arg("queries"), nb::arg("count"),
           nb::arg("top_k"), nb::arg("distance").none(), nb::arg("where").none(),
           nb::arg("fields").none(), nb::arg("start"), nb::arg("end"), nb::arg("probes"),
           nb::arg("recall").none(), nb::arg("exact"))
      .def("embedding_dim", &embedding_dim, nb::arg("field"))
      .def("indexes", &indexes)
      .def("distinct_values", &distinct_values, nb::arg("field"))
      .def(
          "tombstones",
          [](const Dataset& self, const std::optional<std::string>& field, uint64_t start,
             uint64_t end) {
            return new TombstoneStreamHandle(
                without_gil([&] { return self.tombstones(field, start, end); }));
          },
          nb::arg("field").none(), nb::arg("start"), nb::arg("end"))
      .def("stat",
           [](const Dataset& self) { return to_dict(without_gil([&] { return self.stat(); })); });
}

void bind_writes(nb::class_<Dataset>& dataset) {
  dataset
      .def("writer", &writer, nb::arg("on_conflict"), nb::arg("idempotency_key"),
           nb::arg("commit_bytes"), nb::arg("commit_rows"), nb::arg("buffer_bytes"))
      .def("delete_records", &delete_records, nb::arg("anchors"), nb::arg("fields").none(),
           nb::arg("skip_missing"), nb::arg("reason"))
      .def("delete_where", &delete_where, nb::arg("where"), nb::arg("fields").none(),
           nb::arg("reason"))
      .def(
          "add_field",
          [](Dataset& self, const Field& field) {
            without_gil([&] { return self.add_field(field); });
          },
          nb::arg("field"))
      .def("reindex", &reindex, nb::arg("field"), nb::arg("algorithm"), nb::arg("cells"),
           nb::arg("bits").none(), nb::arg("seed").none(), nb::arg("train_only"),
           nb::arg("shard").none(), nb::arg("commit_rows").none(), nb::arg("progress").none())
      .def("compact", &compact, nb::arg("dry_run"), nb::arg("purge"), nb::arg("shard").none(),
           nb::arg("commit_bytes").none(), nb::arg("segment_bytes").none(),
           nb::arg("progress").none())
      .def(
          "take_index",
          [](Dataset& self, const std::string& field, const std::string& ref) {
            return to_dict(without_gil([&] { return self.take_index(field, ref); }));
          },
          nb::arg("field"), nb::arg("ref"))
      .def(
          "drop_index",
          [](Dataset& self, const std::string& field) {
            without_gil([&] { return self.drop_index(field); });
          },
          nb::arg("field"))
      .def("meta", &meta)
      .def(
          "set_meta",
          [](Dataset& self, const std::string& key, const std::string& value) {
            without_gil([&] { return self.set_meta(key, value); });
          },
          nb::arg("key"), nb::arg("value"))
      .def(
          "set_application",
          [](Dataset& self, const std::string& name, const std::string& revision) {
            without_gil([&] { return self.set_application(name, revision); });
          },
          nb::arg("name"), nb::arg("revision"))
      .def(
          "remove_meta",
          [](Dataset& self, const std::string& key) {
            without_gil([&] { return self.remove_meta(key); });
          },
          nb::arg("key"));
}

nb::dict merge(Dataset& self, const std::vector<Dataset>& sources, bool dry_run, bool forward_only,
               size_t conflicts_max) {
  MergeReport refused;
  MergeOptions options;
  options.dry_run = dry_run;
  options.forward_only = forward_only;
  options.conflicts_max = conflicts_max;
  options.refused = &refused;
  try {
    return to_dict(without_gil([&] { return self.merge(sources, options); }));
  } catch (nb::python_error& error) {
    if (!refused.outcome.empty()) nb::setattr(error.value(), "report", to_dict(refused));
    throw;
  }
}

void bind_versions(nb::class_<Dataset>& dataset) {
  dataset
      .def(
          "snapshot",
          [](Dataset& self, const std::string& label) {
            return to_dict(without_gil([&] { return self.snapshot(label); }));
          },
          nb::arg("label"))
      .def(
          "branch",
          [](const Dataset& self, const std::string& name) {
            return without_gil([&] { return self.branch(name); });
          },
          nb::arg("name"))
      .def("history",
           [](const Dataset& self) {
             return new HistoryStreamHandle(without_gil([&] { return self.history(); }));
           })
      .def(
          "version_at",
          [](const Dataset& self, uint64_t depth) {
            return to_dict(without_gil([&] { return self.version_at(depth); }));
          },
          nb::arg("depth"))
      .def(
          "diff",
          [](const Dataset& self, const Dataset& other) {
            return to_dict(without_gil([&] { return self.diff(other); }));
          },
          nb::arg("other"))
      .def(
          "restore",
          [](Dataset& self, const Dataset& source) {
            return without_gil([&] { return self.restore(source); });
          },
          nb::arg("source"))
      .def("merge", &merge, nb::arg("sources"), nb::arg("dry_run"), nb::arg("forward_only"),
           nb::arg("conflicts_max"))
      .def(
          "list_refs",
          [](const Dataset& self, const std::string& prefix, const std::string& start_after,
             size_t limit) {
            return to_list(without_gil([&] { return self.list_refs(prefix, start_after, limit); }));
          },
          nb::arg("prefix"), nb::arg("start_after"), nb::arg("limit"))
      .def(
          "delete_ref",
          [](Dataset& self, const std::string& name) {
            without_gil([&] { return self.delete_ref(name); });
          },
          nb::arg("name"))
      .def("store_stats", [](const Dataset& self) { return to_dict(self.store_stats()); });
}

}  // namespace

void bind_dataset(nb::module_& module) {
  module.attr("CACHE_BYTES") = OpenOptions().cache_bytes;
  module.attr("CONFLICTS_MAX") = MergeOptions().conflicts_max;
  nb::class_<SearchReport>(module, "SearchReport", "How hits were found.")
      .def("to_dict", [](const SearchReport& self) { return to_dict(self); });
  nb::class_<Dataset> dataset(module, "Dataset", "A handle pinned to one version of one ref.");
  dataset
      .def_static("create", &create, nb::arg("locator"), nb::arg("schema"), nb::arg("origin_ns"),
                  nb::arg("cache_bytes"), nb::arg("cache_folder"), nb::arg("cache_size_bytes"))
      .def_static("open", &open, nb::arg("locator"), nb::arg("manifest").none(),
                  nb::arg("time_ns").none(), nb::arg("cache_bytes"), nb::arg("cache_folder"),
                  nb::arg("cache_size_bytes"))
      .def("schema", [](const Dataset& self) { return Schema(self.schema()); })
      .def("locator", &Dataset::locator)
      .def("store_url", &Dataset::store_url)
      .def("ref_name", &Dataset::ref_name)
      .def("manifest", &Dataset::manifest)
      .def("timeline", &Dataset::timeline)
      .def("is_snapshot", &Dataset::is_snapshot)
      .def("generation", &Dataset::generation)
      .def("refresh", [](Dataset& self) { return without_gil([&] { return self.refresh(); }); });
  bind_reads(dataset);
  bind_writes(dataset);
  bind_versions(dataset);
  module.def(
      "parse_size", [](const std::string& text) { return unwrap(parse_size(text)); },
      nb::arg("text"));
  module.def(
      "list_refs",
      [](const std::string& store_url, const std::string& prefix, const std::string& start_after,
         size_t limit) {
        return to_list(
            without_gil([&] { return dreamdb::list_refs(store_url, prefix, start_after, limit); }));
      },
      nb::arg("store_url"), nb::arg("prefix"), nb::arg("start_after"), nb::arg("limit"));
}

}  // namespace dreamdb::python
