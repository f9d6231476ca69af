// A mail that is one text, in one form or several, read without GMime: the same as GMime says of
// it, or left to GMime.
#include "parsers/simple_tree.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "daemon/base/text.h"
#include "parsers/mime_scan.h"

namespace c360::parsers {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kForm =
    "Return-Path: <site@firma.example>\n"
    "Received: from mx.firma.example\n\tby mail.firma.example; Tue, 14 Nov 2023 22:13:20 +0000\n"
    "Subject: =?utf-8?Q?=D0=97?=\n"
    "Content-ID: <form@firma.example>\n"
    "Content-Disposition: inline\n"
    "Content-Type: text/plain;\n charset=\"utf-8\"\n"
    "Content-Transfer-Encoding: Base64\n"
    "\n"
    "0J7Rgjog\n";

constexpr std::string_view kTwoForms =
    "Subject: two forms\n"
    "MIME-Version: 1.0\n"
    "Content-Type: multipart/alternative; boundary=\"=_b1\"\n"
    "\n"
    "for old programs\n"
    "--=_b1\n"
    "Content-Type: text/plain; charset=utf-8\n"
    "\n"
    "one\n"
    "\n"
    "--=_b1\n"
    "Content-Type: text/html; charset=utf-8\n"
    "Content-Transfer-Encoding: 8bit\n"
    "\n"
    "<p>one</p>\n"
    "--=_b1--\n"
    "behind\n";

const MimeLimits kLimits;

// What both make of `raw`; none where it is left to GMime.
struct Trees {
  explicit Trees(std::string_view raw) {
    const MailSource source(raw);
    const auto scan = scan_mime(source, {0, raw.size()}, kLimits);
    if (!scan) return;
    const Span range{0, scan->end};
    simple = simple_tree(source, range, scan->header_end, kLimits);
    if (!simple) return;
    const auto gmime = gmime_tree(source, range, scan->header_end, kLimits);
    agree = gmime.has_value() && *gmime == *simple;
    for (const MimeTree& tree : {*gmime, *simple}) {
      difference += "\n";
      for (const MimeNode& node : tree.nodes)
        difference += " " + node.path + ":" + node.media_type + "[" +
                      std::to_string(node.raw.begin) + "," + std::to_string(node.raw.end) + ")";
    }
  }

  std::optional<MimeTree> simple;
  bool agree = true;
  std::string difference;  // the parts as GMime has them, then ours
};

std::string with_crlf(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out += '\r';
    out += c;
  }
  return out;
}

std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

// How many of the mails below `folder` were read without GMime.
std::size_t compare_all(const fs::path& folder) {
  std::size_t read = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const std::string raw = slurp(entry.path());
    std::string unix_ends = raw;
    std::erase(unix_ends, '\r');
    for (const std::string& mail : {raw, unix_ends, with_crlf(unix_ends)}) {
      const Trees trees(mail);
      read += trees.simple.has_value();
      EXPECT_TRUE(trees.agree) << entry.path() << trees.difference;
    }
  }
  return read;
}

TEST(SimpleTree, IsReadWithoutGmime) {
  for (const std::string& raw : {std::string(kForm), with_crlf(kForm)}) {
    const Trees trees(raw);

    ASSERT_TRUE(trees.simple);
    EXPECT_TRUE(trees.agree);
    ASSERT_EQ(trees.simple->nodes.size(), 1U);
    const MimeNode& node = trees.simple->nodes.front();
    EXPECT_EQ(node.media_type, "text/plain");
    EXPECT_EQ(*node.content_type.find("charset"), "utf-8");
    EXPECT_EQ(node.transfer_encoding, "base64");
    EXPECT_EQ(node.content_id, "form@firma.example");
    EXPECT_EQ(trimmed(std::string_view(raw).substr(node.raw.begin)), "0J7Rgjog");
    EXPECT_EQ(node.raw.end, raw.size());
  }
}

TEST(SimpleTree, WhateverIsUnusualIsLeftToGmime) {
  const std::string type = "Content-Type: text/plain\n";
  for (const std::string& raw : std::vector<std::string>{
           "Subject: no type\n\ntext\n",
           "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: "
           "text/plain\n\ntext\n--b--\n",
           "Content-Type: message/rfc822\n\nSubject: inner\n\ntext\n",
           "Content-Type: application/pdf\n\ntext\n", "Content-Type: text\n\ntext\n",
           type + "Content-Type: text/html\n\ntext\n",
           type + "Content-Disposition: inline\nContent-Disposition: attachment\n\ntext\n",
           type + "Content-Location: http://firma.example\n\ntext\n",
           type + "no field at all\n\ntext\n", type + "Name : blank before the colon\n\ntext\n",
           " folded before any field\n" + type + "\ntext\n",
           type + "Subject: a lone\rreturn\n\ntext\n",
           type + std::string("Subject: a\0NUL\n\ntext\n", 21), type + "\n", type,
           "\n" + type + "\ntext\n"}) {
    EXPECT_FALSE(Trees(raw).simple) << raw;
  }
}

