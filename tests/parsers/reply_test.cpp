#include "parsers/reply.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "daemon/base/json.h"
#include "tests/support/shared_corpus.h"

namespace c360::parsers {
namespace {

struct Case {
  const char* name;
  const char* text;
  const char* typed;
  QuoteKind kind;
  const char* subject = "";
};

class ReplyForms : public ::testing::TestWithParam<Case> {};

TEST_P(ReplyForms, AreSplitIntoTypedAndQuoted) {
  const Case& one = GetParam();

  const ReplySplit split = split_reply(one.text, one.subject);

  EXPECT_EQ(split.typed_text(one.text), one.typed);
  EXPECT_EQ(to_string(split.kind), to_string(one.kind));
}

INSTANTIATE_TEST_SUITE_P(
    Forms, ReplyForms,
    ::testing::Values(
        Case{"plain", "Просто письмо\nбез цитат\n", "Просто письмо\nбез цитат", QuoteKind::none},
        Case{"gmail",
             "Согласен.\n\nOn Mon, 5 Feb 2024 at 12:00, Ann <ann@x.example> wrote:\n> Да?\n",
             "Согласен.", QuoteKind::reply},
        Case{"wrapped",
             "Hello\n\nOn Mon, Aug 26, 2019 at 4:37 PM The Robot <\nrobot@x.example> wrote:\n\n> "
             "Hi\n",
             "Hello", QuoteKind::reply},
        Case{"bottom", "05.02.2024 12:00, Анна пишет:\n> Вопрос?\n\nОтвет внизу\n", "Ответ внизу",
             QuoteKind::reply},
        Case{"interleaved",
             "Анна писала 05.02.2024 12:00:\n> Первый?\n\nДа.\n\n> Второй?\n\nНет.\n",
             "Да.\n\n\nНет.", QuoteKind::reply},
        Case{"russian_gmail",
             "Спасибо\n\nпн, 5 февр. 2024 г. в 12:00, Анна <ann@x.example>:\n\n> Текст\n",
             "Спасибо", QuoteKind::reply},
        Case{"the_bat",
             "Здравствуйте.\n\nВы писали 5 февраля 2024 г., 12:00:41:\n\n> Текст\n\nОтвечаю.\n",
             "Здравствуйте.\n\n\nОтвечаю.", QuoteKind::reply},
        Case{"mail_ru",
             "Хорошо\n\nПонедельник, 5 февраля 2024, 12:00 +03:00 от Анна "
             "<ann@x.example>:\n\nТекст\n",
             "Хорошо", QuoteKind::reply},
        Case{"outlook_english",
             "Please see below.\n\nFrom: Ann <a@x.example>\nSent: Monday, February 5, 2024 12:00 "
             "PM\n"
             "To: Bob\nSubject: Offer\n\nText\n",
             "Please see below.", QuoteKind::reply, "RE: Offer"},
        Case{"outlook_russian",
             "Смотрите ниже.\n\n________________________________\nОт: Анна\nОтправлено: 5 февраля "
             "2024 г. 12:00\nКому: Борис\nТема: Счёт\n\nТекст\n",
             "Смотрите ниже.", QuoteKind::reply, "Re: Счёт"},
        Case{"outlook_bold", "Да\n\n*From:* Ann\n*Date:* Monday\n*To:* Bob\n*Subject:* X\n\nold\n",
             "Да", QuoteKind::reply},
        Case{"original_message",
             "Да\n\n-----Original Message-----\nFrom: a\nTo: b\nSent: c\n\nText\n", "Да",
             QuoteKind::reply},
        Case{"forward_russian",
             "К сведению\n\n-------- Пересылаемое сообщение --------\n05.02.2024, 12:00, "
             "\"Анна\":\n\n"
             "Текст\n",
             "К сведению", QuoteKind::forward},
        Case{"forward_gmail",
             "---------- Forwarded message ---------\nFrom: Ann <a@x.example>\nDate: "
             "today\n\nText\n",
             "", QuoteKind::forward},
        Case{"forward_outlook", "From: Ann\nSent: Monday 12:00\nTo: Bob\nSubject: Offer\n\nText\n",
             "", QuoteKind::forward, "FW: Offer"},
        Case{"forward_apple", "FYI\n\nBegin forwarded message:\n\nFrom: a\nText\n", "FYI",
             QuoteKind::forward},
        Case{"signature", "Текст\n\n-- \nИванов\nтел. 1\n", "Текст", QuoteKind::none},
        Case{"mobile", "Текст\n\nОтправлено с iPhone\n\n> Цитата\n", "Текст", QuoteKind::reply}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(Reply, AWebsiteFormIsNoQuotedHeaderBlock) {
  const std::string form =
      "От: Иванов Пётр\nТема: Запрос стоимости\nКомпания: Ромашка\nE-mail: i@x.example\n";

  const ReplySplit split = split_reply(form);

  EXPECT_EQ(split.kind, QuoteKind::none);
  EXPECT_TRUE(split.quoted.empty());
}

TEST(Reply, AnIntroducingSentenceIsNoAttribution) {
  const std::string text = "В договоре от 2023 года вы написали:\nсрок 10 дней.\n";

  EXPECT_EQ(split_reply(text).kind, QuoteKind::none);
}

TEST(Reply, SpansCoverTheWholeTextOnce) {
  const std::string text =
      "Привет\n\n-- \nА\n\nOn Mon, 5 Feb 2024 at 12:00, Ann <a@x> wrote:\n> Да?\n> Нет\n\nКонец";

  const ReplySplit split = split_reply(text);

  std::vector<Span> all = split.typed;
  all.insert(all.end(), split.quoted.begin(), split.quoted.end());
  all.insert(all.end(), split.signature.begin(), split.signature.end());
  std::sort(all.begin(), all.end(), [](Span a, Span b) { return a.begin < b.begin; });
  std::size_t at = 0;
  for (const Span& span : all) {
    EXPECT_EQ(span.begin, at);
    at = span.end;
  }
  EXPECT_EQ(at, text.size());
}

TEST(Reply, ManyLinesCostNoMoreThanTheirNumber) {
  std::string text;
  for (int i = 0; i < 200000; ++i) text += i % 3 == 0 ? "> q\n" : i % 3 == 1 ? "a:\n" : "\n";

  EXPECT_EQ(split_reply(text).kind, QuoteKind::reply);
}

TEST(Subject, PrefixesTellAnswerFromForward) {
  EXPECT_EQ(subject_kind("Re: x"), QuoteKind::reply);
  EXPECT_EQ(subject_kind("RE[2]: x"), QuoteKind::reply);
  EXPECT_EQ(subject_kind("Отв: x"), QuoteKind::reply);
  EXPECT_EQ(subject_kind("Fwd: Re: x"), QuoteKind::forward);
  EXPECT_EQ(subject_kind("Пересл: x"), QuoteKind::forward);
  EXPECT_EQ(subject_kind("Реклама: x"), QuoteKind::none);
  EXPECT_EQ(bare_subject("Re: FW: Отв: Сделка #5"), "Сделка #5");
  EXPECT_EQ(bare_subject("  Без приставки "), "Без приставки");
}

TEST(Subject, PrefixesAreKnownInManyLanguages) {
  for (const char* subject :
       {"RE: x",    "Re[3]: x", "Re : x",  "AW: x",  "Antw: x", "SV: x",   "VS: x",   "Odp: x",
        "RES: x",   "RIF: x",   "R: x",    "RÉP: x", "YNT: x",  "Vá: x",   "ΑΠ: x",   "ОТВ: x",
        "Ответ: x", "НА: x",    "Відп: x", "Отг: x", "回复：x", "回覆: x", "답장: x", "返信: x",
        "תשובה: x", "رد: x",    "Ats: x",  "Atb: x", "Odg: x"}) {
    EXPECT_EQ(subject_kind(subject), QuoteKind::reply) << subject;
    EXPECT_EQ(bare_subject(subject), "x") << subject;
  }
  for (const char* subject :
       {"FW: x",         "Fwd: x",    "WG: x",        "Doorst: x",     "VB: x",   "VL: x",
        "PD: x",         "RV: x",     "TR: x",        "ENC: x",        "ilt: x",  "ΠΡΘ: x",
        "Továbbítva: x", "ПЕРЕСЛ: x", "Переслано: x", "Препр: x",      "转发：x", "轉寄: x",
        "転送: x",       "전달: x",   "הועבר: x",     "إعادة توجيه: x"}) {
    EXPECT_EQ(subject_kind(subject), QuoteKind::forward) << subject;
    EXPECT_EQ(bare_subject(subject), "x") << subject;
  }
  for (const char* subject : {"Наш заказ: x", "Regarding: x", "Врач: x", "Odpad: x", "Trial: x"})
    EXPECT_EQ(subject_kind(subject), QuoteKind::none) << subject;
}

struct ForwardCase {
  const char* text;
  const char* subject;
  const char* name;
  const char* address;
};

TEST(Forward, NamesWhoWroteWhatIsPassedOn) {
  const ForwardCase cases[] = {
      {"---------- Forwarded message ---------\nFrom: Ann Lee <a@x.example>\nDate: today\n\nText\n",
       "Fwd: Offer", "Ann Lee", "a@x.example"},
      {"См.\n\n-------- Пересылаемое сообщение --------\n05.02.2024, 12:00, \"Анна\" "
       "<anna@x.example>:\n\nТекст\n",
       "Fwd: Счёт", "Анна", "anna@x.example"},
      {"От: Иванов Пётр [mailto:i@x.example]\nОтправлено: 5 февраля 2024 г. 12:00\nКому: "
       "Борис\nТема: Счёт\n\nТекст\n",
       "FW: Счёт", "Иванов Пётр", "i@x.example"},
      {"FYI\n\nBegin forwarded message:\n\n*From:* \"Lee, Ann\" <a@x.example>\n*To:* Bob\n\nText\n",
       "Fwd: x", "Lee, Ann", "a@x.example"},
      {"-------- Weitergeleitete Nachricht --------\nBetreff: X\nDatum: heute\nVon: Jörg\nAn: "
       "Bob\n\nText\n",
       "WG: X", "Jörg", ""},
  };
  for (const auto& one : cases) {
    const ReplySplit split = split_reply(one.text, one.subject);
    const auto sender = original_sender(one.text, split);
    ASSERT_TRUE(sender) << one.text;
    EXPECT_EQ(sender->name, one.name);
    EXPECT_EQ(sender->address, one.address);
  }
}

TEST(Forward, AnAnswerHasNoOriginalSender) {
  const std::string text =
      "Да\n\n-----Original Message-----\nFrom: a@x.example\nTo: b\nSent: c\n\nText\n";
  EXPECT_FALSE(original_sender(text, split_reply(text, "Re: x")));
  EXPECT_FALSE(original_sender("Hello", split_reply("Hello", "Fwd: x")));
}

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

std::string folded(const std::string& text) {
  std::istringstream in(text);
  std::string out;
  for (std::string word; in >> word;) out += word + ' ';
  return out;
}

TEST(Reply, QuotedRepliesOfTheCorpusAreSplitAsTheirOwnersSplitThem) {
  const auto folder = testing::shared_corpus("quotes");
  if (!folder) return;
  int total = 0;
  int agreed = 0;
  for (const auto& entry : std::filesystem::directory_iterator(*folder)) {
    if (entry.path().extension() != ".txt") continue;
    const auto expected =
        Json::parse(slurp(std::filesystem::path(entry.path()).replace_extension("json")));
    ASSERT_TRUE(expected);
    std::string text = slurp(entry.path());
    std::erase(text, '\r');
    const std::string typed = split_reply(text).typed_text(text);
    ++total;
    if (folded(typed) == folded(expected->find("reply")->as_string())) {
      ++agreed;
    } else {
      std::cout << entry.path().stem() << ": [" << typed << "]\n";
    }
  }
  std::cout << agreed << " of " << total << " replies agree\n";
  EXPECT_EQ(agreed, total);
  EXPECT_EQ(total, 25) << "some of the corpus is not here";
}

}  // namespace
}  // namespace c360::parsers
