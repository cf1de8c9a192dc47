// `search`: the records nearest to one of the dataset or to given vectors.
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>

#include "cli/command.h"
#include "cli/elements.h"
#include "cli/half.h"
#include "cli/json_row.h"
#include "cli/npy.h"
#include "cli/search_report.h"
#include "cli/text.h"

namespace dreamdb::cli {

namespace {

constexpr size_t kCellChars = 40;

struct SearchOptionsOfLine {
  ReadArgs read;
  std::string field, query, distance;  // distance: empty is the field's own
  std::optional<uint64_t> like, probes;
  size_t top_k = 10;
  double recall = SearchOptions().recall;
  bool exact = false, explain = false, blobs = false;
};

struct Queries {
  std::vector<float> values;  // [count, dim], row-major
  size_t count = 0;
};

// The embedding at `anchor`, as float32.
Result<Queries> like_record(const Dataset& dataset, const Field& field, uint64_t anchor) {
  const std::vector<uint64_t> anchors = {anchor};
  DREAMDB_ASSIGN(const Batch batch, dataset.take(anchors, std::vector<std::string>{field.name}));
  const Column& column = batch.columns.at(0);
  if (!column.is_valid(0)) {
    return fail(Code::kNotFound, "record " + std::to_string(anchor) + " has no value of field `" +
                                     field.name + "`; choose another record or give --query");
  }
  Queries out;
  out.count = 1;
  for (uint64_t i = 0; i < field.shape[0]; ++i) {
    out.values.push_back(field.dtype == Dtype::kF16
                             ? static_cast<float>(half_to_double(column.as<uint16_t>()[i]))
                             : column.as<float>()[i]);
  }
  return out;
}

Result<Queries> npy_queries(const Field& field, const std::string& path) {
  DREAMDB_ASSIGN(const NpyFile file, NpyFile::open(path));
  Field wanted = field;
  wanted.dtype = Dtype::kF32;
  NpyHeader header = file.header();
  const uint64_t rows = header.shape.size() == 1 ? 1 : header.rows();
  DREAMDB_ASSIGN(const Buffer raw, file.read_rows(0, header.rows()));
  if (header.shape.size() == 1) header.shape.insert(header.shape.begin(), 1);  // one query
  DREAMDB_TRY(check_npy_fits(header, wanted, path));
  DREAMDB_ASSIGN(const Buffer values, npy_values(header, raw, wanted, 0, path));
  Queries out;
  out.count = rows;
  out.values.resize(values.size() / sizeof(float));
  std::memcpy(out.values.data(), values.data(), values.size());
  return out;
}

Result<Queries> json_query(const Field& field, const std::string& text) {
  auto list = parse_json(text);
  if (!list) return fail(Code::kInvalidArgument, "--query: " + list.error().message);
  if (!list->is_array() || list->size() != field.shape[0]) {
    return fail(Code::kInvalidArgument,
                "--query: field `" + field.name + "` has " + std::to_string(field.shape[0]) +
                    " dimensions, found a list of " + std::to_string(list->size()));
  }
  Queries out;
  out.count = 1;
  for (const Json& value : *list) {
    if (!value.is_number()) {
      return fail(Code::kInvalidArgument,
                  "--query: expected a number, found " + one_line(value.dump(), 40));
    }
    out.values.push_back(value.get<float>());
  }
  return out;
}

Result<Queries> make_queries(const SearchOptionsOfLine& o, const Dataset& dataset) {
  DREAMDB_ASSIGN(const Field* field, dataset.schema().get(o.field));
  if (field->type != FieldType::kEmbedding) {
    return fail(Code::kInvalidArgument, "field `" + o.field + "` is " +
                                            std::string(type_name(field->type)) +
                                            "; search goes over an embedding");
  }
  if (o.like.has_value() == !o.query.empty()) {
    return fail(Code::kInvalidArgument,
                "say what to search for: --like ANCHOR or --query "
                "FILE.npy or --query '[0.1, ...]' (one of them)");
  }
  if (o.like) return like_record(dataset, *field, *o.like);
  return o.query.starts_with('[') ? json_query(*field, o.query) : npy_queries(*field, o.query);
}

Status print_json(const SearchHits& hits, size_t query, bool several, BlobForm form,
                  Session& session) {
  std::string line;
  for (size_t row = 0; row < hits.rows.rows(); ++row) {
    line.clear();
    std::string extra;
    if (several) extra.append(",\"_query\":").append(std::to_string(query));
    extra.append(",\"_score\":").append(short_float(hits.scores[row]));
    append_row(line, hits.rows, row, form, extra);
    DREAMDB_TRY(session.out.line(line));
  }
  return {};
}

// Four decimals for people; --json has all digits.
std::string score_cell(float score) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.4f", static_cast<double>(score));
  return text.data();
}

Status print_table(const SearchHits& hits, size_t query, bool several, Session& session) {
  std::vector<std::string> header = {">rank", ">score", ">anchor"};
  for (const Column& column : hits.rows.columns) header.push_back(one_line(column.name));
  Table table(header);
  for (size_t row = 0; row < hits.rows.rows(); ++row) {
    std::vector<std::string> cells = {std::to_string(row + 1), score_cell(hits.scores[row]),
                                      std::to_string(hits.rows.anchors()[row])};
    for (const Column& column : hits.rows.columns) {
      cells.push_back(value_cell(column, row, kCellChars));
    }
    table.add(std::move(cells));
  }
  if (several) DREAMDB_TRY(session.out.line("query " + std::to_string(query)));
  return session.out.write(table.text());
}

// What a table of hits can show: scalars and text.
std::vector<std::string> table_fields(const Schema& schema) {
  std::vector<std::string> names;
  for (const Field& field : schema.fields()) {
    if (is_scalar(field.type) || field.type == FieldType::kText) names.push_back(field.name);
  }
  return names;
}

Result<SearchOptions> search_options(const SearchOptionsOfLine& o, const Schema& schema) {
  SearchOptions options;
  DREAMDB_ASSIGN(options.where, parse_where(o.read.where));
  options.top_k = o.top_k;
  options.start = o.read.start;
  options.end = o.read.end;
  DREAMDB_ASSIGN(const Field* field, schema.get(o.field));
  options.distance = natural_distance(*field);
  if (o.distance == "cosine") options.distance = Distance::kCosine;
  if (o.distance == "ip") options.distance = Distance::kInnerProduct;
  if (o.distance == "l2") options.distance = Distance::kL2;
  options.probes = o.probes.value_or(0);
  options.recall = o.recall;
  options.exact = o.exact;
  options.fields = o.read.fields;
  if (o.read.fields.empty() && o.blobs) options.fields.reset();
  if (o.read.fields.empty() && !o.blobs) options.fields = table_fields(schema);
  return options;
}

// After the hits, where `--cost` says what they cost.
Status explain(const SearchReport& report, size_t queries, Session& session) {
  DREAMDB_TRY(session.out.flush());
  Output err(STDERR_FILENO, "standard error");
  DREAMDB_TRY(err.line(session.json ? search_report_json(report, queries)
                                    : search_report_text(report, queries)));
  return err.flush();
}

Status run_search(const SearchOptionsOfLine& o, Session& session) {
  DREAMDB_TRY(check_range(o.read));
  if (o.exact && o.probes) {
    return fail(Code::kInvalidArgument,
                "--exact compares every vector and --nprobe says how many cells to read: give one "
                "of them");
  }
  DREAMDB_ASSIGN(const Dataset dataset, open_dataset(session, o.read.locator, o.read.at));
  DREAMDB_ASSIGN(const SearchOptions options, search_options(o, dataset.schema()));
  DREAMDB_ASSIGN(const Queries queries, make_queries(o, dataset));
  DREAMDB_ASSIGN(const SearchAnswer answer,
                 dataset.search(o.field, queries.values, queries.count, options));
  const std::vector<SearchHits>& answers = answer.hits;
  const bool several = queries.count > 1;
  for (size_t query = 0; query < answers.size(); ++query) {
    DREAMDB_TRY(session.json ? print_json(answers[query], query, several,
                                          o.blobs ? BlobForm::kBytes : BlobForm::kDigest, session)
                             : print_table(answers[query], query, several, session));
  }
  return o.explain ? explain(answer.report, queries.count, session) : Status();
}

}  // namespace

