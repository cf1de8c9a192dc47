#include "store/web_xml.h"

#include <charconv>
#include <optional>
#include <pugixml.hpp>

#include "base/text.h"
#include "http/http_date.h"
#include "store/key.h"
#include "store/reply_error.h"

namespace dreamdb {

namespace {

constexpr unsigned kParse =
    pugi::parse_minimal | pugi::parse_escapes | pugi::parse_cdata | pugi::parse_ws_pcdata_single;
constexpr uint64_t kSecondNs = 1'000'000'000;

// Servers choose the prefix that stands for the name space DAV:.
std::string_view local_name(pugi::xml_node node) {
  const std::string_view name = node.name();
  const size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

pugi::xml_node child(pugi::xml_node parent, std::string_view name) {
  for (const pugi::xml_node node : parent.children())
    if (local_name(node) == name) return node;
  return {};
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The path of a reference, which may be a whole URL.
std::string path_of(std::string_view href) {
  const size_t scheme = href.find("://");
  if (scheme != std::string_view::npos && !href.starts_with('/'))
    href.remove_prefix(std::min(href.size(), href.find('/', scheme + 3)));
  return uri_unescape(href);
}

// The properties that the server has, of one <response>: those with status 200.
struct Properties {
  bool is_folder = false;
  std::optional<uint64_t> size_bytes;
  std::optional<uint64_t> time_ns;
};

Properties properties_of(pugi::xml_node response) {
  Properties found;
  for (const pugi::xml_node propstat : response.children()) {
    if (local_name(propstat) != "propstat") continue;
    const std::string_view status = child(propstat, "status").child_value();
    if (status.find(" 200") == std::string_view::npos) continue;
    const pugi::xml_node prop = child(propstat, "prop");
    if (child(child(prop, "resourcetype"), "collection")) found.is_folder = true;
    const std::string_view size = trimmed(child(prop, "getcontentlength").child_value());
    uint64_t bytes = 0;
    const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), bytes);
    if (!size.empty() && error == std::errc() && end == size.data() + size.size())
      found.size_bytes = bytes;
    const auto seconds = parse_http_date(trimmed(child(prop, "getlastmodified").child_value()));
    if (seconds && *seconds >= 0 && *seconds < int64_t{1} << 34)
      found.time_ns = static_cast<uint64_t>(*seconds) * kSecondNs;
  }
  return found;
}

std::unexpected<Error> unexpected_reply(const std::string& expected, std::string_view found) {
  return fail(Code::kCorruption,
              "expected " + expected + ", found \"" + printable(found.substr(0, 100)) + "\"");
}

}  // namespace

std::string_view web_listing_query() {
  return "<?xml version=\"1.0\" encoding=\"utf-8\"?><propfind xmlns=\"DAV:\"><prop><resourcetype/>"
         "<getcontentlength/><getlastmodified/></prop></propfind>";
}

std::string uri_unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low < 0) {
      out.push_back(text[i]);
      continue;
    }
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

Result<std::vector<WebEntry>> parse_web_listing(std::string_view xml, std::string_view path) {
  pugi::xml_document document;
  const bool parsed = document.load_buffer(xml.data(), xml.size(), kParse, pugi::encoding_utf8);
  const pugi::xml_node root = document.document_element();
  if (!parsed || local_name(root) != "multistatus")
    return unexpected_reply("<multistatus> as WebDAV sends it", xml);
  std::vector<WebEntry> entries;
  for (const pugi::xml_node response : root.children()) {
    if (local_name(response) != "response") continue;
    const std::string found = path_of(trimmed(child(response, "href").child_value()));
    std::string_view name = found;
    if (name == path || std::string(name) + "/" == path) continue;  // the folder itself
    if (!name.starts_with(path)) return unexpected_reply("what lies in " + printable(path), found);
    name.remove_prefix(path.size());
    const Properties properties = properties_of(response);
    const bool is_folder = properties.is_folder || name.ends_with('/');
    if (name.ends_with('/')) name.remove_suffix(1);
    if (name.empty() || name.find('/') != std::string_view::npos) continue;
    if (!is_folder && (!properties.size_bytes || !properties.time_ns))
      return unexpected_reply("<getcontentlength> and <getlastmodified> of each file", found);
    entries.push_back({std::string(name), is_folder, properties.size_bytes.value_or(0),
                       properties.time_ns.value_or(0)});
  }
  return entries;
}

}  // namespace dreamdb
