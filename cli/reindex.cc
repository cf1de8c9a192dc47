// `reindex`: the spatial index of an embedding, built, built anew or dropped.
#include <algorithm>

#include "cli/command.h"
#include "cli/index_text.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/shard.h"
#include "cli/text.h"
#include "dreamdb/interrupt.h"

namespace dreamdb::cli {

namespace {

struct ReindexOptions {
  std::string locator, field, algorithm;
  std::optional<std::string> take;
  std::optional<uint64_t> cells, bits, seed;
  ShardArgs share;
  std::optional<uint64_t> commit_rows;
  bool train = false, drop = false;

  bool has_training() const { return !algorithm.empty() || cells || bits || seed; }
  bool has_shard() const { return share.index || share.of || commit_rows; }
};

Status drop_index(const ReindexOptions& o, Session& session) {
  if (o.has_training() || o.has_shard() || o.train || o.take) {
    return fail(Code::kInvalidArgument,
                "--drop takes the index away; it goes without --train, --shard, --take and the "
                "options of the training");
  }
  DREAMDB_ASSIGN(Dataset dataset, open_dataset(session, o.locator));
  DREAMDB_TRY(dataset.drop_index(o.field));
  if (session.json) {
    return session.out.line(json_line(OrderedJson{
        {"locator", dataset.locator()}, {"manifest", dataset.manifest()}, {"dropped", o.field}}));
  }
  if (session.quiet) return {};
  return session.out.line("dropped the index of " + one_line(o.field) + "; version " +
                          dataset.manifest());
}

Distance distance_of(const IndexInfo& info) {
  Field field;
  field.algorithm = info.algorithm;
  return natural_distance(field);
}

std::string_view distance_name(Distance distance) {
  if (distance == Distance::kL2) return "l2";
  return distance == Distance::kInnerProduct ? "ip" : "cosine";
}

std::string built_text(const IndexInfo& info, double seconds) {
  std::string text = one_line(info.field) + ": " + info.algorithm + ", " +
                     counted(info.codes, "row in ", "rows in ") +
                     counted(info.cells, "cell, ", "cells, ") + human_bytes(info.bytes) + " in " +
                     human_rate(seconds) + " s";
  if (info.uncovered > 0)
    text += "; " + counted(info.uncovered, "row has no code yet", "rows have no code yet");
  const std::string recall = recall_text(info);
  return recall.empty() ? text : text + "; " + recall;
}

Status print_built(const IndexInfo& info, const Dataset& dataset, double seconds,
                   Session& session) {
  if (session.json) {
    OrderedJson out;
    out["locator"] = dataset.locator();
    out["manifest"] = dataset.manifest();
    const OrderedJson index = index_json(info);
    for (const auto& [key, value] : index.items()) out[key] = value;
    out["seconds"] = seconds;
    return session.out.line(json_line(out));
  }
  if (session.quiet) return {};
  DREAMDB_TRY(session.out.line(built_text(info, seconds)));
  const Distance built = distance_of(info);
  const Field* const field = dataset.schema().find(info.field);
  if (field == nullptr || natural_distance(*field) == built) return {};
  return session.out.line("used by searches with --distance " + std::string(distance_name(built)) +
                          "; without it this field is searched by " +
                          std::string(distance_name(natural_distance(*field))));
}

Status check_shard(const ReindexOptions& o) {
  if (!o.has_shard()) return {};
  DREAMDB_ASSIGN(const std::optional<Shard> shard, o.share.shard());
  if (!shard)
    return fail(Code::kInvalidArgument,
                "--commit-rows is of a worker's share, --shard I --of M: give both");
  if (!o.has_training() && !o.train) return {};
  return fail(Code::kInvalidArgument,
              "a shard is encoded under the index that `reindex --train` made: it goes without "
              "--train, --algorithm, --cells, --bits and --seed");
}

Result<IndexInfo> build_index(const ReindexOptions& o, Dataset& dataset, Progress& progress) {
  IndexOptions options;
  options.algorithm = o.algorithm;
  options.cells = o.cells.value_or(0);
  // What 32 bits cannot hold is refused like any other number that is too large.
  if (o.bits) options.bits = static_cast<uint32_t>(std::min<uint64_t>(*o.bits, UINT32_MAX));
  options.seed = o.seed;
  options.train_only = o.train;
  DREAMDB_ASSIGN(options.shard, o.share.shard());
  options.commit_rows = o.commit_rows.value_or(options.commit_rows);
  options.progress = [&](const IndexProgress& p) {
    // In percent: training counts the rows of all its rounds, which is no number of the user's.
    std::string text(p.stage);
    if (p.of > 1) text += " " + std::to_string(100 * p.done / p.of) + " %";
    progress.show(text + ", " + human_rate(progress.seconds()) + " s");
    return !interrupted();
  };
  return dataset.reindex(o.field, options);
}

Status take_index(const ReindexOptions& o, Session& session) {
  if (o.has_training() || o.has_shard() || o.train) {
    return fail(Code::kInvalidArgument,
                "--take uses an index that is there; it goes without --train, --shard and the "
                "options of the training");
  }
  DREAMDB_ASSIGN(Dataset dataset, open_dataset(session, o.locator));
  const Progress progress("reindex", false);
  DREAMDB_ASSIGN(const IndexInfo info, dataset.take_index(o.field, *o.take));
  return print_built(info, dataset, progress.seconds(), session);
}

Status run_reindex(const ReindexOptions& o, Session& session) {
  if (o.drop) return drop_index(o, session);
  if (o.take) return take_index(o, session);
  DREAMDB_TRY(check_shard(o));
  catch_interrupts();
  const InterruptScope scope(interrupted);
  DREAMDB_ASSIGN(Dataset dataset, open_dataset(session, o.locator));
  Progress progress("reindex", !session.quiet);
  auto info = build_index(o, dataset, progress);
  progress.clear();
  if (!info && info.error().code == Code::kCancelled)
    info.error().message +=
        o.share.index ? "\nWhat was committed stays; the same command encodes the rest."
                      : "\nNothing was changed; the same command builds it from the start.";
  if (!info) return std::unexpected(std::move(info).error());
  return print_built(*info, dataset, progress.seconds(), session);
}

}  // namespace

void add_reindex(CLI::App& app, Session& session) {
  auto o = std::make_shared<ReindexOptions>();
  Command command = add_command(
      app, session, "reindex", "build the spatial index of an embedding, or drop it",
      "With an index `search` reads the cells near a query and not every vector. Appends keep it\n"
      "fresh; run this again when the data has become another. Below 50,000 rows an index has one\n"
      "cell: short codes of all vectors. It is a version as any commit; the data stays as it is.\n"
      "\n"
      "Many machines build one together: --train once, then --shard I --of M on each. What has no\n"
      "code yet is searched exactly meanwhile, also if there was an index before. To be searched\n"
      "by that one until all is done, train and encode on a branch, and --take it from there.",
      "  dreamdb reindex ./pets emb\n"
      "  dreamdb reindex ./pets emb --algorithm dreamdb.ivf-l2 --cells 4096\n"
      "  dreamdb reindex ./pets emb --drop\n"
      "  # by three machines\n"
      "  dreamdb reindex s3://b/pets emb --train\n"
      "  dreamdb reindex s3://b/pets emb --shard 0 --of 3    # 1 and 2 on the others\n"
      "  # on a branch, so that the old index serves until the new one is done\n"
      "  dreamdb branch s3://b/pets rebuilt\n"
      "  dreamdb reindex s3://b/pets@rebuilt emb\n"
      "  dreamdb reindex s3://b/pets emb --take rebuilt");
  add_locator(command, o->locator);
  command.add_option("FIELD", o->field, "an embedding field").required();
  command
      .add_option(
          "--algorithm", o->algorithm,
          "dreamdb.ivf-cosine, dreamdb.ivf-ip or dreamdb.ivf-l2; when left out, the one of "
          "the field's own distance. Made faster, finding less: dreamdb.imi-cosine (pairs of "
          "centroids of the two halves), dreamdb.lsh-cosine (sides of hyperplanes)")
      .type_name("NAME");
  command
      .add_whole_number("--cells", o->cells,
                        "into how many cells the vectors are sorted; when left out, the greater of "
                        "sqrt(rows) and rows / 4096")
      .above_zero();
  command
      .add_whole_number("--bits", o->bits,
                        "of a code for each dimension, 1 (the default) to 8: more are larger and "
                        "leave fewer vectors to be read")
      .above_zero();
  command.add_whole_number("--seed", o->seed,
                           "of the training, 0 when left out; the same seed and rows make the "
                           "same index");
  command.add_flag("--train", o->train,
                   "train and commit the index without codes, which shards give it");
  add_shard(command, o->share);
  command
      .add_whole_number("--commit-rows", o->commit_rows,
                        "of a shard: commit codes of about so many rows at a time, 16,777,216 when "
                        "left out")
      .above_zero();
  command
      .add_option("--take", o->take,
                  "use the index that a branch has, built from rows that are here; rows that are "
                  "here alone have no code until a shard makes it")
      .type_name("REF");
  command.add_flag("--drop", o->drop, "drop the index: searches compare every vector again");
  on_run(command, session, o, run_reindex);
}

}  // namespace dreamdb::cli