void add_search(CLI::App& app, Session& session) {
  auto o = std::make_shared<SearchOptionsOfLine>();
  Command command = add_command(
      app, session, "search", "the records nearest to a record or to given vectors",
      "Through the field's index if `dreamdb reindex` has built one, else every vector is "
      "compared;\n"
      "scores are exact either way: cosine similarity, inner product, or squared L2 distance, the\n"
      "best first. Several queries: the rows of a 2-dimensional .npy.",
      "  dreamdb search ./pets emb --like 1000 -k 5\n"
      "  dreamdb search ./pets emb --query query.npy --where 'label == \"cat\"' --json\n"
      "  dreamdb search ./pets pos --query '[0.5, 1.5]' --distance l2 -f label\n"
      "  dreamdb search ./pets emb --like 1000 --recall 0.99 --explain");
  add_locator(command, o->read.locator);
  command.add_option("FIELD", o->field, "an embedding field").required();
  command.add_whole_number("--like", o->like,
                           "like the record at this anchor (which is found too)");
  command.add_option("--query", o->query, "an .npy file, or a list of numbers in brackets");
  command.add_whole_number("--top-k,-k", o->top_k, "at most so many records, 10 when left out");
  command
      .add_option("--distance", o->distance,
                  "cosine, ip or l2; when left out, what the field's algorithm names")
      .one_of({"cosine", "ip", "l2"})
      .type_name("cosine|ip|l2");
  command.add_part("--recall", o->recall,
                   "through an index: read as many cells as held this part of the 10 nearest when "
                   "it was built, above 0 and at most 1 (0.95); above 0.95 compare more rows too");
  command
      .add_whole_number("--nprobe", o->probes,
                        "through an index: read so many cells for a query, whatever --recall")
      .above_zero();
  command.add_flag("--exact", o->exact, "compare every vector, whatever indexes there are");
  command.add_flag("--explain", o->explain,
                   "print to standard error how the answer was found, and why no index was used");
  add_at(command, o->read.at);
  add_where(command, o->read.where);
  add_fields(command, o->read.fields);
  add_range(command, o->read);
  command.add_flag("--blobs", o->blobs, "with --json: write the bytes of blobs as base64");
  on_run(command, session, o, run_search);
}

}  // namespace dreamdb::cli
