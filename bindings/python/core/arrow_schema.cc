#include "arrow_schema.h"

#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace dreamdb::python {

namespace {

// One node of the type tree and all it points to.
struct Node {
  ArrowSchema schema{};
  std::string format, name, metadata;
  std::vector<std::unique_ptr<Node>> children;
  std::vector<ArrowSchema*> pointers;
};

using Owner = std::shared_ptr<Node>;

// Each node holds the whole tree, so that a consumer may keep a child alone.
void link(const Owner& owner, Node& node) {
  node.schema.format = node.format.c_str();
  node.schema.name = node.name.c_str();
  node.schema.metadata = node.metadata.empty() ? nullptr : node.metadata.data();
  for (auto& child : node.children) {
    link(owner, *child);
    node.pointers.push_back(&child->schema);
  }
  node.schema.n_children = static_cast<int64_t>(node.pointers.size());
  node.schema.children = node.pointers.empty() ? nullptr : node.pointers.data();
  node.schema.release = [](ArrowSchema* self) {
    // Children that were moved away have no release and live on through their own owner.
    for (int64_t i = 0; i < self->n_children; ++i) {
      ArrowSchema* child = self->children[i];
      if (child->release != nullptr) child->release(child);
    }
    std::unique_ptr<Owner> held(static_cast<Owner*>(self->private_data));
    self->release = nullptr;
  };
  node.schema.private_data = new Owner(owner);
}

void append_i32(std::string& out, size_t value) {
  const auto v = static_cast<int32_t>(value);
  char bytes[sizeof v];
  std::memcpy(bytes, &v, sizeof v);
  out.append(bytes, sizeof v);
}

// Pairs of keys and values in the interface's own binary form.
std::string metadata_of(
    std::initializer_list<std::pair<std::string_view, std::string_view>> pairs) {
  std::string out;
  append_i32(out, pairs.size());
  for (const auto& [key, value] : pairs) {
    append_i32(out, key.size());
    out.append(key);
    append_i32(out, value.size());
    out.append(value);
  }
  return out;
}

std::unique_ptr<Node> leaf(std::string name, std::string format, int64_t flags) {
  auto node = std::make_unique<Node>();
  node->name = std::move(name);
  node->format = std::move(format);
  node->schema.flags = flags;
  return node;
}

std::unique_ptr<Node> matrix(const Field& field) {
  uint64_t width = 1;
  std::string shape;
  for (uint64_t size : field.shape) {
    width *= size;
    shape += (shape.empty() ? "" : ",") + std::to_string(size);
  }
  auto node = leaf(field.name, "+w:" + std::to_string(width), kArrowFlagNullable);
  node->children.push_back(leaf("item", arrow_format(field.dtype), kArrowFlagNullable));
  if (field.type == FieldType::kArray) {
    node->metadata = metadata_of({{"ARROW:extension:name", "arrow.fixed_shape_tensor"},
                                  {"ARROW:extension:metadata", "{\"shape\":[" + shape + "]}"}});
  }
  return node;
}

std::unique_ptr<Node> column(const Field& field) {
  switch (field.type) {
    case FieldType::kEmbedding:
    case FieldType::kArray: return matrix(field);
    case FieldType::kBool: return leaf(field.name, "b", kArrowFlagNullable);
    case FieldType::kInt:
    case FieldType::kTimestamp: return leaf(field.name, "l", kArrowFlagNullable);
    case FieldType::kFloat: return leaf(field.name, "g", kArrowFlagNullable);
    case FieldType::kText:
    case FieldType::kString:
    case FieldType::kCategorical: return leaf(field.name, "u", kArrowFlagNullable);
    default: return leaf(field.name, "z", kArrowFlagNullable);
  }
}

}  // namespace

void export_schema(std::span<const Field> fields, std::string anchors, ArrowSchema* out) {
  const Owner root = leaf("", "+s", 0);
  root->children.push_back(leaf(std::move(anchors), "L", 0));
  for (const Field& field : fields) root->children.push_back(column(field));
  link(root, *root);
  *out = root->schema;
}

const char* arrow_format(Dtype dtype) {
  switch (dtype) {
    case Dtype::kBool: return "b";
    case Dtype::kI8: return "c";
    case Dtype::kI16: return "s";
    case Dtype::kI32: return "i";
    case Dtype::kI64: return "l";
    case Dtype::kU8: return "C";
    case Dtype::kU16:
    case Dtype::kBf16: return "S";
    case Dtype::kU32: return "I";
    case Dtype::kU64: return "L";
    case Dtype::kF16: return "e";
    case Dtype::kF32: return "f";
    case Dtype::kF64: return "g";
  }
  return "C";
}

}  // namespace dreamdb::python
