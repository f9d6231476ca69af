// What a template may use, for whoever writes one.
#include <array>
#include <string_view>

#include "store/documents/content.h"
#include "store/documents/record_fields.h"

namespace c360::store {
namespace {

constexpr Sql kCustom{"template_fields_custom", R"sql(
SELECT DISTINCT ON (code) code, name_ru, name_en, type FROM crm.custom_field_def
 WHERE record_kind = $1 AND is_active ORDER BY code, id)sql"};

// Of what every document has.
struct Group {
  std::string_view name;
  Label label;
};
constexpr std::array<Group, 14> kGroups = {{
    {"document", {"Документ", "Document"}},
    {"seller", {"Наша организация", "Our organisation"}},
    {"buyer", {"Контрагент", "Counterparty"}},
    {"contract", {"Договор", "Contract"}},
    {"order", {"Заказ", "Order"}},
    {"deal", {"Сделка", "Deal"}},
    {"counterparty", {"Клиент", "Customer"}},
    {"currency", {"Валюта", "Currency"}},
    {"lines", {"Строки", "Lines"}},
    {"vat", {"НДС", "VAT"}},
    {"totals", {"Итоги", "Totals"}},
    {"has_discount", {"Есть скидка", "There is a discount"}},
    {"offer", {"Текст предложения", "Text of the proposal"}},
    {"author", {"Автор", "Author"}},
}};

// In the words of custom fields.
std::string_view type_of(FieldType type) {
  switch (type) {
    case FieldType::boolean:
      return "bool";
    case FieldType::money:
      return "money";
    case FieldType::integer:
    case FieldType::decimal:
      return "number";
    case FieldType::date:
      return "date";
    case FieldType::timestamp:
      return "datetime";
    default:
      return "text";
  }
}

class TemplateFields {
 public:
  void add(std::string name, Label label, std::string_view type) {
    Json row{Json::Object{}};
    row.set("name", std::move(name));
    row.set("label_ru", label.ru.empty() ? Json() : Json(std::string(label.ru)));
    row.set("label_en", label.en.empty() ? Json() : Json(std::string(label.en)));
    row.set("type", std::string(type));
    rows_.push_back(std::move(row));
  }
  // A group and what is in it, as it stands in the sample.
  void add_group(const std::string& name, Label label, const Json& sample) {
    const Json* inside = &sample;
    std::string_view type = "text";
    if (sample.is_array()) {
      type = "list";
      inside = &sample.as_array().front();
    } else if (sample.is_object()) {
      type = "group";
    } else if (sample.is_bool()) {
      type = "bool";
    }
    add(name, label, type);
    if (!inside->is_object()) return;
    for (const auto& [member, value] : inside->as_object())
      add_group(name + "." + member, {}, value);
  }
  std::string json() && {
    Json list{Json::Object{}};
    list.set("items", Json(std::move(rows_)));
    return list.dump();
  }

 private:
  Json::Array rows_;
};

}  // namespace

Result<std::string> template_fields_json(Transaction& tx, const Resource& resource) {
  auto custom = tx.query(kCustom, std::move(Params{}.add(resource.kind)));
  if (!custom) return std::unexpected(custom.error());
  TemplateFields fields;
  for (const auto& [name, label] : kGroups) {
    if (const Json* sample = sample_content().find(name))
      fields.add_group(std::string(name), label, *sample);
  }
  const Json record = sample_record(resource, CustomFields{});
  for (const Field& field : resource.fields) {
    if (record.find(field.name) != nullptr)
      fields.add("record." + std::string(field.name), field.label, type_of(field.type));
  }
  const Rows& rows = **custom;
  for (int row = 0; row < rows.size(); ++row)
    fields.add("record.custom." + std::string(rows.text(row, 0)),
               {rows.text(row, 1), rows.text(row, 2)}, rows.text(row, 3));
  return std::move(fields).json();
}

}  // namespace c360::store
