#include "ingest/imap/response.h"

#include <gtest/gtest.h>

#include "tests/ingest/imap/memory_source.h"

namespace c360::ingest::imap {
namespace {

using c360::testing::MemorySource;
using Kind = Response::Kind;

class RecordingBody final : public BodyHandler {
 public:
  Result<bool> begin(std::uint64_t size, const FetchItems& so_far) override {
    announced = size;
    known_uid = so_far.uid;
    return wanted;
  }
  Result<void> bytes(std::string_view piece) override {
    body += piece;
    return {};
  }
  bool wanted = true;
  std::uint64_t announced = 0;
  Uid known_uid = 0;
  std::string body;
};

Result<Response> read(std::string_view input, RecordingBody& body, std::size_t piece = 1) {
  MemorySource source{std::string(input), piece};
  const ImapLimits limits;
  Lexer lexer{source, limits};
  return read_response(lexer, limits, body);
}

Response parsed(std::string_view input) {
  RecordingBody body;
  auto response = read(input, body);
  EXPECT_TRUE(response) << input << ": " << (response ? "" : response.error().detail);
  return response.value_or(Response{});
}

TEST(Response, ReadsTheEndOfACommand) {
  const Response response = parsed("a12 NO [TRYCREATE] make it first\r\n");

  EXPECT_EQ(response.kind, Kind::tagged);
  EXPECT_EQ(response.tag, "a12");
  EXPECT_EQ(response.status, Status::no);
  EXPECT_EQ(response.code.name, "TRYCREATE");
  EXPECT_EQ(response.text, "make it first");
}

TEST(Response, ReadsAFolderWithItsUses) {
  const Response quoted =
      parsed("* LIST (\\HasNoChildren \\Trash) \"/\" \"[Gmail]/Bin \\\"1\\\"\"\r\n");
  EXPECT_EQ(quoted.kind, Kind::list);
  EXPECT_EQ(quoted.words, (std::vector<std::string>{"\\HasNoChildren", "\\Trash"}));
  EXPECT_EQ(quoted.text, "[Gmail]/Bin \"1\"");
  EXPECT_EQ(parsed("* XLIST () NIL INBOX\r\n").text, "INBOX");
  EXPECT_EQ(parsed("* LIST () \".\" a[b]c\r\n").text, "a[b]c");
  EXPECT_EQ(parsed("* LIST () \".\" {3}\r\nabc (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n").text, "abc");
}

struct StatusCase {
  std::string_view input;
  Kind kind;
  Status status;
  std::string_view code;
  std::string_view arguments;
  std::string_view text;
};

TEST(Response, ReadsEveryFormOfStatus) {
  const StatusCase cases[] = {
      {"* OK ready\r\n", Kind::status, Status::ok, "", "", "ready"},
      {"* preauth hi\r\n", Kind::status, Status::preauth, "", "", "hi"},
      {"* BYE\r\n", Kind::status, Status::bye, "", "", ""},
      {"* OK [UIDVALIDITY 7] fine\r\n", Kind::status, Status::ok, "UIDVALIDITY", "7", "fine"},
      {"* OK [PERMANENTFLAGS (\\Seen \\*)]\r\n", Kind::status, Status::ok, "PERMANENTFLAGS",
       "(\\Seen \\*)", ""},
      {"* NO [ALERT] Over\r\n", Kind::status, Status::no, "ALERT", "", "Over"},
      {"* OK [BADURL \"a]b\"] x\r\n", Kind::status, Status::ok, "BADURL", "\"a]b\"", "x"},
      {"a1 OK\r\n", Kind::tagged, Status::ok, "", "", ""},
      {"a1 BAD what?\n", Kind::tagged, Status::bad, "", "", "what?"},
      {"+ go on\r\n", Kind::continuation, Status::ok, "", "", "go on"},
      {"+\r\n", Kind::continuation, Status::ok, "", "", ""},
  };
  for (const auto& one : cases) {
    const Response response = parsed(one.input);
    EXPECT_EQ(response.kind, one.kind) << one.input;
    EXPECT_EQ(response.status, one.status) << one.input;
    EXPECT_EQ(response.code.name, one.code) << one.input;
    EXPECT_EQ(response.code.arguments, one.arguments) << one.input;
    EXPECT_EQ(response.text, one.text) << one.input;
  }
}

TEST(Response, ReadsAMessageWithItsItemsInAnyOrder) {
  for (const std::string_view input :
       {"* 5 FETCH (UID 17 FLAGS (\\Seen $Done) RFC822.SIZE 11 INTERNALDATE "
        "\"17-Jul-1996 02:44:25 -0700\" BODY[] {11}\r\nhello\r\nworl)\r\n",
        "* 5 FETCH (BODY[] {11}\r\nhello\r\nworl INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" "
        "RFC822.SIZE 11 FLAGS (\\Seen $Done) MODSEQ (12) UID 17)\r\n"}) {
    RecordingBody body;
    auto response = read(input, body);
    ASSERT_TRUE(response) << response.error().detail;
    EXPECT_EQ(response->kind, Kind::fetch);
    EXPECT_EQ(response->fetch.sequence, 5U);
    EXPECT_EQ(response->fetch.uid, 17U);
    EXPECT_EQ(response->fetch.rfc822_size, 11U);
    EXPECT_EQ(response->fetch.flags, (std::vector<std::string>{"\\Seen", "$Done"}));
    ASSERT_TRUE(response->fetch.internal_date);
    EXPECT_EQ(to_rfc3339(*response->fetch.internal_date), "1996-07-17T09:44:25.000000Z");
    EXPECT_EQ(body.body, "hello\r\nworl");
    EXPECT_EQ(body.announced, 11U);
  }
}

TEST(Response, TakesAQuotedBodyAndNoticesOneThatIsNil) {
  RecordingBody body;
  EXPECT_EQ(read("* 1 FETCH (UID 2 BODY[] \"short\")\r\n", body)->fetch.body,
            FetchItems::Body::handled);
  EXPECT_EQ(body.body, "short");
  EXPECT_EQ(parsed("* 1 FETCH (UID 2 BODY[] NIL)\r\n").fetch.body, FetchItems::Body::nil);
  EXPECT_EQ(parsed("* 1 FETCH (UID 2)\r\n").fetch.body, FetchItems::Body::absent);
  EXPECT_EQ(parsed("* 1 FETCH (UID 2 BODY[] \"\")\r\n").fetch.body, FetchItems::Body::handled);
}

TEST(Response, SkipsABodyNobodyWants) {
  RecordingBody body;
  body.wanted = false;
  auto response = read("* 1 FETCH (BODY[] {5}\r\nhello UID 9)\r\n", body);

  ASSERT_TRUE(response);
  EXPECT_EQ(response->fetch.uid, 9U);
  EXPECT_EQ(body.body, "");
}

TEST(Response, SkipsItemsAndResponsesItDoesNotKnow) {
  const Response response = parsed(
      "* 1 FETCH (X-GM-LABELS (\"\\\\Inbox\" {3}\r\nabc) BODY[HEADER.FIELDS (\"X ] Y\" DATE)]<0> "
      "{2}\r\nhi ENVELOPE (NIL (\"a\" (NIL)) 5) UID 3)\r\n");
  EXPECT_EQ(response.fetch.uid, 3U);

  for (const std::string_view input :
       {"* LSUB (\\HasNoChildren) \"/\" {5}\r\nA b c\r\n", "* STATUS INBOX (MESSAGES 4)\r\n",
        "* 3 RECENT\r\n", "* X-NEW-THING 17 (a (b)) \"c\"\r\n", "* METADATA \"\" (/a NIL)\r\n"}) {
    EXPECT_EQ(parsed(input).kind, Kind::other) << input;
  }
}

TEST(Response, ReadsListsOfUids) {
  using Ranges = std::vector<UidRange>;
  using Uids = std::vector<Uid>;
  EXPECT_EQ(parsed("* SEARCH 2 3 4 9\r\n").found.take(), (Uids{2, 3, 4, 9}));
  EXPECT_EQ(parsed("* SEARCH\r\n").found.take(), Uids{});
  EXPECT_EQ(parsed("* SEARCH 5 (MODSEQ 917162500)\r\n").found.take(), Uids{5});
  Response extended = parsed("* ESEARCH (TAG \"a7\") UID COUNT 5 ALL 4:2,10,8\r\n");
  EXPECT_EQ(extended.tag, "a7");
  EXPECT_EQ(extended.found.take(), (Uids{2, 3, 4, 8, 10}));
  EXPECT_EQ(parsed("* ESEARCH (TAG \"a7\") UID\r\n").found.take(), Uids{});
  const Response gone = parsed("* VANISHED (EARLIER) 41,43:45\r\n");
  EXPECT_TRUE(gone.earlier);
  EXPECT_EQ(total_size(gone.uids), 4U);
  EXPECT_EQ(parsed("* VANISHED 1:4294967295\r\n").uids, (Ranges{{1, 4'294'967'295}}));
}

TEST(Response, BoundsTheRangesOfWhatVanishedAndNotTheUidsInThem) {
  ImapLimits limits;
  limits.uids = 2;
  for (const auto& [set, fine] : {std::pair{"1:900,5000:4294967295", true}, {"1,3,5", false}}) {
    RecordingBody body;
    MemorySource source{"* VANISHED (EARLIER) " + std::string(set) + "\r\n"};
    Lexer lexer{source, limits};
    EXPECT_EQ(read_response(lexer, limits, body).has_value(), fine) << set;
  }
}

TEST(Response, TakesASearchOfAMillionMessagesOnOneLine) {
  std::string line = "* SEARCH";
  for (int i = 0; i < 400'000; ++i) line += " " + std::to_string(2 * i + 1);
  RecordingBody body;
  auto response = read(line + "\r\n", body, 10'000);

  ASSERT_TRUE(response) << response.error().detail;
  EXPECT_EQ(response->found.take().size(), 400'000U);
}

TEST(Response, ReadsCapabilitiesFlagsCountsAndTheServersName) {
  EXPECT_EQ(parsed("* CAPABILITY imap4rev1 Idle\r\n").words,
            (std::vector<std::string>{"IMAP4REV1", "IDLE"}));
  EXPECT_EQ(parsed("* FLAGS (\\Seen kw)\r\n").words, (std::vector<std::string>{"\\Seen", "kw"}));
  EXPECT_EQ(parsed("* 23 EXISTS\r\n").number, 23U);
  EXPECT_EQ(parsed("* 4 EXPUNGE\r\n").kind, Kind::expunge);
  EXPECT_EQ(parsed("* ID (\"name\" \"Dovecot\" \"version\" NIL)\r\n").words,
            (std::vector<std::string>{"name", "Dovecot", "version", ""}));
  EXPECT_EQ(parsed("* ID NIL\r\n").kind, Kind::id);
}

TEST(Response, RefusesWhatIsNotImap) {
  for (const std::string_view input :
       {"HTTP/1.1 400 Bad Request\r\n", "* SEARCH 0\r\n", "* SEARCH 4294967296\r\n",
        "* ESEARCH UID ALL 1:*\r\n", "* ESEARCH UID ALL 1:4294967295\r\n",
        "* VANISHED 1:4294967296\r\n", "* 1 FETCH UID 3\r\n", "* 1 FETCH (UID x)\r\n",
        "* 1 FETCH (BODY[] {x}\r\n)\r\n", "* 1 FETCH (BODY[] {1}\r\nx BODY[] {1}\r\ny)\r\n",
        "a1 MAYBE\r\n", "* CAPABILITY (a)\r\n", "\r\n", "* OK [CODE\r\n"}) {
    RecordingBody body;
    auto response = read(input, body, 1'000);
    ASSERT_FALSE(response) << input;
    EXPECT_EQ(response.error().reason, "malformed_response") << input;
  }
}

TEST(Response, ReadsTheDatesServersSend) {
  const auto shown = [](std::string_view text) {
    const auto instant = parse_internal_date(text);
    return instant ? to_rfc3339(*instant) : "none";
  };
  EXPECT_EQ(shown(" 1-Jan-2026 00:00:00 +0300"), "2025-12-31T21:00:00.000000Z");
  EXPECT_EQ(shown("29-Feb-2024 23:59:60 +0000"), "2024-03-01T00:00:00.000000Z");
  EXPECT_EQ(shown("1-Jan-2026 00:00:00 -1130"), "2026-01-01T11:30:00.000000Z");
  for (const std::string_view bad :
       {"", "17-Jul-1996", "32-Jul-1996 02:44:25 -0700", "29-Feb-2023 00:00:00 +0000",
        "17-Foo-1996 02:44:25 -0700", "17-Jul-1996 25:44:25 -0700", "17-Jul-1996 02:44:25 *0700",
        "17-Jul-1996 02:44:25 -07000", "-1-Jul-1996 02:44:25 -0700"}) {
    EXPECT_EQ(shown(bad), "none") << bad;
  }
}

}  // namespace
}  // namespace c360::ingest::imap
