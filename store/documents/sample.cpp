#include "store/documents/content.h"
#include "store/documents/record_fields.h"

namespace c360::store {
namespace {

Json sample_line(const char* no, const char* name, const char* vat) {
  return Json::Object{{"no", no},
                      {"name", name},
                      {"description", "Первый квартал"},
                      {"quantity", "1,5"},
                      {"unit", "ч"},
                      {"price", "1\u00a0000,00"},
                      {"full_price", "1\u00a0250,00"},
                      {"discount", "20%"},
                      {"amount", "1\u00a0500,00"},
                      {"vat_rate", vat},
                      {"vat_amount", "330,00"},
                      {"amount_with_vat", "1\u00a0830,00"}};
}

Json sample_seller() {
  return Json::Object{{"name", "ООО «Образец»"},
                      {"full_name", "Общество с ограниченной ответственностью «Образец»"},
                      {"short_name", "ООО «Образец»"},
                      {"inn", "7707083893"},
                      {"kpp", "773601001"},
                      {"ogrn", "1027700132195"},
                      {"okpo", "93281776"},
                      {"address", "117997, г. Москва, ул. Вавилова, д. 19"},
                      {"post_address", "117997, г. Москва, а/я 1"},
                      {"ceo", "Иванов И. И."},
                      {"ceo_position", "Генеральный директор"},
                      {"accountant", "Петрова П. П."},
                      {"bank", Json::Object{{"name", "ПАО Сбербанк, г. Москва"},
                                            {"bik", "044525225"},
                                            {"account", "40702810938000000001"},
                                            {"correspondent_account", "30101810400000000225"},
                                            {"swift", "SABRRUMM"},
                                            {"iban", ""}}}};
}

Json make_sample() {
  return Json::Object{
      {"document", Json::Object{{"type", "invoice"},
                                {"number", "17"},
                                {"date", "23.11.2026"},
                                {"date_in_words", "23 ноября 2026 г."}}},
      {"seller", sample_seller()},
      {"buyer", Json::Object{{"name", "ООО «Ромашка»"},
                             {"full_name", "Общество с ограниченной ответственностью «Ромашка»"},
                             {"short_name", "ООО «Ромашка»"},
                             {"inn", "7727563778"},
                             {"kpp", "772701001"},
                             {"ogrn", "1057749631994"},
                             {"address", "г. Москва, ул. Ленина, д. 1"},
                             {"post_address", "г. Москва, а/я 2"},
                             {"ceo", "Сидоров С. С."},
                             {"ceo_position", "Директор"}}},
      {"contract", Json::Object{{"number", "14"}, {"date", "01.02.2026"}}},
      {"order", Json::Object{{"number", "5"}, {"name", "Поставка"}, {"date", "20.11.2026"}}},
      {"deal", Json::Object{{"number", "3"}, {"name", "Поставка"}, {"date", "10.11.2026"}}},
      {"counterparty", Json::Object{{"number", "8"}, {"name", "Ромашка"}, {"date", "01.02.2026"}}},
      {"currency", Json::Object{{"code", "RUB"}, {"label", "руб."}}},
      {"vat",
       Json::Object{{"none", true},
                    {"rates", Json::Array{Json::Object{{"rate", "22%"}, {"amount", "660,00"}}}}}},
      {"totals", Json::Object{{"count", "2"},
                              {"amount", "3\u00a0000,00"},
                              {"vat", "660,00"},
                              {"amount_with_vat", "3\u00a0660,00"},
                              {"in_words", "Три тысячи шестьсот шестьдесят рублей 00 копеек"},
                              {"vat_in_words", "Шестьсот шестьдесят рублей 00 копеек"}}},
      {"has_discount", true},
      {"offer", Json::Array{Json::Object{{"text", "Предлагаем вам наши услуги."}}}},
      {"author", Json::Object{{"name", "Кузнецов Павел"},
                              {"job_title", "Менеджер"},
                              {"phone", "+7 495 123-45-67"},
                              {"email", "kuznetsov@company.example"}}},
      {"lines", Json::Array{sample_line("1", "Консультация", "22%"),
                            sample_line("2", "Разработка <прототипа> & отчёт", "22%")}}};
}

}  // namespace

const Json& sample_content() {
  static const Json kSample = make_sample();
  return kSample;
}

Json sample_content(const Resource& resource, const CustomFields& custom) {
  Json sample = sample_content();
  sample.set("record", sample_record(resource, custom));
  return sample;
}

}  // namespace c360::store
