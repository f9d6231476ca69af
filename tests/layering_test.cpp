// The drawing of the architecture, checked: who may include whom, and by which folder each outside
// library comes in. README.md shows the same table to people; this file is what keeps it true.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct Layer {
  std::string_view folder;  // the longest prefix of a path decides
  std::vector<std::string_view> may_include;
};

const std::vector<Layer>& layers() {
  static const std::vector<Layer> kLayers{
      {"daemon/base", {"daemon/base"}},
      {"parsers", {"parsers", "daemon/base"}},
      {"store", {"store", "daemon/base"}},
      {"adapters", {"adapters", "store", "daemon/base"}},
      {"ingest", {"ingest", "adapters", "parsers", "store", "daemon/base"}},
      {"api", {"api", "adapters", "parsers", "store", "daemon/base"}},
      {"daemon", {"daemon", "ingest", "api", "adapters", "parsers", "store", "daemon/base"}},
  };
  return kLayers;
}

struct Door {
  std::string_view library;
  std::vector<std::string_view> headers;  // "dir/" is a prefix, otherwise the whole name
  std::vector<std::string_view> folders;  // who may include it
};

const std::vector<Door>& doors() {
  static const std::vector<Door> kDoors{
      {"spdlog", {"spdlog/"}, {"daemon/base"}},
      {"prometheus-cpp", {"prometheus/"}, {"daemon/base"}},
      {"toml++", {"toml++/"}, {"daemon/base"}},
      {"nlohmann", {"nlohmann/"}, {"daemon/base"}},
      {"RapidJSON", {"rapidjson/"}, {"daemon/base"}},
      {"date", {"date/"}, {"daemon/base"}},
      {"OpenSSL", {"openssl/"}, {"daemon/base"}},
      {"GMime", {"gmime/", "glib.h", "glib/", "glib-object.h"}, {"parsers"}},
      {"libxml2", {"libxml/"}, {"parsers", "store"}},
      {"iconv", {"iconv.h"}, {"parsers"}},
      {"uchardet", {"uchardet.h", "uchardet/"}, {"parsers"}},
      {"RE2", {"re2/"}, {"parsers", "store"}},
      {"libphonenumber", {"phonenumbers/"}, {"parsers"}},
      {"libmagic", {"magic.h"}, {"parsers"}},
      {"libpq", {"libpq-fe.h", "libpq/", "postgres_ext.h"}, {"store"}},
      {"documents", {"mustache.hpp", "kainjow/", "zip.h", "xlsxwriter.h"}, {"store"}},
      {"libcurl", {"curl/"}, {"adapters"}},
      {"Poco sockets and HTTP server", {"Poco/"}, {"ingest/imap", "api", "daemon"}},
      {"libsystemd", {"systemd/"}, {"daemon"}},
  };
  return kDoors;
}

// Headers of the C library and the kernel; those of C++ have neither a dot nor a slash.
// fmt is std::format, which GCC 12 does not have yet.
bool of_the_system(std::string_view header) {
  if (header.starts_with("fmt/") || header == "spdlog/fmt/fmt.h") return true;
  static const std::set<std::string_view> kNames{"arpa/inet.h",
                                                 "dirent.h",
                                                 "dlfcn.h",
                                                 "errno.h",
                                                 "fcntl.h",
                                                 "getopt.h",
                                                 "ifaddrs.h",
                                                 "limits.h",
                                                 "locale.h",
                                                 "malloc.h",
                                                 "net/if.h",
                                                 "netdb.h",
                                                 "netinet/in.h",
                                                 "poll.h",
                                                 "pthread.h",
                                                 "pwd.h",
                                                 "sched.h",
                                                 "signal.h",
                                                 "spawn.h",
                                                 "stdlib.h",
                                                 "string.h",
                                                 "strings.h",
                                                 "sysexits.h",
                                                 "syslog.h",
                                                 "termios.h",
                                                 "time.h",
                                                 "unistd.h",
                                                 "netinet/tcp.h",
                                                 "grp.h",
                                                 "langinfo.h",
                                                 "linux/close_range.h",
                                                 "linux/filter.h"};
  return header.find_first_of("./") == std::string_view::npos || header.starts_with("sys/") ||
         kNames.contains(header);
}

bool is_in(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && path.size() > folder.size() && path[folder.size()] == '/';
}

bool is_in_any(std::string_view path, const std::vector<std::string_view>& folders) {
  return std::ranges::any_of(folders, [&](std::string_view each) { return is_in(path, each); });
}

// The layer a file belongs to; daemon/base is not part of daemon.
const Layer* layer_of(std::string_view path) {
  for (const Layer& layer : layers()) {
    if (is_in(path, layer.folder)) return &layer;
  }
  return nullptr;
}

