#include "tests/corruption/everything.h"

#include <algorithm>

namespace dreamdb::corruption {

namespace {

std::string scalar_text(const Scalar& scalar) {
  if (const auto* text = std::get_if<std::string>(&scalar)) return *text;
  if (const auto* number = std::get_if<int64_t>(&scalar)) return std::to_string(*number);
  if (const auto* real = std::get_if<double>(&scalar)) return std::to_string(*real);
  if (const auto* flag = std::get_if<bool>(&scalar)) return *flag ? "true" : "false";
  return "none";
}

std::string anchors_text(const Batch& batch) {
  std::string out;
  for (size_t row = 0; row < batch.rows(); ++row) out += " " + std::to_string(batch.anchors()[row]);
  return out;
}

Status judge_batch(const Batch& batch) {
  for (size_t row = 0; row < batch.rows(); ++row)
    if (const auto wrong = model::judge_record(batch, row)) return fail(Code::kInternal, *wrong);
  return {};
}

// Every version of the ref, each with all its values.
Status read_history(const std::shared_ptr<Space>& space, const Dataset& ds, Everything& out) {
  DREAMDB_ASSIGN(HistoryStream history, ds.history());
  for (;;) {
    DREAMDB_ASSIGN(const auto commit, history.next());
    if (!commit) {
      out.is_history_cut = out.is_history_cut || history.collected().has_value();
      return {};
    }
    OpenOptions options;
    options.manifest = commit->manifest;
    DREAMDB_ASSIGN(const Dataset old, open_in(space, ds.ref_name(), options));
    DREAMDB_ASSIGN(out.versions[commit->manifest], model::read_state(old));
    out.history.push_back(ds.ref_name() + " " + commit->manifest + " " + commit->operation + " " +
                          std::to_string(commit->records) + " " + std::to_string(commit->time_ns));
  }
}

Status take_and_search(const Dataset& ds, const model::State& state, Everything& out) {
  std::vector<uint64_t> anchors;
  for (const auto& [anchor, salt] : state.salts) anchors.push_back(anchor);
  std::reverse(anchors.begin(), anchors.end());
  DREAMDB_ASSIGN(const Batch taken, ds.take(anchors));
  DREAMDB_TRY(judge_batch(taken));
  out.answers.push_back("take" + anchors_text(taken));
  const std::vector<float> query = {1, 2, 3, 4};
  SearchOptions options;
  options.top_k = 4;
  DREAMDB_ASSIGN(const SearchAnswer answer, ds.search("emb", query, 1, options));
  const SearchHits& hits = answer.hits[0];
  DREAMDB_TRY(judge_batch(hits.rows));
  std::string line = "search" + anchors_text(hits.rows);
  for (const float score : hits.scores) line += " " + std::to_string(score);
  out.answers.push_back(line);
  return {};
}

Status ask_scalars(const Dataset& ds, Everything& out) {
  DREAMDB_ASSIGN(const Where where, Where::parse("flag = true and name >= 'name 3'"));
  DREAMDB_ASSIGN(const uint64_t count, ds.count(where));
  out.answers.push_back("count " + std::to_string(count));
  for (const char* field : {"label", "score", "at", "flag"}) {
    DREAMDB_ASSIGN(const auto values, ds.distinct_values(field));
    std::string line = field;
    for (const auto& [value, times] : values)
      line += " " + scalar_text(value) + "x" + std::to_string(times);
    out.answers.push_back(line);
  }
  DREAMDB_ASSIGN(const DatasetStat stat, ds.stat());
  out.answers.push_back("stat " + std::to_string(stat.records) + " " + std::to_string(stat.bytes) +
                        " " + std::to_string(stat.first_anchor) + " " +
                        std::to_string(stat.last_anchor));
  return {};
}

}  // namespace

Result<Everything> read_everything(const std::shared_ptr<Store>& store) {
  Everything out;
  DREAMDB_ASSIGN(const ListPage page, store->list("refs/", "", 100));
  const auto space = model::space_on(store);
  std::optional<Dataset> first;
  for (const ListedObject& object : page.objects) {
    DREAMDB_ASSIGN(const Dataset ds, open_in(space, object.key.substr(5)));
    DREAMDB_ASSIGN(const model::State state, model::read_state(ds));
    DREAMDB_TRY(read_history(space, ds, out));
    DREAMDB_TRY(take_and_search(ds, state, out));
    DREAMDB_TRY(ask_scalars(ds, out));
    out.picture.emplace(ds.ref_name(), state);
    if (first) {
      DREAMDB_ASSIGN(const DiffReport diff, first->diff(ds));
      out.answers.push_back("diff " + diff.common_ancestor + " " +
                            std::to_string(diff.records_only_left) + " " +
                            std::to_string(diff.records_only_right));
    }
    first = ds;
  }
  return out;
}

}  // namespace dreamdb::corruption
