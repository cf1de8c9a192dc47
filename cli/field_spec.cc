// Splitting at colons; what a part means is decided by the type.
#include "cli/field_spec.h"

#include <charconv>
#include <optional>
#include <span>

#include "cli/text.h"

namespace dreamdb::cli {

namespace {

// By its distance an embedding is searched and indexed when nothing else is said.
constexpr std::string_view kAlgorithm = "dreamdb.lsh-cosine";

constexpr std::string_view kHelp =
    "; write name:type[:params][?], for example img:image:jpeg, emb:embedding:512, "
    "pose:array:f32:3x4, label:categorical, caption:text?";

Error bad(std::string_view text, const std::string& why) {
  return Error{Code::kInvalidArgument,
               "field \"" + one_line(text, 120) + "\": " + why + std::string(kHelp)};
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(at);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<uint64_t> whole_number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Status read_embedding(Field& field, std::span<const std::string_view> params,
                      std::string_view text) {
  for (const std::string_view param : params) {
    if (const auto dim = whole_number(param)) {
      if (!field.shape.empty()) return std::unexpected(bad(text, "two numbers of dimensions"));
      field.shape = {*dim};
    } else if (auto dtype = parse_dtype(param)) {
      field.dtype = *dtype;
    } else if (param.starts_with("dreamdb.")) {
      field.algorithm = param;
    } else {
      return std::unexpected(bad(
          text,
          "\"" + one_line(param, 40) + "\" is no number of dimensions, f32 or f16, or algorithm"));
    }
  }
  if (field.algorithm.empty()) field.algorithm = kAlgorithm;
  if (field.shape.empty()) {
    return std::unexpected(bad(text, "an embedding needs its number of dimensions"));
  }
  return {};
}

Status read_array(Field& field, std::span<const std::string_view> params, std::string_view text) {
  if (params.empty() || params.size() > 2) {
    return std::unexpected(bad(text, "an array needs an element type and a shape"));
  }
  auto dtype = parse_dtype(params[0]);
  if (!dtype) return std::unexpected(bad(text, dtype.error().message));
  field.dtype = *dtype;
  if (params.size() == 1) return {};
  for (const std::string_view part : split(params[1], 'x')) {
    const auto size = whole_number(part);
    if (!size) {
      return std::unexpected(bad(text, "\"" + one_line(params[1], 40) + "\" is no shape like 3x4"));
    }
    field.shape.push_back(*size);
  }
  return {};
}

}  // namespace

Result<Field> parse_field_spec(std::string_view text) {
  std::string_view rest = text;
  Field field;
  if (rest.ends_with('?')) {
    field.required = false;
    rest.remove_suffix(1);
  }
  const std::vector<std::string_view> parts = split(rest, ':');
  if (parts.size() < 2 || parts[0].empty()) {
    return std::unexpected(bad(text, "it needs a name and a type"));
  }
  field.name = parts[0];
  auto type = parse_type(parts[1]);
  if (!type) return std::unexpected(bad(text, type.error().message));
  field.type = *type;
  const std::span params = std::span(parts).subspan(2);
  switch (field.type) {
    case FieldType::kEmbedding: DREAMDB_TRY(read_embedding(field, params, text)); return field;
    case FieldType::kArray: DREAMDB_TRY(read_array(field, params, text)); return field;
    case FieldType::kImage:
    case FieldType::kAudio:
    case FieldType::kVideo:
      if (params.size() != 1 || params[0].empty()) {
        return std::unexpected(
            bad(text, "image, audio and video need the kind of file, as in img:image:png"));
      }
      field.mime = params[0];
      return field;
    default: break;
  }
  if (!params.empty()) {
    return std::unexpected(bad(text, std::string(type_name(field.type)) + " takes no parameter"));
  }
  return field;
}

Result<Schema> parse_field_specs(const std::vector<std::string>& specs) {
  Schema schema;
  for (const std::string& spec : specs) {
    DREAMDB_ASSIGN(Field field, parse_field_spec(spec));
    DREAMDB_TRY(schema.add(std::move(field)));
  }
  return schema;
}

std::string field_spec(const Field& field) {
  std::string out = field.name + ":" + std::string(type_name(field.type));
  if (!field.mime.empty()) out += ":" + field.mime;
  if (field.type == FieldType::kEmbedding) {
    out += ":" + std::to_string(field.shape.empty() ? 0 : field.shape[0]);
    if (field.dtype != Dtype::kF32) out += ":" + std::string(dtype_name(field.dtype));
    if (field.algorithm != kAlgorithm) out += ":" + field.algorithm;
  }
  if (field.type == FieldType::kArray) {
    out += ":" + std::string(dtype_name(field.dtype));
    std::string shape;
    for (const uint64_t size : field.shape)
      shape += (shape.empty() ? "" : "x") + std::to_string(size);
    if (!shape.empty()) out += ":" + shape;
  }
  return field.required ? out : out + "?";
}

}  // namespace dreamdb::cli
