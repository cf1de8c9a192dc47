// The compact syntax of fields on the command line: `name:type[:params][?]`.
//
//   img:image:jpeg            image, audio, video with the kind of file
//   caption:text?             a `?` at the end: optional
//   emb:embedding:512         and emb:embedding:512:f16, emb:embedding:512:dreamdb.ivf-cosine
//   pose:array:f32:3x4        element type and shape; without a shape one number
//   label:categorical         and bool, int, float, string, timestamp, blob
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dreamdb/result.h"
#include "dreamdb/schema.h"

namespace dreamdb::cli {

// InvalidArgument: what is wrong with `text`, with an example of what is right.
Result<Field> parse_field_spec(std::string_view text);

// A schema of these; InvalidArgument as Schema::add.
Result<Schema> parse_field_specs(const std::vector<std::string>& specs);

// The text that parses back to `field` (without its `info`).
std::string field_spec(const Field& field);

}  // namespace dreamdb::cli