// What is wrong with one include of the file `path`; empty when nothing is.
std::string complaint(std::string_view path, std::string_view line) {
  const auto start = line.find_first_not_of(" \t");
  if (start == std::string_view::npos || line[start] != '#') return {};
  const auto word = line.find("include", start);
  if (word == std::string_view::npos) return {};
  const auto open = line.find_first_of("\"<", word);
  if (open == std::string_view::npos) return {};
  const auto close = line.find(line[open] == '<' ? '>' : '"', open + 1);
  if (close == std::string_view::npos) return {};
  const std::string header{line.substr(open + 1, close - open - 1)};

  const Layer* from = layer_of(path);
  if (from == nullptr) return "belongs to no layer";
  if (line[open] == '"') {
    const Layer* to = layer_of(header);
    if (to == nullptr) return "\"" + header + "\" is not named from the root of the tree";
    if (std::ranges::find(from->may_include, to->folder) == from->may_include.end()) {
      return std::string(from->folder) + " may not include " + std::string(to->folder) + ": \"" +
             header + "\"";
    }
    return {};
  }
  if (of_the_system(header)) return {};
  for (const Door& door : doors()) {
    const bool named = std::ranges::any_of(door.headers, [&](std::string_view each) {
      return each.ends_with('/') ? header.starts_with(each) : header == each;
    });
    if (!named) continue;
    if (from->folder == "daemon" || is_in_any(path, door.folders)) return {};
    return "<" + header + "> (" + std::string(door.library) +
           ") comes in by another folder: " + std::string(door.folders.front());
  }
  return "<" + header + "> is of no known library: name its door in tests/layering_test.cpp";
}

std::vector<fs::path> sources_under(const fs::path& root) {
  std::vector<fs::path> sources;
  for (const char* folder : {"daemon", "parsers", "store", "adapters", "ingest", "api"}) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const auto extension = entry.path().extension();
      if (extension == ".h" || extension == ".cpp") sources.push_back(entry.path());
    }
  }
  std::ranges::sort(sources);
  return sources;
}

const fs::path kRoot = C360_SOURCE_DIR;

TEST(Layering, EveryIncludeGoesDownAndEveryLibraryComesInByItsDoor) {
  const auto sources = sources_under(kRoot);
  ASSERT_GT(sources.size(), 50U) << "the sources are not where this test looks: " << kRoot;
  for (const fs::path& source : sources) {
    std::ifstream in(source);
    const std::string path = fs::relative(source, kRoot).string();
    int number = 0;
    for (std::string line; std::getline(in, line);) {
      ++number;
      const std::string wrong = complaint(path, line);
      EXPECT_TRUE(wrong.empty()) << path << ':' << number << ": " << wrong;
    }
  }
}

TEST(Layering, EveryIncludeOfOursNamesAFileThatExists) {
  for (const fs::path& source : sources_under(kRoot)) {
    std::ifstream in(source);
    for (std::string line; std::getline(in, line);) {
      if (!line.starts_with("#include \"")) continue;
      const auto end = line.find('"', 10);
      const std::string header = line.substr(10, end - 10);
      EXPECT_TRUE(fs::exists(kRoot / header)) << source << " includes " << header;
    }
  }
}

// A file with a line of each kind that must be refused: a test that cannot fail shows nothing.
TEST(Layering, AnIncludeThatGoesUpIsRefused) {
  EXPECT_NE(complaint("store/pool.cpp", "#include \"ingest/inbox.h\""), "");
  EXPECT_NE(complaint("store/pool.cpp", "#include \"parsers/message.h\""), "");
  EXPECT_NE(complaint("parsers/reply.cpp", "#include \"store/database.h\""), "");
  EXPECT_NE(complaint("api/routes.cpp", "#include \"ingest/intake.h\""), "");
  EXPECT_NE(complaint("ingest/poller.cpp", "#include \"api/problem.h\""), "");
  EXPECT_NE(complaint("adapters/sms.cpp", "  #  include \"parsers/phone.h\""), "");
  EXPECT_NE(complaint("daemon/base/log.cpp", "#include \"daemon/config.h\""), "");
  EXPECT_NE(complaint("api/server.cpp", "#include \"daemon/config.h\""), "");
  EXPECT_NE(complaint("api/server.cpp", "#include \"server.h\""), "");
}

TEST(Layering, ALibraryBesideItsDoorIsRefused) {
  EXPECT_NE(complaint("ingest/apply.cpp", "#include <libpq-fe.h>"), "");
  EXPECT_NE(complaint("api/auth.cpp", "#include <openssl/evp.h>"), "");
  EXPECT_NE(complaint("ingest/poller.cpp", "#include <Poco/Net/StreamSocket.h>"), "");
  EXPECT_NE(complaint("ingest/poller.cpp", "#include <gmime/gmime.h>"), "");
  EXPECT_NE(complaint("adapters/dadata.cpp", "#include <re2/re2.h>"), "");
  EXPECT_NE(complaint("api/server.cpp", "#include <boost/asio.hpp>"), "");
}

TEST(Layering, WhatTheTableAllowsPasses) {
  EXPECT_EQ(complaint("ingest/imap/transport.cpp", "#include <Poco/Net/StreamSocket.h>"), "");
  EXPECT_EQ(complaint("store/connection.cpp", "#include <libpq-fe.h>"), "");
  EXPECT_EQ(complaint("store/validation.cpp", "#include <re2/re2.h>"), "");
  EXPECT_EQ(complaint("ingest/poller.cpp", "#include \"parsers/message.h\""), "");
  EXPECT_EQ(complaint("daemon/app.cpp", "#include \"ingest/intake.h\""), "");
  EXPECT_EQ(complaint("daemon/base/log.cpp", "#include <sys/socket.h>"), "");
  EXPECT_EQ(complaint("daemon/base/log.cpp", "#include <string_view>"), "");
  EXPECT_EQ(complaint("daemon/base/log.cpp", "// #include is only a word here"), "");
}

}  // namespace
