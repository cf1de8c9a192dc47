#include "format/envelope.h"

#include <algorithm>

namespace dreamdb {

namespace {

std::string quoted(std::string_view text) {
  std::string out = "`";
  for (const char c : text.substr(0, 64)) out += c >= 0x20 && c != 0x7f ? c : '?';
  return out + (text.size() > 64 ? "...`" : "`");
}

// Order of encoded text keys: the shorter first, then by bytes.
bool key_less(std::string_view a, std::string_view b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

// kind and v, looked for before anything else is judged.
struct Identity {
  std::optional<std::string_view> kind;
  std::optional<uint64_t> version;
};

Result<Identity> read_identity(CborReader in) {
  Identity found;
  DREAMDB_ASSIGN(const uint64_t count, in.map());
  for (uint64_t i = 0; i < count && !(found.kind && found.version); ++i) {
    DREAMDB_ASSIGN(const std::string_view key, in.key());
    if (key == "kind") {
      DREAMDB_ASSIGN(found.kind, in.text());
    } else if (key == "v") {
      DREAMDB_ASSIGN(found.version, in.uint());
    } else {
      DREAMDB_TRY(in.skip());
    }
  }
  return found;
}

}  // namespace

std::unexpected<Error> corrupt(std::string_view expected, std::string_view found) {
  std::string message = "expected ";
  message.append(expected).append(", found ").append(found);
  return fail(Code::kCorruption, std::move(message));
}

MapReader::MapReader(CborReader& in) : in_(in) {
  const auto count = in.map();
  if (!count) {
    status_ = std::unexpected(count.error());
    return;
  }
  left_ = *count;
  advance();
}

MapReader::MapReader(CborReader& in, std::string_view kind, Nonce& nonce) : MapReader(in) {
  kind_ = kind;
  nonce_ = &nonce;
}

// Reads the next key, if there is one.
void MapReader::advance() {
  next_.reset();
  if (!status_ || left_ == 0) return;
  const auto key = in_.key();
  if (!key) {
    status_ = std::unexpected(key.error());
    return;
  }
  --left_;
  next_ = *key;
}

// Reads the value if the next key is one of the envelope's; kind and v were checked on opening.
bool MapReader::take_envelope_key() {
  if (kind_.empty() || !status_ || !next_) return false;
  const std::string_view key = *next_;
  if (key == "kind" || key == "v") {
    keep(key, in_.skip());
    return true;
  }
  if (key != "nonce" || nonce_ == nullptr) return false;
  const auto bytes = in_.bytes(nonce_->size());
  if (bytes) std::ranges::copy(*bytes, nonce_->begin());
  nonce_ = nullptr;
  keep(key, bytes ? Status() : std::unexpected(bytes.error()));
  return true;
}

bool MapReader::is_next(std::string_view key) {
  while (take_envelope_key()) continue;
  return status_.has_value() && next_ == key;
}

bool MapReader::expect(std::string_view key) {
  if (is_next(key)) return true;
  if (!status_) return false;
  const bool is_unknown = next_ && key_less(*next_, key);
  status_ = is_unknown ? corrupt("key " + quoted(key), "the unknown key " + quoted(*next_))
                       : corrupt("key " + quoted(key), "none");
  return false;
}

// The value of `key` was read: goes on to the next key, or keeps the error.
void MapReader::keep(std::string_view key, Status status) {
  if (status) return advance();
  Error& error = status.error();
  // Whatever was wrong with the value, to the reader of the object it is corrupt.
  status_ = fail(error.code == Code::kUnsupported ? error.code : Code::kCorruption,
                 "key " + quoted(key) + ": " + std::move(error.message));
}

void MapReader::uint(std::string_view key, uint64_t& out, uint64_t max) {
  value(key, [&](CborReader& in) -> Status {
    DREAMDB_ASSIGN(out, in.uint());
    if (out > max) return corrupt("at most " + std::to_string(max), std::to_string(out));
    return {};
  });
}

void MapReader::uint(std::string_view key, uint32_t& out, uint32_t max) {
  uint64_t wide = 0;
  uint(key, wide, uint64_t{max});
  out = static_cast<uint32_t>(wide);
}

void MapReader::integer(std::string_view key, int64_t& out) {
  value(key, [&](CborReader& in) -> Status {
    DREAMDB_ASSIGN(out, in.integer());
    return {};
  });
}

void MapReader::boolean(std::string_view key, bool& out) {
  value(key, [&](CborReader& in) -> Status {
    DREAMDB_ASSIGN(out, in.boolean());
    return {};
  });
}

void MapReader::text(std::string_view key, std::string& out, size_t bytes_max) {
  value(key, [&](CborReader& in) -> Status {
    DREAMDB_ASSIGN(const std::string_view text, in.text());
    if (text.size() > bytes_max)
      return corrupt("at most " + std::to_string(bytes_max) + " bytes",
                     std::to_string(text.size()));
    out = text;
    return {};
  });
}

void MapReader::fixed(std::string_view key, std::array<std::byte, 16>& out) {
  value(key, [&](CborReader& in) -> Status {
    DREAMDB_ASSIGN(const auto bytes, in.bytes(out.size()));
    std::ranges::copy(bytes, out.begin());
    return {};
  });
}

void MapReader::address(std::string_view key, Address& out) {
  value(key, [&](CborReader& in) -> Status {
    DREAMDB_ASSIGN(const auto bytes, in.bytes());
    DREAMDB_ASSIGN(out, Address::from_bytes(bytes));
    return {};
  });
}

Status MapReader::end() {
  while (take_envelope_key()) continue;
  DREAMDB_TRY(std::move(status_));
  if (next_) return corrupt("no more keys", "the unknown key " + quoted(*next_));
  if (nonce_ != nullptr) return corrupt("key `nonce`", "none");
  return in_.end();
}

Envelope::Envelope(std::span<const std::byte> bytes, std::string_view name, std::string_view kind,
                   size_t bytes_max, Nonce& nonce, uint64_t version_max)
    : Bytes(bytes),
      MapReader(reader, kind, nonce),
      name_(name),
      what_(kind),
      opened_(open(bytes, bytes_max, version_max)) {
  check([&] { return opened_; });
}

Status Envelope::open(std::span<const std::byte> bytes, size_t bytes_max, uint64_t version_max) {
  if (bytes.size() > bytes_max)
    return corrupt("at most " + std::to_string(bytes_max) + " bytes", std::to_string(bytes.size()));
  DREAMDB_ASSIGN(const Identity found, read_identity(CborReader(bytes)));
  if (!found.kind) return corrupt("key `kind`", "none");
  if (*found.kind != what_) return corrupt("kind " + quoted(what_), quoted(*found.kind));
  if (!found.version) return corrupt("key `v`", "none");
  if (*found.version == 0) return corrupt("a version from 1 on", "version 0");
  if (*found.version > version_max)
    return fail(Code::kUnsupported, "it has format version " + std::to_string(*found.version) +
                                        ", this program reads up to " +
                                        std::to_string(version_max) + "; upgrade DreamDB");
  version_ = *found.version;
  return {};
}

Status Envelope::finish() {
  // What opening found comes first: it says that the bytes are something else altogether.
  Status status = opened_ ? end() : std::move(opened_);
  if (status) status = reader.finish();
  if (status) return {};
  Error& error = status.error();
  if (error.code == Code::kUnsupported)
    return fail(error.code, std::string(what_) + " " + quoted(name_) + ": " + error.message);
  return fail(Code::kCorruption,
              quoted(name_) + " is no valid " + std::string(what_) + ": " + error.message);
}

CborMap new_envelope(std::string_view kind, const Nonce& nonce, uint64_t version) {
  CborMap map;
  map["kind"].text(kind);
  map["v"].uint(version);
  map["nonce"].bytes(nonce);
  return map;
}

}  // namespace dreamdb
