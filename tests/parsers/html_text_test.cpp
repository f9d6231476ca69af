#include "parsers/html_text.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "daemon/base/text.h"

namespace c360::parsers {
namespace {

struct Case {
  const char* html;
  const char* text;
};

TEST(HtmlText, IsWhatAReaderSees) {
  for (const Case& one : std::initializer_list<Case>{
           {"", ""},
           {"plain", "plain"},
           {"<p>a</p><p>b</p>", "a\nb"},
           {"a<br>b<br/>c", "a\nb\nc"},
           {"<div>a</div>b", "a\nb"},
           {"text<div>a</div>", "text\na"},
           {"<div>a<div>b</div></div>", "a\nb"},
           {"<ul><li>a</li><li>b</li></ul>", "a\nb"},
           {"<h1>a</h1>b", "a\nb"},
           {"<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>d", "a\tb\nc\nd"},
           {"<table><tr>\n<td>\n<p>a:</p>\n</td>\n<td><div>b</div></td></tr></table>", "a:\tb"},
           {"<tr><th>a</th><th>b</th></tr>", "a\tb"},
           {"a&nbsp;&amp;&lt;&#1055;&#x41f;&quot;", "a &<ПП\""},
           {"a\xC2\xA0\xC2\xA0"
            "b",
            "a b"},
           {"  a \n\t b  ", "a b"},
           {"<script>x</script>a<style>y</style>", "a"},
           {"<html><head><title>x</title><style>y</style></head><body>a</body></html>", "a"},
           {"<!-- x -->a<!--[if mso]>y<![endif]-->", "a"},
           {"<pre>a\n  b\nc</pre>", "a\nb\nc"},
           {"<blockquote>a</blockquote>b", "a\nb"},
           {"a<b>b</b>c", "abc"},
           {"<div><br></div>a<br><br><br>b", "a\n\nb"},
           {"a < b & c", "a < b & c"},
           {"&unknown; &amp", "&unknown; &amp"},
           {"<p>a<p>b", "a\nb"},
           {"<div>a</div></body></html>footer", "a\nfooter"},
           {"x<html><head><title>t</title></head><body><p>a</p></body></html>", "x\na"},
           {"<div>one</div><div>two</div>", "one\ntwo"},
           {"<meta charset=koi8-r><p>Привет</p>", "Привет"},
           {"<img alt='x'>a", "a"},
           {"<a href='http://x'>a</a>", "a"}}) {
    EXPECT_EQ(html_to_text(one.html).text, one.text) << one.html;
  }
}

// The source of an entry as text: references decoded, white space folded.
std::string read_alone(std::string_view source) {
  std::string out;
  for (std::size_t at = 0; at < source.size();) {
    if (source[at] == '&') {
      const std::size_t end = std::min(source.find(';', at), source.size() - 1);
      out += html_to_text("x" + std::string(source.substr(at, end - at + 1)) + "x").text.substr(1);
      out.pop_back();
      at = end + 1;
      continue;
    }
    const char32_t c = next_code_point(source, at);
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0xA0) {
      if (out.empty() || out.back() != ' ') out += ' ';
    } else {
      append_utf8(out, c);
    }
  }
  out.erase(
      std::unique(out.begin(), out.end(), [](char a, char b) { return a == ' ' && b == ' '; }),
      out.end());
  return out;
}

void expect_traceable(std::string_view html) {
  const HtmlText result = html_to_text(html);
  std::size_t at = 0;
  std::size_t source = 0;
  for (const SpanMapEntry& entry : result.spans) {
    EXPECT_GE(entry.text.begin, at);
    EXPECT_GE(entry.source.begin, source);
    ASSERT_LE(entry.source.end, html.size());
    ASSERT_LE(entry.text.end, result.text.size());
    for (std::size_t i = at; i < entry.text.begin; ++i) {
      EXPECT_TRUE(result.text[i] == '\n' || result.text[i] == '\t') << "made from nothing";
    }
    const auto made = result.text.substr(entry.text.begin, entry.text.end - entry.text.begin);
    const auto from = html.substr(entry.source.begin, entry.source.end - entry.source.begin);
    EXPECT_EQ(read_alone(from), made) << from;
    at = entry.text.end;
    source = entry.source.end;
  }
  EXPECT_EQ(at, result.text.size());
}

TEST(HtmlText, EveryStretchCanBeTracedToTheHtml) {
  expect_traceable("<p>Компания: <b>ООО&nbsp;&laquo;Ромашка&raquo;</b></p>\n<p>ФИО:\n  Иванов</p>");
  expect_traceable("a &amp; b &#1055;&#x440; &lt;x&gt; &unknown; & c < d &#59; end");
  expect_traceable("<table>\n <tr>\n  <td>a</td>\n  <td>b c</td>\n </tr>\n</table>");
  expect_traceable("<div>x<br>y</div><script>z</script><!-- c -->w");
  expect_traceable("один&nbsp;\n &nbsp;два");
  expect_traceable("<p>\xC2\xA0Я\xC2\xA0</p>&copy;2024 &euro;5");
}

TEST(HtmlText, LongTextsAreTracedToo) {
  std::string html = "<p>";
  for (int i = 0; i < 20000; ++i) html += i % 97 == 0 ? " &amp; слово\n" : "слово ";
  expect_traceable(html + "</p>");
}

TEST(HtmlText, ControlCharactersDoNotShiftTheMap) {
  const std::string html(
      "<p>a\0b\x01"
      "c</p>",
      12);

  const HtmlText result = html_to_text(html);

  EXPECT_EQ(result.text, "a b c");
  EXPECT_EQ(to_source(result.spans, result.text, {4, 5}), (Span{7, 8}));
}

TEST(HtmlText, TheTextStopsAtItsLimitBetweenCharacters) {
  std::string html;
  for (int i = 0; i < 100; ++i) html += "<p>слово</p>";

  const HtmlText result = html_to_text(html, {.text_bytes = 51, .depth = 100});

  EXPECT_TRUE(result.truncated);
  EXPECT_LE(result.text.size(), 51U);
  EXPECT_TRUE(is_valid_utf8(result.text));
  EXPECT_LE(result.spans.back().text.end, result.text.size());
}

TEST(HtmlText, DeepNestingEndsWithATruncationAndNotInACrash) {
  std::string html;
  for (int i = 0; i < 200000; ++i) html += "<div>";

  const HtmlText result = html_to_text("before" + html + "behind");

  EXPECT_TRUE(result.truncated);
  EXPECT_EQ(result.text, "before");
}

TEST(HtmlText, HostileFormsAreBounded) {
  std::string attributes = "<p";
  for (int i = 0; i < 100000; ++i) attributes += " a" + std::to_string(i);
  std::string mixed;
  for (int i = 0; i < 1000; ++i) mixed += "<q>";
  for (int i = 0; i < 50000; ++i) mixed += "</zz>";
  std::string unclosed;
  for (int i = 0; i < 100000; ++i) unclosed += "<a <b ";
  const std::string huge = "<p title=\"" + std::string(1000000, 'x') + "\">a</p>";
  for (const std::string& html :
       {attributes + ">x", mixed, unclosed, huge, std::string(500000, '<'),
        std::string(500000, '&'), "<!--" + std::string(500000, '-')}) {
    const HtmlText result = html_to_text(html);
    EXPECT_TRUE(is_valid_utf8(result.text));
  }
}

}  // namespace
}  // namespace c360::parsers
