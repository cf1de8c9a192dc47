// `create` makes an empty dataset; `schema` and `add-field` show and extend its fields.
#include "cli/command.h"
#include "cli/field_spec.h"
#include "cli/text.h"
#include "cli/time_text.h"

namespace dreamdb::cli {

namespace {

constexpr const char* kFieldHelp =
    "Fields: name:type[:params][?], a ? at the end makes it optional.\n"
    "  img:image:jpeg  snd:audio:wav  clip:video:mp4  doc:text  raw:blob\n"
    "  emb:embedding:512[:f16]  pose:array:f32:3x4\n"
    "  ok:bool  n:int  score:float  name:string  label:categorical  seen:timestamp";

struct CreateOptionsOfLine {
  std::string locator, schema_file, origin;
  std::vector<std::string> fields;
};

Status run_create(const CreateOptionsOfLine& o, Session& session) {
  DREAMDB_ASSIGN(const Schema schema, schema_of_options(o.schema_file, o.fields));
  int64_t origin_ns = 0;
  if (!o.origin.empty()) {
    DREAMDB_ASSIGN(origin_ns, parse_time(o.origin));
  }
  DREAMDB_ASSIGN(const Dataset dataset, create_dataset(session, o.locator, schema, origin_ns));
  if (session.json) {
    OrderedJson out;
    out["locator"] = dataset.locator();
    out["manifest"] = dataset.manifest();
    out["timeline"] = dataset.timeline();
    out["fields"] = dataset.schema().fields().size();
    return session.out.line(json_line(out));
  }
  return session.out.line("created " + dataset.locator() + " with " +
                          std::to_string(schema.fields().size()) + " fields, version " +
                          dataset.manifest());
}

struct SchemaOptionsOfLine {
  std::string locator, at;
};

Status run_schema(const SchemaOptionsOfLine& o, Session& session) {
  DREAMDB_ASSIGN(const Dataset dataset, open_dataset(session, o.locator, o.at));
  if (session.json) return session.out.line(dataset.schema().to_json());
  Table table({"field", "type", "required", "as --field", "info"});
  for (const Field& field : dataset.schema().fields()) {
    std::string info;
    for (const auto& [key, value] : field.info) {
      info += (info.empty() ? "" : ", ") + one_line(key, 40) + "=" + one_line(value, 40);
    }
    table.add({one_line(field.name), std::string(type_name(field.type)),
               field.required ? "yes" : "no", one_line(field_spec(field)), info});
  }
  return session.out.write(table.text());
}

struct AddFieldOptionsOfLine {
  std::string locator, field;
  std::vector<std::string> info;
};

Status run_add_field(const AddFieldOptionsOfLine& o, Session& session) {
  DREAMDB_ASSIGN(Field field, parse_field_spec(o.field));
  for (const std::string& pair : o.info) {
    const size_t equal = pair.find('=');
    if (equal == 0 || equal == std::string::npos) {
      return fail(Code::kInvalidArgument, "--info \"" + pair + "\": expected key=value");
    }
    field.info[pair.substr(0, equal)] = pair.substr(equal + 1);
  }
  DREAMDB_ASSIGN(Dataset dataset, open_dataset(session, o.locator));
  const std::string name = field.name;
  DREAMDB_TRY(dataset.add_field(std::move(field)));
  if (session.json) {
    return session.out.line(json_line(OrderedJson{
        {"locator", dataset.locator()}, {"field", name}, {"manifest", dataset.manifest()}}));
  }
  return session.out.line("added field " + name + ", version " + dataset.manifest());
}

}  // namespace

void add_create(CLI::App& app, Session& session) {
  auto o = std::make_shared<CreateOptionsOfLine>();
  Command command =
      add_command(app, session, "create", "make an empty dataset", kFieldHelp,
                  "  dreamdb create ./pets --field img:image:jpeg --field caption:text? \\\n"
                  "      --field emb:embedding:512 --field label:categorical\n"
                  "  dreamdb schema --json ./pets > schema.json\n"
                  "  dreamdb create ./more --schema schema.json");
  add_locator(command, o->locator);
  command.add_option("--field,-F", o->fields, "a field, name:type[:params][?]; may be repeated")
      .one_value_each();
  command.add_option("--schema", o->schema_file, "fields from a JSON file").type_name("FILE");
  command.add_option("--origin", o->origin,
                     "the time of anchor 0 (default 1970, so that anchors are Unix nanoseconds)");
  on_run(command, session, o, run_create);
}

void add_schema(CLI::App& app, Session& session) {
  auto o = std::make_shared<SchemaOptionsOfLine>();
  Command command = add_command(app, session, "schema", "show the fields", "",
                                "  dreamdb schema ./pets\n"
                                "  dreamdb schema --json ./pets > schema.json");
  add_locator(command, o->locator);
  add_at(command, o->at);
  on_run(command, session, o, run_schema);

  auto a = std::make_shared<AddFieldOptionsOfLine>();
  Command add = add_command(
      app, session, "add-field", "add a field to a living dataset",
      std::string("Older records lack it until rows at their anchors fill it (`ingest` with "
                  "_anchor).\n") +
          kFieldHelp,
      "  dreamdb add-field ./pets 'score:float?'\n"
      "  dreamdb ls --anchors ./pets | head -1 | sed 's/.*/{\"_anchor\":&,\"score\":0.5}/' |\n"
      "      dreamdb ingest ./pets -");
  add_locator(add, a->locator);
  add.add_option("FIELD", a->field, "name:type[:params][?]").required();
  add.add_option("--info", a->info, "a remark to keep with the field, for example unit=m")
      .type_name("KEY=VALUE")
      .one_value_each();
  on_run(add, session, a, run_add_field);
}

}  // namespace dreamdb::cli