// Each name is compared with all before it.
TEST(SimpleTree, ManyParametersAreLeftToGmime) {
  const auto with = [](int count) {
    std::string raw = "Content-Type: text/plain";
    for (int i = 0; i < count; ++i) raw += "; a" + std::to_string(i) + "=x";
    return raw + "\n\ntext\n";
  };
  EXPECT_TRUE(Trees(with(16)).simple);
  EXPECT_FALSE(Trees(with(17)).simple);
}

TEST(SimpleTree, IsReadInAllItsFormsWithoutGmime) {
  for (const std::string& raw : {std::string(kTwoForms), with_crlf(kTwoForms)}) {
    const Trees trees(raw);

    ASSERT_TRUE(trees.simple);
    EXPECT_TRUE(trees.agree);
    ASSERT_EQ(trees.simple->nodes.size(), 3U);
    const MimeNode& html = trees.simple->nodes.back();
    EXPECT_EQ(html.path, "2");
    EXPECT_EQ(raw.substr(html.raw.begin, html.raw.end - html.raw.begin), "<p>one</p>");
  }
}

TEST(SimpleTree, OfDoubtfulBoundariesIsLeftToGmime) {
  const std::string head = "Content-Type: multipart/alternative; boundary=b\n\n";
  const std::string part = "Content-Type: text/plain\n\ntext\n";
  for (const std::string& raw : std::vector<std::string>{
           head + "--b\n" + part,                              // no end
           head + "--b \n" + part + "--b--\n",                 // a blank behind the boundary
           head + "--b\n" + part + "--bc\n--b--\n",            // a longer one
           head + "--b\n" + part + "-- \nsignature\n--b--\n",  // something else with dashes
           head + "--b\n" + part + "--b--\n--b\n" + part,      // more behind the end
           head + "--b--\n",                                   // no part
           head + "--b\n--b--\n",                              // nor here
           head + "--b\ntext without a header\n--b--\n",
           head + "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n--b--\n",
           head + "--b\nContent-Type: image/png\n\ntext\n--b--\n",
           "Content-Type: multipart/alternative\n\n--b\n" + part + "--b--\n",
           "Content-Type: multipart/alternative; boundary=\"b b\"\n\n--b b\n" + part +
               "--b b--\n"}) {
    EXPECT_FALSE(Trees(raw).simple) << raw;
  }
}

// Every byte replaced, left out, or preceded by one that means something.
TEST(SimpleTree, AgreesWithGmimeWhateverByteIsAnother) {
  std::size_t read = 0;
  const auto compare = [&](const std::string& raw) {
    const Trees trees(raw);
    read += trees.simple.has_value();
    EXPECT_TRUE(trees.agree) << ::testing::PrintToString(raw) << trees.difference;
  };
  for (const std::string& form :
       {std::string(kForm), std::string(kTwoForms), with_crlf(kForm), with_crlf(kTwoForms)}) {
    for (std::size_t at = 0; at < form.size(); ++at) {
      std::string without(form);
      compare(without.erase(at, 1));
      for (const char c : std::string("\0\n\r\t :;-\"(=/%\x80", 14)) {
        std::string replaced(form);
        replaced[at] = c;
        compare(replaced);
        std::string inserted(form);
        compare(inserted.insert(at, 1, c));
      }
    }
  }
  EXPECT_GT(read, kForm.size() + kTwoForms.size());
}

TEST(SimpleTree, AgreesWithGmimeOnTheMailsOfTheTests) {
  const fs::path tests = fs::path(C360_SOURCE_DIR) / "tests";
  EXPECT_GT(compare_all(tests / "fixtures" / "samples"), 10U);
  EXPECT_GT(compare_all(tests / "fixtures" / "mail"), 0U);
  compare_all(tests / "fuzz" / "corpus" / "mime_fuzz");
}

TEST(SimpleTree, AgreesWithGmimeOnTheSharedCorpus) {
  const char* shared = std::getenv("C360_SHARED");  // NOLINT(concurrency-mt-unsafe)
  const fs::path corpus =
      (shared != nullptr ? fs::path(shared) : fs::path(C360_SOURCE_DIR).parent_path() / "shared") /
      "corpus";
  if (!fs::is_directory(corpus / "eml"))
    GTEST_SKIP() << "the shared corpus is not here (set C360_SHARED): nothing compared";
  EXPECT_GT(compare_all(corpus / "eml"), 0U);
  EXPECT_GT(compare_all(corpus / "domain"), 0U);
}

}  // namespace
}  // namespace c360::parsers
