// What a generated document costs, and what it looks like: pages filled and printed by the helper,
// documents a minute. With a folder as its argument it paints the samples of docs/ there and fills
// the Word files beside them.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "adapters/helper_renderer.h"
#include "store/amount_in_words.h"
#include "store/documents/content.h"
#include "store/documents/docx.h"
#include "store/documents/shipped_templates.h"
#include "store/documents/template.h"
#include "store/money.h"
#include "store/printed_number.h"

namespace {

using namespace c360;

struct Sample {
  std::string name;
  std::string code;  // of the template
  int lines = 1;
  std::string vat;  // percent; empty: none
  std::string currency = "RUB";
  bool long_names = false;
};

const std::vector<Sample> kSamples = {
    {"invoice-1-line-vat-22", "invoice", 1, "22"},
    {"invoice-60-lines-vat-22", "invoice", 60, "22"},
    {"invoice-no-vat", "invoice", 4, ""},
    {"invoice-usd-long-names", "invoice", 3, "", "USD", true},
    {"act-vat-10", "act", 4, "10"},
    {"proposal-vat-22", "proposal", 6, "22"},
};

constexpr std::string_view kLongName =
    "Внедрение и сопровождение информационной системы управления взаимоотношениями с клиентами, "
    "включая перенос исторических данных, обучение пользователей и подготовку документации";

std::string printed(store::Money money) { return store::printed_number(store::to_string(money)); }

Json line_of(const Sample& sample, int no, const store::LineAmounts& amounts) {
  static const std::vector<std::string> kNames = {
      "Настройка сервера приложений", "Консультация специалиста", "Лицензия на программу «Учёт»",
      "Обучение пользователей"};
  return Json::Object{
      {"no", std::to_string(no)},
      {"name", sample.long_names ? std::string(kLongName)
                                 : kNames[static_cast<std::size_t>(no) % kNames.size()]},
      {"description", no % 7 == 3 ? "За ноябрь 2026 г." : ""},
      {"quantity", no % 5 == 4 ? "2,5" : "2"},
      {"unit", no % 2 == 0 ? "шт" : "ч"},
      {"price", printed(amounts.price_with_discount)},
      {"amount", printed(amounts.amount)}};
}

Json content_of(const Sample& sample) {
  std::vector<store::LineAmounts> amounts;
  Json::Array lines;
  for (int no = 1; no <= sample.lines; ++no) {
    store::Line line{.price = {.units = 123'450 + no * 1'000},
                     .discount = {},
                     .quantity = {.units = no % 5 == 4 ? 25'000 : 20'000},
                     .vat = {}};
    if (!sample.vat.empty()) line.vat = store::Percent{std::stoll(sample.vat) * 100};
    amounts.push_back(*store::line_amounts(line));
    lines.push_back(line_of(sample, no, amounts.back()));
  }
  const store::Totals totals = *store::totals(amounts);
  Json::Array rates;
  if (!sample.vat.empty())
    rates.push_back(
        Json::Object{{"rate", sample.vat + "%"}, {"amount", printed(totals.total_vat)}});
  Json tree = store::sample_content();
  tree.set("currency",
           Json::Object{{"code", sample.currency},
                        {"label", sample.currency == "RUB" ? "руб." : sample.currency}});
  tree.set("vat", Json::Object{{"none", sample.vat.empty()}, {"rates", std::move(rates)}});
  tree.set("totals",
           Json::Object{
               {"count", std::to_string(sample.lines)},
               {"amount", printed(totals.total_amount)},
               {"vat", printed(totals.total_vat)},
               {"amount_with_vat", printed(totals.total_amount_with_vat)},
               {"in_words", store::amount_in_words(totals.total_amount_with_vat, sample.currency)},
               {"vat_in_words", sample.vat.empty()
                                    ? std::string()
                                    : store::amount_in_words(totals.total_vat, sample.currency)}});
  if (sample.currency == "RUB") {
    Json seller = *tree.find("seller");
    Json bank = *seller.find("bank");
    bank.set("iban", "");
    bank.set("swift", "");
    seller.set("bank", std::move(bank));
    tree.set("seller", std::move(seller));
  }
  tree.set("lines", std::move(lines));
  return tree;
}

std::string page_of(const Sample& sample) {
  const auto list = store::shipped_templates();
  const auto found = std::ranges::find(list, sample.code, &store::ShippedTemplate::code);
  return *store::fill_template(found->text, content_of(sample));
}

void paint(const adapters::HelperRenderer& renderer, const std::string& folder) {
  for (const Sample& sample : kSamples) {
    const auto docx = store::fill_docx(store::shipped_docx(sample.code), content_of(sample));
    std::ofstream(folder + "/" + sample.name + ".docx", std::ios::binary) << *docx;
    const auto pdf = renderer.pdf(page_of(sample));
    if (!pdf) {
      std::printf("%s: %s\n", sample.name.c_str(), pdf.error().detail.c_str());
      continue;
    }
    for (int page = 1; page <= 9; ++page) {
      const auto png = renderer.png([&] { return pdf; }, page, 64);
      if (!png) break;
      std::ofstream(folder + "/" + sample.name + "-page-" + std::to_string(page) + ".png",
                    std::ios::binary)
          << *png;
    }
  }
}

void measure(const adapters::HelperRenderer& renderer, const Sample& sample, int at_once) {
  constexpr int kDocuments = 12;
  const std::string page = page_of(sample);
  std::atomic<int> next{0};
  std::atomic<int> failed{0};
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < at_once; ++i) {
    threads.emplace_back([&] {
      while (next++ < kDocuments) failed += renderer.pdf(page) ? 0 : 1;
    });
  }
  for (std::thread& each : threads) each.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("%-26s %d at once: %6.1f documents a minute, %d failed\n", sample.name.c_str(),
              at_once, kDocuments * 60 / took.count(), failed.load());
}

}  // namespace

int main(int count, char** arguments) {
  const adapters::HelperRenderer renderer(
      {.path = std::string(C360_SOURCE_DIR) + "/adapters/pdf/client360-render",
       .wait = std::chrono::minutes{10}});
  if (count > 1) {
    paint(renderer, arguments[1]);
    return 0;
  }
  for (const Sample& sample : {kSamples[0], kSamples[1]}) {
    for (const int at_once : {1, 2}) measure(renderer, sample, at_once);
  }
}
