#include "parsers/header_fields.h"

#include <gtest/gtest.h>

namespace c360::parsers {
namespace {

std::string shown(const std::vector<Address>& addresses) {
  std::string out;
  for (const Address& a : addresses) out += a.name + "<" + a.address + "> ";
  return out;
}

struct Case {
  const char* raw;
  const char* read;
};

TEST(Addresses, AreReadInEveryFormSeen) {
  for (const Case& one : std::initializer_list<Case>{
           {"a@x.example", "<a@x.example> "},
           {"<a@x.example>", "<a@x.example> "},
           {"Ann <a@x.example>", "Ann<a@x.example> "},
           {"\"Doe, John\" <j@x.example>", "Doe, John<j@x.example> "},
           {"Doe, John <j@x.example>", "Doe, John<j@x.example> "},
           {"a@x.example (Ann)", "Ann<a@x.example> "},
           {"a@x.example, b@x.example", "<a@x.example> <b@x.example> "},
           {"a@x.example; b@x.example", "<a@x.example> <b@x.example> "},
           {"a@x.example b@x.example", "<a@x.example> "},
           {"Ann a@x.example\tb@x.example\r\n c@x.example", "<a@x.example> "},
           {"a@x.example b@x.example, c@x.example", "<a@x.example> <c@x.example> "},
           {"\"John Doe\"", "<\"John Doe\"> "},
           {"Ann <a@xn--e1afmkfd.example>", "Ann<a@пример.example> "},
           {"a@XN--E1AFMKFD.XN--P1AI", "<a@пример.рф> "},
           {"a@xn--0000000000.example", "<a@xn--0000000000.example> "},
           {"Team: a@x.example, B <b@x.example>;", "<a@x.example> B<b@x.example> "},
           {"undisclosed-recipients:;", ""},
           {"=?utf-8?B?0JjQstCw0L0=?= <i@x.example>", "Иван<i@x.example> "},
           {"=?utf-8?Q?Doe,_John?= <j@x.example>", "Doe, John<j@x.example> "},
           {"\"=?utf-8?B?0JjQstCw0L0=?=\" <i@x.example>", "Иван<i@x.example> "},
           {"'Ann' <a@x.example>", "Ann<a@x.example> "},
           {"\"a \\\"b\\\"\" <a@x.example>", "a \"b\"<a@x.example> "},
           {"\"john doe\"@x.example", "<\"john doe\"@x.example> "},
           {"Ann <@r1,@r2:a@x.example>", "Ann<a@x.example> "},
           {"Ann < a@x.example >", "Ann<a@x.example> "},
           {"<<a@x.example>>", "<a@x.example> "},
           {"a@x.example>", "<a@x.example> "},
           {"Ann <a@x.example", "Ann<a@x.example> "},
           {"Ann\r\n <a@x.example>,\r\n b@x.example", "Ann<a@x.example> <b@x.example> "},
           {"MAILER-DAEMON", "<MAILER-DAEMON> "},
           {"John Doe", "John Doe<> "},
           {"\"never closed <a@x.example>", "never closed<a@x.example> "},
           {"\xC8\xE2\xE0\xED <i@x.example>", "Иван<i@x.example> "},
           {"", ""},
           {" , ,, ", ""}}) {
    EXPECT_EQ(shown(parse_addresses(one.raw, "", 100)), one.read) << one.raw;
  }
}

TEST(Addresses, StopAtTheirLimit) {
  std::string raw;
  for (int i = 0; i < 5000; ++i) raw += "a" + std::to_string(i) + "@x.example, ";

  EXPECT_EQ(parse_addresses(raw, "", 1000).size(), 1000U);
}

TEST(Addresses, HostileFieldsCostLinearTime) {
  for (const std::string& piece : {std::string("("), std::string("\""), std::string("<"),
                                   std::string("=?"), std::string("a@ "), std::string("\\")}) {
    std::string raw;
    while (raw.size() < 60000) raw += piece;
    EXPECT_LE(parse_addresses(raw, "", 1000).size(), 1000U);
  }
}

TEST(Address, ItsDomainIsLowerCase) {
  EXPECT_EQ((Address{"", "A@X.Example"}.domain()), "x.example");
  EXPECT_EQ((Address{"", "nobody"}.domain()), "");
}

TEST(MessageIds, AreReadInOrderWithoutBrackets) {
  EXPECT_EQ(parse_message_ids("<a@x>\r\n <b@x>"), (std::vector<std::string>{"a@x", "b@x"}));
  EXPECT_EQ(parse_message_ids("<a@x><b@x>,<c@x>"), (std::vector<std::string>{"a@x", "b@x", "c@x"}));
  EXPECT_EQ(parse_message_ids("<a\r\n @x>"), (std::vector<std::string>{"a@x"}));
  EXPECT_EQ(parse_message_ids("a@x b@x"), (std::vector<std::string>{"a@x", "b@x"}));
  EXPECT_EQ(parse_message_ids("Your mail of Monday"), std::vector<std::string>{});
  EXPECT_EQ(parse_message_ids("<a@x> <broken"), (std::vector<std::string>{"a@x", "broken"}));
  EXPECT_EQ(parse_message_id("no brackets"), "no brackets");
  EXPECT_EQ(parse_message_id(""), "");
}

std::string parameter(std::string_view raw, const char* name) {
  const Parameterized read = parse_parameters(raw);
  const std::string* value = read.find(name);
  return value == nullptr ? "(none)" : *value;
}

TEST(Parameters, FileNamesAreReadInEveryFormSeen) {
  for (const Case& one : std::initializer_list<Case>{
           {"attachment; filename=a.pdf", "a.pdf"},
           {"attachment; filename=\"a b.pdf\"", "a b.pdf"},
           {"attachment; filename=a b.pdf", "a b.pdf"},
           {"attachment;filename=\"never closed.pdf", "never closed.pdf"},
           {"attachment; filename*=utf-8''%D0%9A%D0%9F.pdf", "КП.pdf"},
           {"attachment; filename*=koi8-r'ru'%EB%F0.pdf", "КП.pdf"},
           {"attachment; filename*0*=utf-8''%D0%9A; filename*1*=%D0%9F; filename*2=.pdf", "КП.pdf"},
           {"attachment; filename*1*=%9F.pdf; filename*0*=utf-8''%D0%9A%D0", "КП.pdf"},
           {"attachment; filename*0=\"long\"; filename*1=\"er.pdf\"", "longer.pdf"},
           {"attachment; filename=plain.pdf; filename*=utf-8''%D0%9A.pdf", "К.pdf"},
           {"attachment; filename=\"=?utf-8?B?0JrQny5wZGY=?=\"", "КП.pdf"},
           {"attachment; filename==?utf-8?Q?=D0=9A;=2Epdf?=", "К;.pdf"},
           {"attachment; filename=\"=?utf-8?B?0JrQnw==?=\r\n =?utf-8?B?LnBkZg==?=\"", "КП.pdf"},
           {"attachment; filename=\"\xCA\xCF.pdf\"", "КП.pdf"},
           {"attachment; filename=\"КП.pdf\"", "КП.pdf"},
           {"attachment; filename=\"C:\\docs\\a.pdf\"", "C:\\docs\\a.pdf"},
           {"attachment; filename=\"a\\\"b.pdf\"", "a\"b.pdf"},
           {"attachment; FileName=a.pdf; filename=b.pdf", "a.pdf"},
           {"attachment (a; comment); filename=a.pdf", "a.pdf"},
           {"attachment; filename", "(none)"},
           {"attachment", "(none)"},
           {"", "(none)"}}) {
    EXPECT_EQ(parameter(one.raw, "filename"), one.read) << one.raw;
  }
}

TEST(Parameters, AMissingSemicolonIsForgiven) {
  const Parameterized type = parse_parameters("Text/Plain charset=koi8-r");

  EXPECT_EQ(type.value, "text/plain");
  EXPECT_EQ(*type.find("charset"), "koi8-r");
}

TEST(Parameters, ManyOfThemStopAtTheLimit) {
  std::string raw = "attachment";
  for (int i = 0; i < 20000; ++i) raw += "; a" + std::to_string(i) + "*0=x";

  EXPECT_LE(parse_parameters(raw).parameters.size(), 200U);
}

TEST(Header, IsSplitWithItsPlaces) {
  const std::string block = "Subject: a\r\n b\r\nno field\r\nX: y\r\n";

  const auto fields = split_header(block, 10);

  ASSERT_EQ(fields.size(), 2U);
  EXPECT_EQ(fields[0].name, "Subject");
  EXPECT_EQ(fields[0].body, "a\r\n b");
  EXPECT_EQ(fields[0].place, (Span{0, 16}));
  EXPECT_EQ(fields[1].name, "X");
  EXPECT_EQ(split_header(block, 1).size(), 1U);
}

}  // namespace
}  // namespace c360::parsers
