// Parsing of locators; the only place that knows all kinds of stores.
#include "store/locator.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "store/folder_store.h"
#include "store/key.h"
#include "store/memory_store.h"
#include "store/remote_locator.h"
#include "store/turn_folder.h"
#include "store/turn_store.h"

namespace dreamdb {

namespace {

constexpr size_t kRefSegmentsMax = 16;
constexpr size_t kRefSegmentSizeMax = 64;
constexpr size_t kStoreNameSizeMax = 255;
constexpr std::string_view kFileScheme = "file://";
constexpr std::string_view kMemoryScheme = "memory://";
constexpr std::string_view kLocalHost = "localhost";
constexpr std::string_view kEscapedAt = "%40";

bool is_ref_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '@' || c == '-';
}

bool is_store_name_char(char c) {
  return is_ref_char(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '/';
}

bool has_scheme(std::string_view text) {
  const size_t colon = text.find("://");
  if (colon == 0 || colon == std::string_view::npos) return false;
  return std::all_of(text.begin(), text.begin() + static_cast<ptrdiff_t>(colon), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '-' || c == '.';
  });
}

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  for (size_t at; (at = text.find(from)) != std::string_view::npos;) {
    out.append(text.substr(0, at)).append(to);
    text.remove_prefix(at + from.size());
  }
  return out.append(text);
}

// The absolute path of a file:// URL without a ref.
Result<std::string> file_url_path(std::string_view url) {
  std::string_view path = url.substr(kFileScheme.size());
  if (path.starts_with(kLocalHost) && path.substr(kLocalHost.size()).starts_with('/')) {
    path.remove_prefix(kLocalHost.size());
  }
  if (!path.starts_with('/')) {
    return fail(Code::kInvalidArgument,
                "\"" + printable(url) +
                    "\" is relative: file:// takes an absolute path with three slashes, for "
                    "example file:///data/pets; write ./pets for a folder below this one");
  }
  if (path.find('\0') != std::string_view::npos) {
    return fail(Code::kInvalidArgument, "\"" + printable(url) + "\" has a zero byte in its path");
  }
  return replace_all(path, kEscapedAt, "@");
}

// An absolute file:// URL for a plain path.
Result<std::string> plain_path_url(std::string_view path) {
  std::error_code error;
  std::filesystem::path full = std::filesystem::absolute(std::filesystem::path(path), error);
  if (error) {
    return fail(Code::kInvalidArgument, "cannot make \"" + printable(path) + "\" absolute: " +
                                            error.message() + "; give an absolute path");
  }
  std::string text = full.lexically_normal().string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return std::string(kFileScheme) + replace_all(text, "@", kEscapedAt);
}

std::unexpected<Error> refuse_scheme(std::string_view url) {
  const std::string_view scheme = url.substr(0, url.find("://") + 3);
  return fail(
      Code::kInvalidArgument,
      "\"" + url_without_query(url) + "\" has the unknown scheme " + printable(scheme) +
          "; use s3://bucket/prefix, http://host:port/bucket/prefix, web+http://host:port/path, "
          "file:///path, memory://name or a plain path");
}

// Brings a URL or a plain path without its ref to a checked URL.
Result<std::string> normal_store_url(std::string_view text) {
  if (text.empty()) {
    return fail(Code::kInvalidArgument,
                "the store is empty; give a folder, for example file:///data/pets@main");
  }
  if (!has_scheme(text)) {
    DREAMDB_ASSIGN(std::string url, plain_path_url(replace_all(text, kEscapedAt, "@")));
    DREAMDB_TRY(file_url_path(url));
    return url;
  }
  if (text.starts_with(kFileScheme)) {
    DREAMDB_TRY(file_url_path(text));
    return std::string(text);
  }
  if (is_remote_url(text)) {
    // Whether http:// means S3 or a web server shows when it is opened; what both refuse, now.
    DREAMDB_TRY(parse_remote_locator(text, text.starts_with("s3")));
    return std::string(text);
  }
  if (!text.starts_with(kMemoryScheme)) return refuse_scheme(text);
  const std::string_view name = text.substr(kMemoryScheme.size());
  if (name.size() > kStoreNameSizeMax ||
      !std::all_of(name.begin(), name.end(), is_store_name_char)) {
    return fail(Code::kInvalidArgument,
                "\"" + printable(text) +
                    "\" is no memory store: its name has at most 255 characters of "
                    "A-Z a-z 0-9 _ - . /");
  }
  return std::string(text);
}

}  // namespace

Result<Locator> parse_locator(std::string_view text) {
  // Of a password or a signature the ref would begin at its '@'.
  if (is_remote_url(text)) {
    DREAMDB_TRY(check_no_password(text));
    DREAMDB_TRY(check_no_query(text));
  } else if (has_scheme(text) && !text.starts_with(kFileScheme) &&
             !text.starts_with(kMemoryScheme)) {
    return refuse_scheme(text.substr(0, text.find('@')));
  }
  const size_t after_scheme = has_scheme(text) ? text.find("://") + 3 : 0;
  const size_t at = text.find('@', after_scheme);
  Locator locator;
  locator.ref = at == std::string_view::npos ? "main" : std::string(text.substr(at + 1));
  DREAMDB_TRY(check_ref_name(locator.ref));
  DREAMDB_ASSIGN(locator.store_url, normal_store_url(text.substr(0, at)));
  return locator;
}

Status check_ref_name(std::string_view name) {
  std::string_view rest = name;
  for (size_t segments = 1; segments <= kRefSegmentsMax; ++segments) {
    const size_t slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    if (segment.empty() || segment.size() > kRefSegmentSizeMax ||
        !std::all_of(segment.begin(), segment.end(), is_ref_char)) {
      break;
    }
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
  return fail(Code::kInvalidArgument,
              "\"" + printable(name) +
                  "\" is not a valid ref name: 1 to 16 segments joined by /, each 1 to 64 "
                  "characters of a-z 0-9 _ @ -, for example main or exp/run-1");
}

Result<std::shared_ptr<Store>> open_store(std::string_view url, bool create) {
  DREAMDB_ASSIGN(const std::string normal, normal_store_url(url));
  if (normal.starts_with(kMemoryScheme)) {
    return shared_memory_store(std::string_view(normal).substr(kMemoryScheme.size()));
  }
  if (is_remote_url(normal)) {
    DREAMDB_ASSIGN(std::shared_ptr<RemoteStore> remote, open_remote_store(normal));
    const std::string place = remote->place() + " " + remote->describe();
    return std::make_shared<TurnStore>(std::move(remote), place, folder_of_turns());
  }
  DREAMDB_ASSIGN(const std::string path, file_url_path(normal));
  return open_folder_store(path, create);
}

Result<std::optional<std::string>> folder_of(std::string_view url) {
  DREAMDB_ASSIGN(const std::string normal, normal_store_url(url));
  if (normal.starts_with(kMemoryScheme) || is_remote_url(normal)) return std::nullopt;
  DREAMDB_ASSIGN(std::string path, file_url_path(normal));
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

}  // namespace dreamdb
