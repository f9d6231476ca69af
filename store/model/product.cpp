#include "store/model/resources.h"

namespace c360::store {

std::vector<Choice> product_kinds() {
  return {{"product", {"Продукт", "Product"}}, {"service", {"Услуга", "Service"}}};
}

Resource product() {
  return {
      .kind = "product",
      .path = "products",
      .table = "crm.product",
      .doc = "Something we sell; lines of deals and orders copy it.",
      .label = {"Продукт или услуга", "Product or service"},
      .label_plural = {"Продукты и услуги", "Products and services"},
      .fields =
          Fields()
              .add(text("name").required().max_length(500).searchable().sortable().labels(
                  "Наименование", "Name"))
              .add(code("kind", product_kinds()).required().filterable().labels("Тип", "Kind"))
              .add(text("sku").max_length(100).unique().searchable().labels("Артикул", "SKU"))
              .add(directory("unit_code", "unit")
                       .required()
                       .filterable()
                       .labels("Единица измерения", "Unit"))
              .add(money("price").required().sortable().labels("Цена без НДС", "Price without VAT"))
              .add(directory("currency", "currency")
                       .defaults_to("RUB")
                       .filterable()
                       .labels("Валюта", "Currency"))
              .add(directory("vat_rate_code", "vat_rate")
                       .required()
                       .filterable()
                       .labels("Ставка НДС, %", "VAT rate"))
              .add(text("description").max_length(65'536).labels("Описание", "Description"))
              .add(boolean("is_active").defaults_to("t").filterable().labels("Действует", "Active"))
              .list(),
      // The catalogue is everybody's to choose from and to add to.
      .access = {.grants = {{Role::everyone, Right::read, {}},
                            {Role::creator, Right::write, {}},
                            {Role::cco, Right::write, {}},
                            {Role::crm_administrators, Right::write, {}}},
                 .employees_create = true},
      .default_sort = "name",
      .natural_keys = {"sku"},
  };
}

}  // namespace c360::store
