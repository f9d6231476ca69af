#include "tests/support/document_samples.h"

#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>

#include "store/amount_in_words.h"
#include "store/documents/content.h"
#include "store/documents/shipped_templates.h"
#include "store/documents/template.h"
#include "store/money.h"
#include "store/printed_number.h"

namespace c360::testing {
namespace {

constexpr std::array<std::string_view, 4> kNames = {
    "Настройка сервера приложений", "Консультация специалиста", "Лицензия на программу «Учёт»",
    "Обучение пользователей"};
constexpr std::array<std::string_view, 2> kLongNames = {
    "Внедрение и сопровождение информационной системы управления взаимоотношениями с клиентами, "
    "включая перенос исторических данных, обучение пользователей и подготовку документации",
    "Право использования программы для ЭВМ «Единая автоматизированная система учёта договоров, "
    "заказов и платежей» на условиях простой (неисключительной) лицензии, 25 рабочих мест"};
constexpr std::string_view kLongBuyer =
    "Федеральное государственное автономное образовательное учреждение высшего образования "
    "«Национальный исследовательский институт прикладной математики и кибернетики имени академика "
    "Петра Алексеевича Константинопольского»";
constexpr std::string_view kLongBuyerShort =
    "ФГАОУ ВО «НИИ прикладной математики и кибернетики им. П. А. Константинопольского»";
constexpr std::string_view kLongSeller =
    "Общество с ограниченной ответственностью «Научно-производственное объединение "
    "«Северо-Западные информационные технологии и системы автоматизации»";
constexpr std::string_view kLongAddress =
    "630099, Новосибирская область, г.о. город Новосибирск, г. Новосибирск, ул. Максима Горького, "
    "д. 64, корп. 2, стр. 1, эт. 14, помещ. 1407";

std::string printed(store::Money money) { return store::printed_number(store::to_string(money)); }

bool is_discounted(int no) { return no % 6 == 5; }

store::Line priced(const DocumentSample& sample, int no) {
  store::Line line{.price = {.units = 123'450 + no * 1'000},
                   .discount = {},
                   .quantity = {.units = no % 5 == 4 ? 25'000 : 20'000},
                   .vat = {}};
  if (is_discounted(no)) line.discount = store::Percent{750};
  if (!sample.vat.empty()) {
    const auto turn = static_cast<std::size_t>(no - 1) % sample.vat.size();
    line.vat = store::Percent{std::stoll(sample.vat[turn]) * 100};
  }
  return line;
}

Json line_of(const DocumentSample& sample, int no, const store::Line& line,
             const store::LineAmounts& amounts) {
  const auto turn = static_cast<std::size_t>(no);
  const std::string_view name =
      sample.has_long_names ? kLongNames[turn % kLongNames.size()] : kNames[turn % kNames.size()];
  const std::string rate =
      line.vat ? std::to_string(line.vat->units / 100) + "%" : std::string("Без НДС");
  return Json::Object{{"no", std::to_string(no)},
                      {"name", name},
                      {"description", no % 7 == 3 ? "За ноябрь 2026 г." : ""},
                      {"quantity", no % 5 == 4 ? "2,5" : "2"},
                      {"unit", no % 2 == 0 ? "шт" : "ч"},
                      {"price", printed(amounts.price_with_discount)},
                      {"full_price", printed(line.price)},
                      {"discount", is_discounted(no) ? "7,5%" : ""},
                      {"amount", printed(amounts.amount)},
                      {"vat_rate", rate},
                      {"vat_amount", line.vat ? printed(amounts.vat_amount) : "—"},
                      {"amount_with_vat", printed(amounts.amount_with_vat)}};
}

// The member of the tree with other values.
void change(Json& tree, std::string_view name,
            const std::vector<std::pair<std::string, std::string>>& values) {
  Json part = *tree.find(name);
  for (const auto& [key, value] : values) part.set(key, value);
  tree.set(std::string(name), std::move(part));
}

void set_parties(Json& tree, const DocumentSample& sample) {
  if (sample.has_long_names) {
    change(tree, "buyer",
           {{"name", std::string(kLongBuyer)},
            {"full_name", std::string(kLongBuyer)},
            {"short_name", std::string(kLongBuyerShort)},
            {"address", std::string(kLongAddress)},
            {"ceo", "Константинопольский-Преображенский А. В."},
            {"ceo_position",
             "Исполняющий обязанности проректора по научной работе и цифровому "
             "развитию"}});
    change(tree, "seller",
           {{"name", std::string(kLongSeller)},
            {"full_name", std::string(kLongSeller)},
            {"short_name", "ООО «НПО «Северо-Западные информационные технологии»"}});
  }
  const bool is_foreign = sample.currency != "RUB";
  Json seller = *tree.find("seller");
  change(seller, "bank",
         {{"account", is_foreign ? "40702840538000000002" : "40702810938000000001"},
          {"swift", is_foreign ? "SABRRUMM" : ""},
          {"iban", ""}});
  tree.set("seller", std::move(seller));
}

Json totals_of(const DocumentSample& sample, const store::Totals& totals) {
  const auto words = [&](store::Money money) {
    return store::amount_in_words(money, sample.currency);
  };
  return Json::Object{
      {"count", std::to_string(sample.lines)},
      {"amount", printed(totals.total_amount)},
      {"vat", printed(totals.total_vat)},
      {"amount_with_vat", printed(totals.total_amount_with_vat)},
      {"in_words", words(totals.total_amount_with_vat)},
      {"vat_in_words", sample.vat.empty() ? std::string() : words(totals.total_vat)}};
}

}  // namespace

const std::vector<DocumentSample>& document_samples() {
  static const std::vector<DocumentSample> kSamples = {
      {.name = "invoice-1-line-vat-22", .code = "invoice", .vat = {"22"}},
      {.name = "invoice-60-lines-vat-10-and-22",
       .code = "invoice",
       .lines = 60,
       .vat = {"10", "22"},
       .takes_pages = true},
      {.name = "invoice-no-vat", .code = "invoice", .lines = 4},
      {.name = "invoice-usd-long-names",
       .code = "invoice",
       .lines = 3,
       .currency = "USD",
       .has_long_names = true,
       .takes_pages = true},
      {.name = "act-1-line-vat-10", .code = "act", .vat = {"10"}},
      {.name = "act-60-lines-vat-22",
       .code = "act",
       .lines = 60,
       .vat = {"22"},
       .takes_pages = true},
      {.name = "act-usd-long-names",
       .code = "act",
       .lines = 3,
       .currency = "USD",
       .has_long_names = true},
      {.name = "proposal-1-line-vat-10", .code = "proposal", .vat = {"10"}},
      {.name = "proposal-60-lines-vat-22",
       .code = "proposal",
       .lines = 60,
       .vat = {"22"},
       .takes_pages = true},
      {.name = "proposal-usd-long-names",
       .code = "proposal",
       .lines = 3,
       .currency = "USD",
       .has_long_names = true},
  };
  return kSamples;
}

Json content_of(const DocumentSample& sample) {
  std::vector<store::LineAmounts> amounts;
  std::map<std::int64_t, store::Money> vat_by_rate;
  Json::Array lines;
  for (int no = 1; no <= sample.lines; ++no) {
    const store::Line line = priced(sample, no);
    amounts.push_back(store::line_amounts(line).value());
    lines.push_back(line_of(sample, no, line, amounts.back()));
    if (line.vat) vat_by_rate[line.vat->units].units += amounts.back().vat_amount.units;
  }
  Json::Array rates;
  for (const auto& [percent, amount] : vat_by_rate) {
    rates.push_back(
        Json::Object{{"rate", std::to_string(percent / 100) + "%"}, {"amount", printed(amount)}});
  }
  Json tree = store::sample_content();
  set_parties(tree, sample);
  change(tree, "currency",
         {{"code", sample.currency},
          {"label", sample.currency == "RUB" ? std::string("руб.") : sample.currency}});
  tree.set("vat", Json::Object{{"none", sample.vat.empty()}, {"rates", std::move(rates)}});
  tree.set("totals", totals_of(sample, store::totals(amounts).value()));
  tree.set("lines", std::move(lines));
  return tree;
}

std::string page_of(const DocumentSample& sample) {
  const auto list = store::shipped_templates();
  const auto found = std::ranges::find(list, sample.code, &store::ShippedTemplate::code);
  if (found == list.end()) throw std::logic_error("no template " + sample.code);
  return store::fill_template(found->text, content_of(sample)).value();
}

}  // namespace c360::testing
