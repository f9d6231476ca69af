#include "parsers/rule_match.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "daemon/base/json.h"
#include "daemon/base/text.h"
#include "parsers/rule_set.h"
#include "parsers/value_steps.h"

namespace c360::parsers {
namespace {

const RuleSet& shipped() {
  static const auto kRules = [] {
    auto loaded = RuleSet::load_folder(C360_SOURCE_DIR "/parsers/rules");
    if (!loaded)
      for (const FileProblem& problem : loaded.error()) std::cerr << problem.to_string() << '\n';
    return loaded ? *loaded : nullptr;
  }();
  return *kRules;
}

std::shared_ptr<const RuleSet> rules(const std::string& text) {
  auto loaded = RuleSet::load({{"crm.toml", "version = 1\nmailbox = 'crm'\n" + text}});
  if (!loaded) {
    for (const FileProblem& problem : loaded.error()) std::cerr << problem.to_string() << '\n';
    return nullptr;
  }
  return *loaded;
}

Message mail(std::string subject, std::string text) {
  Message message;
  message.subject = std::move(subject);
  message.from.push_back({"Сайт", "robot@site.example"});
  message.body.text = std::move(text);
  message.body.part = "1.2";
  const Span all{0, message.body.text.size()};
  // The part begins with ten bytes that are not in the text.
  message.body.spans.push_back({all, {10, 10 + all.end}});
  return message;
}

Extraction crm(const Message& message, const MatchOptions& options = {}) {
  return match(shipped(), "crm", message, prepare(message), options);
}

// -- preparation
// -----------------------------------------------------------------------------------

TEST(Prepare, FoldsBlanksDropsTheInvisibleAndKnowsWhereEverythingCameFrom) {
  const std::string original =
      "\uFEFFКом\u200Bпания:\u00A0ООО\r\nФИО:\tИ\u0306\r\rкопеи\u0306ка\u2028конец";
  Message message = mail("Те\u00ADма \u2003x", original);

  const PreparedText prepared = prepare(message);

  EXPECT_EQ(prepared.text, "Компания: ООО\nФИО:\tЙ\n\nкопейка\nконец");
  EXPECT_EQ(prepared.subject, "Тема  x");
  const auto source_of = [&](std::string_view piece) {
    const std::size_t begin = prepared.text.find(piece);
    const Span span = source_span(prepared.spans, {begin, begin + piece.size()});
    return original.substr(span.begin, span.end - span.begin);
  };
  EXPECT_EQ(source_of("Компания"), "Ком\u200Bпания");
  EXPECT_EQ(source_of("ООО"), "ООО");
  EXPECT_EQ(source_of("пан"), "пан");
  EXPECT_EQ(source_of(" ООО\n"), "\u00A0ООО\r\n");
  EXPECT_EQ(source_of("Й"), "И\u0306");
  EXPECT_EQ(source_of("копейка"), "копеи\u0306ка");
}

TEST(Prepare, APlainTextIsOneStretch) {
  const Message message = mail("x", "Компания: ООО «Ромашка»\nФИО: Иванов\n");

  const PreparedText prepared = prepare(message);

  EXPECT_EQ(prepared.text, message.body.text);
  EXPECT_LE(prepared.spans.size(), 3U);  // « and » begin with a byte that is looked at
}

TEST(Prepare, OnlyTheFirstMebibyteIsScanned) {
  const Message message = mail("x", std::string(kMaxScannedTextBytes, 'x') + "\nКомпания: А");

  const PreparedText prepared = prepare(message);

  EXPECT_TRUE(prepared.truncated);
  EXPECT_EQ(prepared.text.size(), kMaxScannedTextBytes);
  EXPECT_TRUE(crm(message).truncated);
  EXPECT_EQ(crm(message).find("company_text"), nullptr);
}

TEST(Prepare, ABodyOfInvisibleCharactersIsEmpty) {
  EXPECT_TRUE(prepare(mail("x", "\u00A0\u200B\r\n\t")).is_empty);
  EXPECT_EQ(crm(mail("Запрос стоимости", "\u00A0\u200B\r\n\t")).reason, "empty_body");
}

// -- the golden sample of domain.md 18.2
// -------------------------------------------------------------

constexpr std::string_view kGolden =
    "От: Иванов Пётр\r\nТема: Запрос стоимости\r\nКомпания: ООО «Ромашка»\r\n"
    "ФИО: Иванов Пётр Сергеевич\r\nДолжность: ИТ-директор\r\nДепартамент: ИТ\r\n"
    "Телефон: +7 (495) 123-45-67 доб. 12\r\nE-mail: p.ivanov@romashka.example\r\n"
    "Количество пользователей: 50-100\r\nКомментарий: Нужна демонстрация.\r\n"
    "Вторая строка: с двоеточием\r\nСтраница перехода - https://example.test/a\r\n"
    "Страница заполнения заявки - https://example.test/price?utm=1\r\n"
    "GA_client_ID: 1234567890.1700000000\r\nYM_client_ID: 1700000000123456789\r\n";

void expect_golden(const Extraction& got) {
  EXPECT_EQ(got.value("form.from"), "Иванов Пётр");
  EXPECT_EQ(got.value("form.subject"), "Запрос стоимости");
  EXPECT_EQ(got.value("company_text"), "ООО «Ромашка»");
  EXPECT_EQ(got.value("contact.full_name"), "Иванов Пётр Сергеевич");
  EXPECT_EQ(got.value("contact.position"), "ИТ-директор");
  EXPECT_EQ(got.value("contact.department"), "ИТ");
  EXPECT_EQ(got.value("contact.phone"), "+7 (495) 123-45-67 доб. 12");
  EXPECT_EQ(got.value("contact.email"), "p.ivanov@romashka.example");
  EXPECT_EQ(got.value("number_of_users"), "50-100");
  EXPECT_EQ(got.value("number_of_users_min"), "50");
  EXPECT_EQ(got.value("number_of_users_max"), "100");
  EXPECT_EQ(got.value("site_referrer"), "https://example.test/a");
  EXPECT_EQ(got.value("site_page"), "https://example.test/price?utm=1");
  EXPECT_EQ(got.value("ga_client_id"), "1234567890.1700000000");
  EXPECT_EQ(got.value("ym_client_id"), "1700000000123456789");
}

TEST(CrmRules, TheGoldenSampleGivesEveryField) {
  const Extraction got = crm(mail("Запрос стоимости", std::string(kGolden)));

  EXPECT_EQ(got.rule, "website-form");
  EXPECT_EQ(got.action, RuleAction::create_deal);
  expect_golden(got);
  EXPECT_EQ(got.value("description"), "Нужна демонстрация.\nВторая строка: с двоеточием");
  EXPECT_EQ(got.value("request_category_code"), "price");
  EXPECT_EQ(got.find("request_source_code"), nullptr);
}

TEST(CrmRules, TheGoldenSampleInOneLineGivesTheSameFields) {
  std::string text{kGolden};
  for (auto at = text.find("\r\n"); at != std::string::npos; at = text.find("\r\n"))
    text.replace(at, 2, " ");

  const Extraction got = crm(mail("Запрос стоимости", text));

  expect_golden(got);
  EXPECT_EQ(got.value("description"), "Нужна демонстрация. Вторая строка: с двоеточием");
  EXPECT_EQ(got.find("company_text")->transformations, std::vector<std::string>{"collapsed"});
}

TEST(CrmRules, EveryValueLeadsBackToItsBytes) {
  const Message message = mail("Запрос стоимости", std::string(kGolden));

  const Extraction got = crm(message);

  const ExtractedValue* company = got.find("company_text");
  ASSERT_NE(company, nullptr);
  const std::size_t begin = kGolden.find("ООО");
  EXPECT_EQ(company->text, (Span{begin, begin + std::string_view("ООО «Ромашка»").size()}));
  EXPECT_EQ(company->part_span, (Span{company->text.begin + 10, company->text.end + 10}));
  EXPECT_EQ(company->part, "1.2");
  EXPECT_EQ(company->raw, "ООО «Ромашка»");
}

TEST(CrmRules, QuotedFormsAreReadWithoutTheirMarks) {
  std::string text = "Коллеги, кто возьмёт?\n\n";
  for (const std::string_view line : split(kGolden, '\n'))
    text += "> " + std::string(trimmed(line)) + "\n";

  const Extraction got = crm(mail("Fwd: Запрос стоимости", text));

  expect_golden(got);
  EXPECT_EQ(got.value("description"), "Нужна демонстрация.\nВторая строка: с двоеточием");
  EXPECT_EQ(got.find("description")->transformations, std::vector<std::string>{"unquoted"});
}

// -- values
// ----------------------------------------------------------------------------------------

TEST(CrmRules, AnEmptyValueTakesTheNextLineUnlessThatIsALabel) {
  const Extraction got =
      crm(mail("x",
               "Компания:\n\n  ООО «А»\nФИО:\nДолжность: Повар\nДепартамент:\nТелефон:\n"
               "GA_client_ID:\nYM_client_ID: 17\n"));

  EXPECT_EQ(got.value("company_text"), "ООО «А»");
  EXPECT_EQ(got.find("company_text")->transformations, std::vector<std::string>{"next_line"});
  EXPECT_EQ(got.find("contact.full_name"), nullptr);  // a robot's name is nobody's
  EXPECT_EQ(got.value("contact.position"), "Повар");
  EXPECT_EQ(got.find("contact.department"), nullptr);
  EXPECT_EQ(got.find("contact.phone"), nullptr);
  EXPECT_EQ(got.find("ga_client_id"), nullptr);
  EXPECT_EQ(got.value("ym_client_id"), "17");
}

TEST(CrmRules, TheFirstNonEmptyOccurrenceWins) {
  const Extraction got = crm(mail("x", "Компания:\nФИО: А\nКомпания: Первая\nКомпания: Вторая\n"));

  EXPECT_EQ(got.value("company_text"), "Первая");
}

TEST(CrmRules, PagesMayStandBehindAnyDash) {
  for (const char* dash : {":", "-", "–", "—", " - ", " –"}) {
    const Extraction got = crm(
        mail("x", std::string("Страница заполнения заявки") + dash + " https://a.example/b-c\n"));
    EXPECT_EQ(got.value("site_page"), "https://a.example/b-c") << dash;
  }
}

TEST(CrmRules, TheCommentEndsAtTheNextLabelOrWithTheText) {
  EXPECT_EQ(crm(mail("x", "Комментарий: a\n\nb\n  Телефон - 5\nc")).value("description"), "a\n\nb");
  EXPECT_EQ(crm(mail("x", "Комментарий: a\nb: c\n\n")).value("description"), "a\nb: c");
  EXPECT_EQ(crm(mail("x", "Комментарий:\na\nФИО: Б")).value("description"), "a");
  EXPECT_EQ(crm(mail("x", "Комментарий:\nФИО: Б")).find("description"), nullptr);
}

TEST(CrmRules, LongValuesAreCutAndMarked) {
  std::string letters;
  for (int i = 0; i < 1001; ++i) letters += "я";
  std::string lines;
  while (lines.size() <= 65536) lines += "строка\n";

  const Extraction got = crm(mail("x", "Компания: " + letters + "\nКомментарий: " + lines));

  EXPECT_EQ(utf8_length(got.value("company_text")), 1000U);
  EXPECT_EQ(got.find("company_text")->transformations, std::vector<std::string>{"cut"});
  EXPECT_EQ(got.find("company_text")->raw, letters);
  EXPECT_LE(got.value("description").size(), 65536U);
  EXPECT_GT(got.value("description").size(), 65500U);
  EXPECT_EQ(got.find("description")->transformations, std::vector<std::string>{"cut"});
}

TEST(CrmRules, AnAddressIsTakenOutOfWhatSurroundsIt) {
  struct Case {
    const char* label;
    const char* address;
  };
  for (const auto& [label, address] :
       {Case{"Глеб Уткин <g@a.example>", "g@a.example"}, Case{"g@a.example", "g@a.example"},
        Case{"mailto:g@a.example", "g@a.example"},
        Case{"g@a.example <mailto:g@a.example>", "g@a.example"},
        Case{"(g@a.example).", "g@a.example"}, Case{"g@a.example, h@a.example", "g@a.example"}})
    EXPECT_EQ(crm(mail("x", "E-mail: " + std::string(label))).value("contact.email"), address)
        << label;

  const Extraction wrong = crm(mail("x", "Почта: нет\n"));
  EXPECT_EQ(wrong.find("contact.email"), nullptr);
  ASSERT_EQ(wrong.rejected.size(), 1U);
  EXPECT_EQ(wrong.rejected[0].rejected, "not_an_address");
  EXPECT_EQ(wrong.rejected[0].raw, "нет");
}

TEST(CrmRules, ThePersonIsTheOneNamedInTheFormThenTheForwarderThenTheSender) {
  Message message = mail("x", "ФИО: А Б\nОт: В Г <v@a.example>\n");
  message.from[0] = {"Д Е", "d@a.example"};
  EXPECT_EQ(crm(message).value("contact.full_name"), "А Б");
  EXPECT_EQ(crm(message).value("contact.email"), "d@a.example");

  message.body.text = "От: В Г <v@a.example>\n";
  EXPECT_EQ(crm(message).value("contact.full_name"), "В Г");

  message.body.text = "От: Сайт <noreply@a.example>\n";
  EXPECT_EQ(crm(message).value("contact.full_name"), "Д Е");

  message.from[0] = {"Сайт", "no-reply@a.example"};
  EXPECT_EQ(crm(message).find("contact.full_name"), nullptr);
  EXPECT_EQ(crm(message).find("contact.email"), nullptr);
}

TEST(CrmRules, AnInnMustHaveFittingCheckDigits) {
  EXPECT_EQ(crm(mail("x", "ИНН: 7707 083 893\n")).value("inn"), "7707083893");
  const Extraction wrong = crm(mail("x", "ИНН: 7743013902\n"));
  EXPECT_EQ(wrong.find("inn"), nullptr);
  ASSERT_EQ(wrong.rejected.size(), 1U);
  EXPECT_EQ(wrong.rejected[0].rejected, "inn_checksum");
}

TEST(CrmRules, LabelsInWhatAnAnswerQuotesSayNothing) {
  const std::string answer =
      "Добрый день, да, подходит.\n\nпт, 5 дек. 2025 г. в 10:00, Отдел продаж <s@c.example>:\n"
      "> Компания: Наша фирма\n> Телефон: +7 495 000-00-00\n";
  Message message = mail("Re: Предложение", answer);
  message.from[0] = {"Пётр Иванов", "p@a.example"};

  const Extraction got = crm(message);

  EXPECT_EQ(got.rule, "other-letter");
  EXPECT_EQ(got.find("company_text"), nullptr);
  EXPECT_EQ(got.find("contact.phone"), nullptr);
  EXPECT_TRUE(got.may_thread);
}

// -- subjects
// --------------------------------------------------------------------------------------

TEST(CrmRules, ARecordReferenceInTheSubjectNamesTheTarget) {
  struct Case {
    const char* subject;
    const char* kind;
    const char* number;
  };
  for (const auto& [subject, kind, number] :
       {Case{"Re: Сделка #23505: уточнение", "deal", "23505"},
        Case{"FW: СДЕЛКА № 62", "deal", "62"}, Case{"лид#5", "lead", "5"},
        Case{"Заказ №17, оплата", "order", "17"}, Case{"Договор № 3", "contract", "3"},
        Case{"Your order #9", "order", "9"},
        Case{"Договор №7 к заказу, сделка #5", "contract", "7"},
        Case{"Сделка\u00A0№\u00A08", "deal", "8"}}) {
    const Extraction got = crm(mail(subject, "text\nКомпания: А"));
    ASSERT_TRUE(got.target) << subject;
    EXPECT_EQ(got.action, RuleAction::add_activity) << subject;
    EXPECT_EQ(got.target->kind, kind) << subject;
    EXPECT_EQ(got.target->search_field, "number") << subject;
    EXPECT_EQ(got.target->value, number) << subject;
    EXPECT_TRUE(got.values.empty()) << subject;
    const PreparedText prepared = prepare(mail(subject, "text"));
    EXPECT_EQ(prepared.subject.substr(got.target->subject.begin, got.target->value.size()), number);
  }
  for (const char* subject :
       {"Посделка #5", "Сделка 5", "Сделка #", "#5", "Сделка #1234567890123456789"})
    EXPECT_FALSE(crm(mail(subject, "text")).target) << subject;
}

TEST(CrmRules, SubjectsAreClassifiedByTheFirstPhraseOfTheTable) {
  struct Case {
    const char* subject;
    const char* category;
  };
  for (const auto& [subject, category] :
       {Case{"Получить консультацию", "consult"}, Case{"Консультация на странице «А»", "consult"},
        Case{"Заявка на странице", "consult"}, Case{"контактная ФОРМА", "consult"},
        Case{"Заказать демонстрацию", "demonstration"},
        Case{"Запрос демонстрации", "demonstration"},
        Case{"Скачивание Citeck ECOS Community", "community"},
        Case{"Скачивание Citeck Community", "community"},
        Case{"Re: RE: Запрос  стоимости!", "price"}, Case{"Демо-доступ", "demo-access"},
        Case{"Заявка на демо-доступ к Citeck ECOS в облаке", "cloud"},
        Case{"Подписка на рассылку о Community", "community-subscription"},
        Case{"Стать партнёром", "partnership-request"},
        Case{"СТАТЬ ПАРТНЕРОМ", "partnership-request"},
        Case{"[Сайт] Акция «Лето»", "special-offer"}, Case{"Редакция и транзакция", ""},
        Case{"Вопрос", ""}, Case{"", ""}})
    EXPECT_EQ(crm(mail(subject, "text")).subject_category, category) << subject;
}

TEST(CrmRules, CategoryAndSourceFollowTheDecisionTable) {
  struct Case {
    const char* subject;
    const char* text;
    const char* category;
    const char* source;
  };
  for (const auto& [subject, text, category, source] :
       {Case{"Запрос стоимости", "YM_client_ID: 1", "price", ""},
        Case{"Запрос стоимости", "GA_client_ID: 1", "price", "unknown"},
        Case{"Запрос стоимости", "GA_client_ID: 1\nYM_client_ID: 1", "price", ""},
        Case{"Вопрос", "YM_client_ID: 1", "other", ""},
        Case{"Вопрос", "GA_client_ID: 1", "other", "unknown"},
        Case{"Запрос стоимости", "text", "price", "mail"},
        Case{"Вопрос", "text", "email", "mail"}}) {
    const Extraction got = crm(mail(subject, text));
    EXPECT_EQ(got.value("request_category_code"), category) << subject << " " << text;
    EXPECT_EQ(got.value("request_source_code"), source) << subject << " " << text;
  }
}

TEST(ActivityRules, OnlyASuffixAtTheVeryEndNamesATarget) {
  const auto activity = [](const char* subject) {
    const Message message = mail(subject, "text");
    return match(shipped(), "activity", message, prepare(message));
  };
  const Extraction got = activity("Протокол (Договор: ДГ-2025/018)  ");
  ASSERT_TRUE(got.target);
  EXPECT_EQ(got.target->alias, "Договор");
  EXPECT_EQ(got.target->value, "ДГ-2025/018");
  EXPECT_TRUE(got.target->kind.empty());
  for (const char* subject :
       {"(deal: 123) хвост", "Оплата (Счёт: СЧ 15)", "", "(: 5)", "(deal:)", "deal: 5"}) {
    EXPECT_FALSE(activity(subject).target) << subject;
    EXPECT_EQ(activity(subject).reason, "no_rule") << subject;
    EXPECT_EQ(activity(subject).rule, "no-rule") << subject;
  }
}

// -- conditions
// ------------------------------------------------------------------------------------

TEST(BuiltInRules, AutomaticAndOwnMailIsIgnoredByName) {
  Message message = mail("Запрос стоимости", "text");
  message.is_auto_reply = true;
  EXPECT_EQ(crm(message).rule, "auto-reply");
  EXPECT_EQ(crm(message).action, RuleAction::ignore);
  EXPECT_TRUE(crm(message).built_in);
  message.is_auto_reply = false;
  message.is_bounce = true;
  EXPECT_EQ(crm(message).rule, "bounce");
  message.is_bounce = false;
  EXPECT_EQ(crm(message, {.own_addresses = {"Robot@Site.Example"}}).rule, "own-address");
  EXPECT_EQ(crm(message).rule, "website-form");
}

TEST(Conditions, EachLooksAtItsPart) {
  Message message = mail("Re: Цена на лицензии", "Первая строка\nВторая: строка");
  message.from = {{"Пётр", "p@a.example"}};
  message.to = {{"", "sales@b.example"}};
  message.cc = {{"", "boss@b.example"}};
  message.headers = {{"X-Form", "price", {}}};
  message.in_reply_to = {"x@y"};
  message.parts.push_back({});
  message.parts.back().is_attachment = true;
  const auto holds = [&](const std::string& condition) {
    const auto set = rules(
        "[[subject]]\ncategory = 'price'\ncontains = 'цена'\n[[rule]]\nname = "
        "'r'\nwhen." +
        condition + "\naction = 'create'\n");
    return set && match(*set, "crm", message, prepare(message)).rule == "r";
  };
  for (const char* condition :
       {"from = '(?i)пётр <P@a[.]'", "to = '^sales@'", "to = 'boss@'", "subject = '^Цена'",
        "subject_contains = 'ЦЕНА  НА'", "subject_category = ['price', 'consult']",
        "subject_category = 'any'", "body = '(?m)^Вторая: строка$'", "header.x-form = 'price'",
        "reply = true", "attachments = true", "list = false", "bounce = false",
        "empty_body = false", "any = [{ from = 'nobody' }, { from = 'p@', subject = 'Цена' }]",
        "none = [{ from = 'nobody' }, { from = 'p@', subject = 'Счёт' }]"})
    EXPECT_TRUE(holds(condition)) << condition;
  for (const char* condition :
       {"from = 'sales@'", "to = 'p@'", "subject = '^Re:'", "subject_contains = 'счёт'",
        "subject_category = 'consult'", "body = 'Третья'", "header.x-form = 'demo'",
        "header.x-none = ''", "reply = false", "attachments = false", "list = true",
        "any = [{ from = 'nobody' }, { from = 'p@', subject = 'Счёт' }]",
        "none = [{ from = 'nobody' }, { from = 'p@' }]"})
    EXPECT_FALSE(holds(condition)) << condition;
}

TEST(Trace, EveryRuleSaysWhichConditionFailedFirst) {
  const auto set = rules(
      "[[rule]]\nname = 'price'\nwhen.subject = 'цена'\nwhen.body = 'срочно'\naction = 'create'\n"
      "[[rule]]\nname = 'deal'\nwhen.subject = '(?i)цена (сделка|счёт)'\naction = 'add_activity'\n"
      "target = { word = 'subject.1', kinds = { 'сделка' = 'deal' }, number = 'subject.1' }\n"
      "[[rule]]\nname = 'letter'\nwhen.reply = false\naction = 'create_lead'\n"
      "[[rule]]\nname = 'rest'\naction = 'create'\n");
  ASSERT_TRUE(set);
  const Message message = mail("цена счёт", "text");

  const Extraction got = match(*set, "crm", message, prepare(message), {.trace = true});

  EXPECT_EQ(got.rule, "letter");
  EXPECT_EQ(got.action, RuleAction::create_lead);
  ASSERT_EQ(got.trace.size(), 8U);
  EXPECT_EQ(got.trace[0].condition, "when.auto_reply");
  EXPECT_EQ(got.trace[4].rule, "price");
  EXPECT_EQ(got.trace[4].condition, "when.body");
  EXPECT_EQ(got.trace[4].conditions_met, 1);
  EXPECT_EQ(got.trace[4].conditions, 2);
  EXPECT_EQ(got.trace[5].condition, "target");
  EXPECT_TRUE(got.trace[6].matched);
  EXPECT_TRUE(got.trace[7].matched);
  EXPECT_FALSE(got.trace[7].reached);
  EXPECT_TRUE(match(*set, "crm", message, prepare(message)).trace.empty());
}

TEST(Actions, CreateFollowsTheMailboxAndAnExplicitActionDoesNot) {
  const MatchOptions lead{.target = CreateTarget::lead};
  EXPECT_EQ(crm(mail("x", "text")).action, RuleAction::create_deal);
  EXPECT_EQ(crm(mail("x", "text"), lead).action, RuleAction::create_lead);

  const auto set = rules(
      "[[rule]]\nname = 'r'\naction = 'create_deal'\nset.request_category_code = "
      "'price'\nset.amount = 5\nset.created_automatically = true\n");
  ASSERT_TRUE(set);
  const Message message = mail("x", "text");
  const Extraction got = match(*set, "crm", message, prepare(message), lead);
  EXPECT_EQ(got.action, RuleAction::create_deal);
  EXPECT_EQ(got.value("request_category_code"), "price");
  EXPECT_EQ(got.value("amount"), "5");
  EXPECT_EQ(got.value("created_automatically"), "true");
  EXPECT_EQ(got.find("amount")->source, ValueSource::rule);
}

TEST(Values, PatternsReadBodySubjectAndHeaders) {
  const auto set = rules(
      "[[rule]]\nname = 'r'\naction = 'create'\n"
      "extract.name = { match = 'заказ ([0-9]*)' }\n"
      "extract.site_page = { match = '\\[(.+)\\]', in = 'subject' }\n"
      "extract.form.id = [{ match = '(never)', in = 'header X-Id' }, { match = 'id=(.*)', in = "
      "'header X-Id', steps = ['upper', 'collapse'] }]\n");
  ASSERT_TRUE(set);
  Message message = mail("Re: [сайт] тема", "заказ \nзаказ 17 заказ 18");
  message.headers = {{"x-id", "id=ab  c", {}}};

  const Extraction got = match(*set, "crm", message, prepare(message));

  EXPECT_EQ(got.value("name"), "17");
  EXPECT_EQ(got.value("site_page"), "сайт");
  EXPECT_EQ(got.find("site_page")->source, ValueSource::subject);
  EXPECT_EQ(got.value("form.id"), "AB C");
  EXPECT_EQ(got.find("form.id")->header, "x-id");
  EXPECT_EQ(got.find("form.id")->transformations, (std::vector<std::string>{"upper", "collapse"}));
}

TEST(Values, AMailboxWithoutRulesKeepsItsMailInQuarantine) {
  const Message message = mail("x", "text");

  const Extraction got = match(shipped(), "unheard-of", message, prepare(message));

  EXPECT_EQ(got.action, RuleAction::quarantine);
  EXPECT_EQ(got.reason, "no_rule");
  EXPECT_EQ(got.rule, "no-rule");
}

TEST(Values, TheJsonNamesEverything) {
  const Extraction got =
      crm(mail("Запрос стоимости", "Компания:\nООО\nПочта: нет\nGA_client_ID: 1"), {.trace = true});

  const auto json = Json::parse(to_json(got));

  ASSERT_TRUE(json);
  EXPECT_EQ(json->find("rule")->as_string(), "website-form");
  EXPECT_EQ(json->find("action")->as_string(), "create_deal");
  EXPECT_EQ(json->find("subject_category")->as_string(), "price");
  EXPECT_EQ(json->find("rule_set")->find("sha256")->as_string().size(), 64U);
  EXPECT_EQ(json->find("trace")->as_array().size(), got.trace.size());
  EXPECT_EQ(json->find("rejected")->as_array()[0].find("rejected")->as_string(), "not_an_address");
  const Json& first = json->find("values")->as_array()[0];
  EXPECT_EQ(first.find("field")->as_string(), "company_text");
  EXPECT_EQ(first.find("value")->as_string(), "ООО");
  EXPECT_EQ(first.find("source")->as_string(), "body");
  EXPECT_EQ(first.find("part")->as_string(), "1.2");
  EXPECT_EQ(first.find("prepared")->as_array().size(), 2U);
  EXPECT_EQ(first.find("transformations")->as_array()[0].as_string(), "next_line");
}

// -- numbers
// ---------------------------------------------------------------------------------------

TEST(NumberRange, IsReadFromWhatPeopleWrite) {
  struct Case {
    const char* text;
    std::optional<int> minimum, maximum;
  };
  for (const auto& [text, minimum, maximum] : {
           Case{"50-100", 50, 100},
           Case{"50–100", 50, 100},
           Case{"50 — 100 человек", 50, 100},
           Case{"до 50", {}, 50},
           Case{"от 100", 100, {}},
           Case{"от 50 до 100", 50, 100},
           Case{"с 10 по 20", 10, 20},
           Case{"40", 40, 40},
           Case{"~40 пользователей", 40, 40},
           Case{"100+", 100, {}},
           Case{"более 100", 100, {}},
           Case{"не более 100", {}, 100},
           Case{"не менее 5", 5, {}},
           Case{"менее 100", {}, 100},
           Case{"> 100", 100, {}},
           Case{"<10", {}, 10},
           Case{"up to 50", {}, 50},
           Case{"at least 50", 50, {}},
           Case{"between 5 and 10", 5, 10},
           Case{"1 000", 1000, 1000},
           Case{"1\u00A0000 - 2\u00A0000", 1000, 2000},
           Case{"100-50", {}, {}},
           Case{"3 отдела, 20 человек", {}, {}},
           Case{"1.5", {}, {}},
           Case{"много", {}, {}},
           Case{"", {}, {}},
           Case{"99999999999", {}, {}},
           Case{"1-2-3", {}, {}},
       })
    EXPECT_EQ(number_range(text), (NumberRange{minimum, maximum})) << text;
}

// -- values that are no longer there
// -------------------------------------------------------------------------------

TEST(RuleMatch, AValueItsDirectoryDoesNotHaveIsLeftOutAndTold) {
  const auto set = rules(
      "[[subject]]\ncategory = 'price'\ncontains = ['Цена']\n"
      "[[rule]]\nname = 'a'\naction = 'create'\nset.request_source_code = 'gone'\n"
      "set.'contact.position' = 'Директор'\nextract.company_text = { label = 'Компания' }\n");
  ASSERT_TRUE(set);
  std::vector<std::string> asked;
  MatchOptions options;
  options.trace = true;
  options.known_value = [&](std::string_view kind, std::string_view field, std::string_view value) {
    asked.push_back(std::string(kind) + "." + std::string(field));
    return value != "gone" && value != "Директор";
  };
  const Message message = mail("Цена", "Компания: Ромашка");

  const Extraction got = match(*set, "crm", message, prepare(message), options);

  EXPECT_EQ(got.value("company_text"), "Ромашка");
  EXPECT_EQ(got.value("request_category_code"), "price");
  EXPECT_EQ(got.find("request_source_code"), nullptr);
  ASSERT_EQ(got.rejected.size(), 2U);
  EXPECT_EQ(got.rejected[0].field, "contact.position");
  EXPECT_EQ(got.rejected[0].rejected, "unknown_value");
  EXPECT_EQ(got.rejected[1].field, "request_source_code");
  EXPECT_NE(std::ranges::find(asked, "contact.position"), asked.end());
  EXPECT_NE(std::ranges::find(asked, "deal.request_source_code"), asked.end());
  const auto decided = std::ranges::find(got.trace, true, &RuleTrace::matched);
  ASSERT_NE(decided, got.trace.end());
  EXPECT_TRUE(decided->detail.contains("request_source_code cannot be 'gone' now"))
      << decided->detail;
}

}  // namespace
}  // namespace c360::parsers
