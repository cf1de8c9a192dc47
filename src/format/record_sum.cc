#include "format/record_sum.h"

#include <algorithm>
#include <cstring>

#include "codec/cbor.h"
#include "codec/extended_hash.h"

namespace dreamdb {

namespace {

constexpr size_t kPartBytes = sizeof(uint64_t) + kRecordSumLanes * sizeof(uint16_t);
constexpr std::string_view kDigits = "0123456789abcdef";

std::string hex_of(std::span<const std::byte> bytes) {
  std::string out;
  out.reserve(2 * bytes.size());
  for (const std::byte b : bytes) {
    out += kDigits[std::to_integer<size_t>(b) >> 4];
    out += kDigits[std::to_integer<size_t>(b) & 15];
  }
  return out;
}

bool has_mime(FieldType type) {
  return type == FieldType::kImage || type == FieldType::kAudio || type == FieldType::kVideo;
}

// What the values of a field are, whatever its id and place (spec 13.1).
Hash key_of(const Field& field) {
  CborWriter out;
  out.array(5);
  out.text(field.name);
  out.text(type_name(field.type));
  has_mime(field.type) ? out.text(field.mime) : out.null();
  if (!is_matrix(field.type)) {
    out.null();
    out.null();
    return blake3(out.span());
  }
  out.text(dtype_name(field.dtype));
  out.array(field.shape.size());
  for (const uint64_t size : field.shape) out.uint(size);
  return blake3(out.span());
}

std::span<const std::byte> value_at(const Column& column, size_t row) {
  if (is_blob(column.type)) return column.blobs[row].span();
  if (is_string(column.type)) return std::as_bytes(std::span(column.text(row)));
  size_t width = column.type == FieldType::kBool ? 1 : 8;
  if (is_matrix(column.type)) {
    width = dtype_size_bytes(column.dtype);
    for (const uint64_t size : column.shape) width *= size;
  }
  return column.values.span().subspan(row * width, width);
}

}  // namespace

void RecordSum::add_record(std::span<const std::byte> record) {
  std::array<uint16_t, kRecordSumLanes> element;
  blake3_extended(record, std::as_writable_bytes(std::span(element)));
  for (size_t i = 0; i < kRecordSumLanes; ++i)
    lanes_[i] = static_cast<uint16_t>(lanes_[i] + element[i]);
  ++records_;
}

void RecordSum::add(const RecordSum& other) {
  for (size_t i = 0; i < kRecordSumLanes; ++i)
    lanes_[i] = static_cast<uint16_t>(lanes_[i] + other.lanes_[i]);
  records_ += other.records_;
}

std::vector<std::byte> RecordSum::bytes() const {
  std::vector<std::byte> out(kPartBytes);
  std::memcpy(out.data(), &records_, sizeof records_);
  std::memcpy(out.data() + sizeof records_, lanes_.data(), sizeof lanes_);
  return out;
}

std::string RecordSum::fingerprint() const { return hex_of(blake3(bytes())); }

std::string RecordSum::text() const { return hex_of(bytes()); }

Result<RecordSum> RecordSum::parse(std::string_view text) {
  std::vector<std::byte> bytes(kPartBytes);
  bool is_hex = text.size() == 2 * kPartBytes;
  for (size_t i = 0; is_hex && i < text.size(); ++i) {
    const size_t digit = kDigits.find(text[i]);
    is_hex = digit != std::string_view::npos;
    if (is_hex) bytes[i / 2] = bytes[i / 2] << 4 | static_cast<std::byte>(digit);
  }
  if (!is_hex)
    return fail(Code::kInvalidArgument,
                "a part of a fingerprint has " + std::to_string(2 * kPartBytes) +
                    " digits 0-9 and a-f; found " + std::to_string(text.size()) + " characters");
  RecordSum out;
  std::memcpy(&out.records_, bytes.data(), sizeof out.records_);
  std::memcpy(out.lanes_.data(), bytes.data() + sizeof out.records_, sizeof out.lanes_);
  return out;
}

RowSummer::RowSummer(std::span<const Field* const> fields) {
  for (size_t i = 0; i < fields.size(); ++i) columns_.push_back({key_of(*fields[i]), i});
  std::ranges::sort(columns_, {}, &KeyedColumn::key);
}

void RowSummer::add(const Batch& batch, size_t begin, size_t end, RecordSum& sum) const {
  std::vector<std::byte> record;
  const auto append = [&](std::span<const std::byte> bytes) {
    record.insert(record.end(), bytes.begin(), bytes.end());
  };
  for (size_t row = begin; row < end; ++row) {
    record.clear();
    append(std::as_bytes(std::span(batch.anchors() + row, 1)));
    for (const KeyedColumn& keyed : columns_) {
      const Column& column = batch.columns[keyed.column];
      if (!column.is_valid(row)) continue;
      append(keyed.key);
      append(blake3(value_at(column, row)));
    }
    sum.add_record(record);
  }
}

}  // namespace dreamdb
