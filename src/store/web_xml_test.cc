#include "store/web_xml.h"

#include <gtest/gtest.h>

namespace dreamdb {
namespace {

std::string response(const std::string& href, const std::string& properties,
                     const std::string& status = "HTTP/1.1 200 OK") {
  return "<D:response><D:href>" + href + "</D:href><D:propstat><D:prop>" + properties +
         "</D:prop><D:status>" + status + "</D:status></D:propstat></D:response>";
}

std::string listing(const std::string& responses) {
  return "<?xml version=\"1.0\"?><D:multistatus xmlns:D=\"DAV:\">" + responses + "</D:multistatus>";
}

const std::string kFolder = "<D:resourcetype><D:collection/></D:resourcetype>";
const std::string kFile =
    "<D:resourcetype/><D:getcontentlength>12</D:getcontentlength>"
    "<D:getlastmodified>Fri, 02 Jan 2026 03:04:05 GMT</D:getlastmodified>";

TEST(WebXml, FilesAndFoldersOfAFolder) {
  const auto entries = parse_web_listing(
      listing(response("/a/b/", kFolder) + response("/a/b/main%40v1.ref", kFile) +
              response("http://h:1/a/b/sub/", kFolder) + response("/a/b/sub/deep", kFile)),
      "/a/b/");
  ASSERT_TRUE(entries.has_value()) << entries.error().message;
  ASSERT_EQ(entries->size(), 2u);
  EXPECT_EQ((*entries)[0].name, "main@v1.ref");
  EXPECT_EQ((*entries)[0].size_bytes, 12u);
  EXPECT_EQ((*entries)[0].time_ns, 1'767'323'045'000'000'000u);
  EXPECT_FALSE((*entries)[0].is_folder);
  EXPECT_EQ((*entries)[1].name, "sub");
  EXPECT_TRUE((*entries)[1].is_folder);
}

TEST(WebXml, PrefixesAreTheServersAndWhatItLacksIsNotBelieved) {
  // As Apache sends it: two prefixes, and the length of a folder with status 404.
  const auto entries = parse_web_listing(
      "<x:multistatus xmlns:x=\"DAV:\"><x:response xmlns:lp1=\"DAV:\"><x:href>/f</x:href>"
      "<x:propstat><x:prop><lp1:resourcetype><x:collection/></lp1:resourcetype></x:prop>"
      "<x:status>HTTP/1.1 200 OK</x:status></x:propstat><x:propstat><x:prop>"
      "<lp1:getcontentlength>7</lp1:getcontentlength></x:prop>"
      "<x:status>HTTP/1.1 404 Not Found</x:status></x:propstat></x:response></x:multistatus>",
      "/");
  ASSERT_TRUE(entries.has_value()) << entries.error().message;
  ASSERT_EQ(entries->size(), 1u);
  EXPECT_TRUE(entries->front().is_folder);
  EXPECT_EQ(entries->front().size_bytes, 0u);
}

TEST(WebXml, AnythingElseIsAnError) {
  for (const std::string& xml :
       {std::string(), std::string("<html><body>Hello</body></html>"), std::string("<a"),
        listing(response("/other/x", kFile)),
        listing(response("/a/b/x", "<D:resourcetype/><D:getcontentlength>1</D:getcontentlength>")),
        listing(response("/a/b/x", kFile, "HTTP/1.1 404 Not Found")),
        listing(response("/a/b/x",
                         "<D:getcontentlength>-1</D:getcontentlength><D:getlastmodified>"
                         "Fri, 02 Jan 2026 03:04:05 GMT</D:getlastmodified>")),
        listing(response("/a/b/x",
                         "<D:getcontentlength>1</D:getcontentlength><D:getlastmodified>"
                         "2026-01-02</D:getlastmodified>"))}) {
    const auto entries = parse_web_listing(xml, "/a/b/");
    ASSERT_FALSE(entries.has_value()) << xml;
    EXPECT_EQ(entries.error().code, Code::kCorruption);
    EXPECT_NE(entries.error().message.find("expected"), std::string::npos);
  }
}

TEST(WebXml, Unescape) {
  EXPECT_EQ(uri_unescape("a%40b%3dc"), "a@b=c");
  EXPECT_EQ(uri_unescape("%zz%4"), "%zz%4");
  EXPECT_EQ(uri_unescape("%00").size(), 1u);
}

}  // namespace
}  // namespace dreamdb
