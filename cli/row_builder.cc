// Rows of JSON into columns: keys, anchors and what is missing.
#include "cli/row_builder.h"

#include <algorithm>

#include "cli/text.h"

namespace dreamdb::cli {

namespace {

constexpr std::string_view kAnchorKey = "_anchor";

Error at(const std::string& place, Error error) {
  error.message = place + ": " + error.message;
  return error;
}

}  // namespace

RowBuilder::RowBuilder(const Schema& schema, std::set<std::string> elsewhere)
    : schema_(&schema), elsewhere_(std::move(elsewhere)) {
  for (const Field& field : schema.fields()) {
    if (!elsewhere_.contains(field.name)) columns_.emplace_back(field);
  }
}

Status RowBuilder::add_anchor(const Json& row, const std::string& place) {
  const auto found = row.find(kAnchorKey);
  const bool given = found != row.end() && !found->is_null();
  if (!with_anchors_) with_anchors_ = given;
  if (given != *with_anchors_) {
    return fail(Code::kInvalidArgument, place +
                                            ": all rows carry `_anchor` or none does; this one " +
                                            (given ? "has one and the rows before it have none"
                                                   : "has none and the rows before it have one"));
  }
  if (!given) return {};
  if (!found->is_number_unsigned() || found->get<uint64_t>() > kAnchorMax) {
    return fail(Code::kInvalidArgument,
                place + ": `_anchor` is a whole number from 0 to 2^64-2, found " +
                    one_line(found->dump(), 40));
  }
  anchors_.push_back(found->get<uint64_t>());
  return {};
}

Status RowBuilder::add(const Json& row, const std::string& place, const std::string& folder) {
  if (!row.is_object()) {
    return fail(Code::kInvalidArgument,
                place + ": a row is a JSON object like {\"field\": value}, found " +
                    std::string(row.type_name()));
  }
  DREAMDB_TRY(add_anchor(row, place));
  for (const auto& [key, value] : row.items()) {
    if (key == kAnchorKey) continue;
    if (elsewhere_.contains(key)) {
      if (!value.is_null()) {
        return fail(Code::kInvalidArgument,
                    std::string(place)
                        .append(": field `")
                        .append(key)
                        .append("` comes from --npy; a row may only say null for it"));
      }
      nulls_.emplace_back(key, rows_);
    } else if (auto field = schema_->get(key); !field) {
      return std::unexpected(at(place, std::move(field).error()));
    }
  }
  for (ColumnBuilder& column : columns_) {
    const auto value = row.find(column.field().name);
    if (value != row.end() && !value->is_null()) {
      if (auto status = column.add(*value, folder); !status) {
        return std::unexpected(at(place, std::move(status).error()));
      }
      continue;
    }
    // With an anchor the row may add fields to a record that is there already; without one it is a
    // new record, which needs all that the schema requires.
    if (column.field().required && !*with_anchors_) {
      return fail(Code::kInvalidArgument,
                  place + ": required field `" + column.field().name + "` is missing");
    }
    column.add_absent();
  }
  ++rows_;
  return {};
}

uint64_t RowBuilder::size_bytes() const {
  uint64_t total = 0;
  for (const ColumnBuilder& column : columns_) total += column.size_bytes();
  return total;
}

std::vector<size_t> RowBuilder::nulls(const std::string& field) const {
  std::vector<size_t> rows;
  for (const auto& [name, row] : nulls_) {
    if (name == field) rows.push_back(row);
  }
  return rows;
}

NewRows RowBuilder::take() {
  NewRows out;
  out.rows = rows_;
  if (with_anchors_.value_or(false)) {
    out.anchors = Buffer::copy_of(std::as_bytes(std::span(anchors_)));
  }
  for (ColumnBuilder& column : columns_) {
    const bool absent = column.all_absent();
    Column built = column.take();
    if (!absent) out.columns.push_back(std::move(built));
  }
  anchors_.clear();
  nulls_.clear();
  rows_ = 0;
  return out;
}

}  // namespace dreamdb::cli
