#include "arrow_array.h"

#include <array>
#include <cstring>
#include <memory>
#include <vector>

namespace dreamdb::python {

namespace {

struct Node {
  ArrowArray array{};
  std::vector<Buffer> owners;
  std::vector<const void*> buffers;
  std::vector<std::unique_ptr<Node>> children;
  std::vector<ArrowArray*> pointers;

  Node(int64_t length, int64_t null_count) {
    array.length = length;
    array.null_count = null_count;
  }

  void add(const Buffer& buffer) {
    // Consumers may not like null for a buffer of values, even when it is empty.
    alignas(64) static const std::byte nothing[64] = {};
    buffers.push_back(buffer.empty() ? nothing : buffer.data());
    owners.push_back(buffer);
  }
  void add_validity(const Buffer& valid) {
    if (valid.empty()) {
      buffers.push_back(nullptr);
    } else {
      add(valid);
    }
  }
};

using Owner = std::shared_ptr<Node>;

// Each array holds the whole tree, so that a consumer may keep a child alone.
void link(const Owner& owner, Node& node) {
  node.array.n_buffers = static_cast<int64_t>(node.buffers.size());
  node.array.buffers = node.buffers.data();
  for (auto& child : node.children) {
    link(owner, *child);
    node.pointers.push_back(&child->array);
  }
  node.array.n_children = static_cast<int64_t>(node.pointers.size());
  node.array.children = node.pointers.empty() ? nullptr : node.pointers.data();
  node.array.release = [](ArrowArray* self) {
    // Children that were moved away have no release and live on through their own owner.
    for (int64_t i = 0; i < self->n_children; ++i) {
      ArrowArray* child = self->children[i];
      if (child->release != nullptr) child->release(child);
    }
    std::unique_ptr<Owner> held(static_cast<Owner*>(self->private_data));
    self->release = nullptr;
  };
  node.array.private_data = new Owner(owner);
}

int64_t nulls_of(const Column& column, size_t first, size_t count) {
  if (column.valid.empty()) return 0;
  int64_t nulls = 0;
  for (size_t row = first; row < first + count; ++row) nulls += column.is_valid(row) ? 0 : 1;
  return nulls;
}

template <typename Bit>
Buffer pack_bits(size_t count, Bit&& bit) {
  MutableBuffer out((count + 7) / 8);
  std::memset(out.data(), 0, out.size());
  for (size_t i = 0; i < count; ++i) {
    if (bit(i)) out.data()[i / 8] |= static_cast<std::byte>(1u << (i % 8));
  }
  return std::move(out).freeze();
}

Buffer validity(const Column& column, size_t first, size_t count) {
  if (column.valid.empty()) return {};
  if (first == 0) return column.valid;
  return pack_bits(count, [&](size_t i) { return column.is_valid(first + i); });
}

Buffer fixed_width(const Buffer& values, Dtype dtype, size_t first, size_t count) {
  const size_t size = dtype_size_bytes(dtype);
  const Buffer part = values.slice(first * size, count * size);
  if (dtype != Dtype::kBool) return part;
  return pack_bits(count, [&](size_t i) { return part.data()[i] != std::byte{0}; });
}

Dtype scalar_dtype(FieldType type) {
  if (type == FieldType::kBool) return Dtype::kBool;
  return type == FieldType::kFloat ? Dtype::kF64 : Dtype::kI64;
}

void add_blobs(Node& node, const Column& column, size_t first, size_t count) {
  MutableBuffer offsets((count + 1) * sizeof(int32_t));
  auto* offset = reinterpret_cast<int32_t*>(offsets.data());
  size_t total = 0;
  for (size_t i = 0; i < count; ++i) {
    offset[i] = static_cast<int32_t>(total);
    total += column.blobs[first + i].size();
  }
  offset[count] = static_cast<int32_t>(total);
  MutableBuffer values(total);
  for (size_t i = 0; i < count; ++i) {
    const Buffer& blob = column.blobs[first + i];
    if (!blob.empty()) std::memcpy(values.data() + offset[i], blob.data(), blob.size());
  }
  node.add(std::move(offsets).freeze());
  node.add(std::move(values).freeze());
}

std::unique_ptr<Node> export_column(const Column& column, size_t first, size_t count) {
  auto node = std::make_unique<Node>(static_cast<int64_t>(count), nulls_of(column, first, count));
  node->add_validity(validity(column, first, count));
  if (is_matrix(column.type)) {
    size_t width = 1;
    for (uint64_t size : column.shape) width *= size;
    auto items = std::make_unique<Node>(static_cast<int64_t>(count * width), 0);
    items->add_validity({});
    items->add(fixed_width(column.values, column.dtype, first * width, count * width));
    node->children.push_back(std::move(items));
  } else if (is_blob(column.type)) {
    add_blobs(*node, column, first, count);
  } else if (is_string(column.type)) {
    // Offsets need not begin at 0.
    node->add(column.offsets.slice(first * 4, (count + 1) * 4));
    node->add(column.values);
  } else {
    node->add(fixed_width(column.values, scalar_dtype(column.type), first, count));
  }
  return node;
}

}  // namespace

size_t arrow_rows(const Batch& batch, size_t first) {
  size_t count = batch.rows() - first;
  for (const Column& column : batch.columns) {
    if (is_string(column.type)) {
      const auto* offsets = reinterpret_cast<const uint32_t*>(column.offsets.data());
      // Offsets are shown where they lie, so the last one itself must fit.
      while (count > 0 && offsets[first + count] > kArrowBytesMax) --count;
    }
    uint64_t total = 0;
    for (size_t i = 0; is_blob(column.type) && i < count; ++i) {
      total += column.blobs[first + i].size();
      if (total > kArrowBytesMax) count = i;
    }
  }
  return count;
}

void export_batch(const Batch& batch, size_t first, size_t count, ArrowArray* out) {
  auto root = std::make_shared<Node>(static_cast<int64_t>(count), 0);
  root->add_validity({});
  auto anchors = std::make_unique<Node>(static_cast<int64_t>(count), 0);
  anchors->add_validity({});
  anchors->add(batch.anchors_bytes.slice(first * 8, count * 8));
  root->children.push_back(std::move(anchors));
  for (const Column& column : batch.columns) {
    root->children.push_back(export_column(column, first, count));
  }
  link(root, *root);
  *out = root->array;
}

}  // namespace dreamdb::python
