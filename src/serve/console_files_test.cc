// Method: the contract of the table, whatever it holds: each file is found by its path alone, and is whole. A build
// without a console must have an empty table; with one, the page and all that it names must be there.
#include "serve/console_files.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "serve/console_table.h"

namespace bedplate {
namespace {

TEST(ConsoleFiles, EachFileIsFoundByItsPathAndComplete) {
  std::string_view before;
  std::set<std::string_view> etags;
  for (const ConsoleFile& file : EmbeddedConsoleFiles()) {
    EXPECT_EQ(FindConsoleFile(file.path), &file);
    EXPECT_LT(before, file.path) << "the table must be sorted";
    before = file.path;
    EXPECT_TRUE(file.path.starts_with("/") && !file.path.ends_with(".gz")) << file.path;
    EXPECT_NE(file.content_type.find('/'), std::string_view::npos) << file.path;
    EXPECT_FALSE(file.bytes.empty()) << file.path;
    EXPECT_TRUE(etags.insert(file.etag).second) << file.path;
    EXPECT_TRUE(file.etag.size() == 22 && file.etag.starts_with('"') && file.etag.ends_with('"')) << file.etag;
    EXPECT_EQ(file.immutable, file.path.starts_with("/assets/")) << file.path;
    if (!file.gzip_bytes.empty()) {
      EXPECT_TRUE(file.gzip_bytes.starts_with("\x1f\x8b")) << file.path;
      EXPECT_LT(file.gzip_bytes.size(), file.bytes.size()) << file.path;
    }
  }
}

TEST(ConsoleFiles, NothingElseIsFound) {
  for (const std::string_view path : {"", "/", "index.html", "/index.html?x", "/index.htm", "/assets", "/assets/",
                                      "/../index.html", "/index.html.gz", "//index.html"}) {
    EXPECT_EQ(FindConsoleFile(path), nullptr) << path;
  }
}

TEST(ConsoleFiles, ThePageAndWhatItNamesAreThere) {
  const ConsoleFile* index = ConsoleIndex();
  EXPECT_EQ(index == nullptr, EmbeddedConsoleFiles().empty());
  if (index == nullptr) GTEST_SKIP() << ConsoleMissingMessage();
  EXPECT_EQ(index->content_type, "text/html; charset=utf-8");
  EXPECT_EQ(ConsoleCacheControl(*index), "no-cache");
  EXPECT_NE(FindConsoleFile("/licences.json"), nullptr);
  size_t named = 0;
  for (const std::string_view mark : {"src=\"", "href=\""}) {
    for (size_t at = index->bytes.find(mark); at != std::string_view::npos; at = index->bytes.find(mark, at + 1)) {
      const size_t begin = at + mark.size();
      const std::string_view path = index->bytes.substr(begin, index->bytes.find('"', begin) - begin);
      EXPECT_NE(FindConsoleFile(path), nullptr) << path;
      ++named;
    }
  }
  EXPECT_GE(named, 4u) << "icon, theme, script and style";
}

}  // namespace
}  // namespace bedplate
