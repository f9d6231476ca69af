// Orders, and the lines of deals and orders (domain.md 8, 9).
#include <string>

#include "store/draft.h"
#include "store/model/resources.h"
#include "store/money.h"

namespace c360::store {
namespace {

void check_order(Draft& draft) {
  if (draft.creating()) {
    for (const std::string_view field :
         {"counterparty_id", "contract_id", "responsible_id", "currency"}) {
      const auto value = draft.related("deal_" + std::string(field));
      if (!draft.is_given(field) && value) draft.adopt(field, value);
    }
  }
  check_currency_of_lines(draft);
  if (draft.changed("status") && draft.get("status") == "completed") {
    const auto due = parse_money(draft.get("balance_due").value_or("0"));
    if (due && due->units > 0) {
      draft.warn({"balance_due", "There is still " + to_string(*due) + " to pay.", std::nullopt});
    }
  }
}

constexpr std::string_view kAroundOrder = R"sql(
SELECT d.counterparty_id AS deal_counterparty_id, d.contract_id AS deal_contract_id,
       d.responsible_id AS deal_responsible_id, d.currency AS deal_currency
FROM (SELECT) one LEFT JOIN crm.deal d ON d.id = $1::bigint
)sql";

Percent percent_of(std::optional<std::string_view> value) {
  return {parse_fixed(value.value_or("0"), 2).value_or(0)};
}

// The computed columns of domain.md 1.4, once what they are made of is there and right.
void compute_line(Draft& draft) {
  const auto price = parse_money(draft.get("price").value_or(""));
  const auto quantity = parse_fixed(draft.get("quantity").value_or(""), 4);
  if (!price || !quantity) return;
  const Percent discount = percent_of(draft.get("discount_percent"));
  if (discount.units < 0 || discount.units > 100'00) {
    draft.wrong("discount_percent", "out_of_range", "A discount is between 0 and 100 percent.");
  }
  if (*quantity <= 0) {
    draft.wrong("quantity", "not_positive", "A quantity is more than zero.");
  }
  if (!draft.problems().empty()) return;
  Line line{*price, discount, {*quantity}, std::nullopt};
  if (draft.has("vat_percent")) line.vat = percent_of(draft.get("vat_percent"));
  const auto amounts = line_amounts(line);
  if (!amounts) {
    draft.wrong("quantity", amounts.error().reason, amounts.error().detail);
    return;
  }
  draft.set("price_with_discount", to_string(amounts->price_with_discount));
  draft.set("amount", to_string(amounts->amount));
  draft.set("discount_amount", to_string(amounts->discount_amount));
  draft.set("vat_amount", to_string(amounts->vat_amount));
  draft.set("amount_with_vat", to_string(amounts->amount_with_vat));
}

void check_line(Draft& draft) {
  if (draft.creating()) {
    const auto parent = draft.related("parent_kind");
    if (parent && parent != "deal" && parent != "order") {
      draft.wrong("parent_id", "parent_not_allowed", "Lines belong to a deal or an order.");
    }
    if (parent) draft.set("parent_kind", std::string(*parent));
    if (draft.has("product_id")) {
      const bool is_priced = draft.is_given("price");
      for (const std::string_view field :
           {"name", "kind", "unit_code", "vat_rate_code", "price", "description"}) {
        const auto value = draft.related("product_" + std::string(field));
        if (!draft.is_given(field) && value) draft.adopt(field, value);
      }
      if (!is_priced && draft.related("product_currency") != draft.related("parent_currency")) {
        draft.wrong("product_id", "currency_differs",
                    "The product is priced in another currency; send a price.");
      }
    } else if (!draft.has("vat_rate_code")) {
      draft.adopt("vat_rate_code", draft.related("rate_code"));
    }
  }
  if (draft.creating() || draft.changed("vat_rate_code")) {
    draft.adopt("vat_percent", draft.related("rate_percent"));
    if (draft.related("rate_is_valid") == "f") {
      draft.warn({"vat_rate_expired", "The VAT rate is not valid today.", std::nullopt});
    }
  }
  compute_line(draft);
}

// The rate that is sent, else the product's, else the default of the day.
constexpr std::string_view kAroundLine = R"sql(
SELECT r.kind AS parent_kind,
       coalesce((SELECT d.currency FROM crm.deal d WHERE d.id = r.id),
                (SELECT o.currency FROM crm.order o WHERE o.id = r.id)) AS parent_currency,
       p.name AS product_name, p.kind AS product_kind, p.unit_code AS product_unit_code,
       p.vat_rate_code AS product_vat_rate_code, p.price AS product_price,
       p.currency AS product_currency, p.description AS product_description,
       v.code AS rate_code, v.percent AS rate_percent,
       daterange(v.valid_from, v.valid_to, '[]') @> $4::date AS rate_is_valid
FROM (SELECT) one
LEFT JOIN crm.record r ON r.id = $1::bigint
LEFT JOIN crm.product p ON p.id = $2::bigint
LEFT JOIN crm.vat_rate v ON v.code = coalesce($3::text, p.vat_rate_code,
    (SELECT d.code FROM crm.vat_rate d
     WHERE d.is_default AND daterange(d.valid_from, d.valid_to, '[]') @> $4::date))
)sql";

}  // namespace

Fields total_fields() {
  return Fields()
      .add(money("total_amount")
               .defaults_to("0")
               .computed()
               .sortable()
               .labels("Сумма итого", "Total"))
      .add(money("total_vat").defaults_to("0").computed().labels("Сумма НДС", "Total VAT"))
      .add(money("total_amount_with_vat")
               .defaults_to("0")
               .computed()
               .sortable()
               .labels("Сумма итого с НДС", "Total with VAT"));
}

Collection item_collection() {
  return {.name = "items",
          .kind = "line_item",
          .doc = "Lines: products and services, in order.",
          .parent_column = "parent_id",
          .order_by = "c.position"};
}

void check_currency_of_lines(Draft& draft) {
  if (draft.creating() || !draft.changed("currency")) return;
  const auto total = parse_money(draft.before("total_amount").value_or("0"));
  if (!total || total->units == 0) return;
  draft.wrong("currency", "currency_in_use",
              "The lines are priced in " + std::string(draft.before("currency").value_or("")) +
                  "; remove them first.");
}

Resource order() {
  return {
      .kind = "order",
      .path = "orders",
      .table = "crm.order",
      .doc = "What a counterparty orders, of a deal or alone.",
      .label = {"Заказ", "Order"},
      .label_plural = {"Заказы", "Orders"},
      .sequence = "crm.order_number",
      .name_field = "number",
      .statuses =
          {
              {.code = "placement", .label = {"Оформление", "Placement"}},
              {.code = "approving", .label = {"Согласование", "Approving"}},
              {.code = "execution", .label = {"Исполнение", "Execution"}},
              {.code = "completed", .label = {"Завершен", "Completed"}, .is_final = true},
              {.code = "canceled", .label = {"Отменен", "Canceled"}, .is_final = true},
          },
      .fields =
          Fields()
              .add(number_field())
              .add(timestamp("order_date")
                       .defaults_to("now")
                       .sortable()
                       .labels("Дата заказа", "Order date"))
              .add(text("status")
                       .defaults_to("placement")
                       .sortable()
                       .evented("status_changed")
                       .labels("Статус", "Status"))
              .add(reference("deal_id", "deal")
                       .of_writers()
                       .filterable()
                       .labels("Сделка", "Deal")
                       .described("What is not sent comes from it: counterparty, contract, "
                                  "responsible person, currency."))
              .add(reference("counterparty_id", "counterparty")
                       .required()
                       .filterable()
                       .labels("Контрагент", "Counterparty"))
              .add(reference("contract_id", "contract").filterable().labels("Договор", "Contract"))
              .add(reference("responsible_id", "user")
                       .sortable()
                       .evented("responsible_changed")
                       .labels("Ответственный", "Responsible"))
              .add(directory("currency", "currency")
                       .defaults_to("RUB")
                       .filterable()
                       .labels("Валюта", "Currency"))
              .add(total_fields())
              .add(money("paid_amount")
                       .defaults_to("0")
                       .computed()
                       .sortable()
                       .labels("Оплачено", "Paid"))
              .add(money("balance_due")
                       .defaults_to("0")
                       .computed()
                       .signed_amount()
                       .sortable()
                       .labels("К оплате", "Due"))
              .add(html("comment").max_length(65'536).labels("Комментарий", "Comment"))
              .list(),
      .access =
          {
              .grants =
                  {{Role::manager, Right::write, {}},
                   {Role::cco, Right::write, {}},
                   {Role::all_crm_managers, Right::read, {}},
                   {Role::creator, Right::read, {}},
                   {Role::viewers, Right::read, {}, {}, {}, "crm.deal v WHERE v.id = %.deal_id"},
                   {Role::crm_administrators, Right::write, {}}},
              .employees_create = true,
          },
      .collections = {item_collection()},
      .default_sort = "-order_date",
      .related = {kAroundOrder, {"deal_id"}},
      .before_write = check_order,
  };
}

Resource line_item() {
  return {
      .kind = "line_item",
      .path = "line-items",
      .table = "crm.line_item",
      .doc = "A product or service in a deal or an order: a copy of the catalogue's.",
      .label = {"Позиция", "Line item"},
      .label_plural = {"Позиции", "Line items"},
      .is_record = false,
      .fields =
          Fields()
              .add(reference("parent_id", "record")
                       .required()
                       .filterable()
                       .writable_by(WriteRule::creation)
                       .labels("Сделка или заказ", "Deal or order"))
              .add(text("parent_kind")
                       .required()
                       .read_only()
                       .untracked()
                       .filterable()
                       .labels("Вид объекта", "Kind of the parent"))
              .add(integer("position")
                       .of_small_type("integer")
                       .generated()
                       .sortable()
                       .labels("Позиция", "Position")
                       .described("From 1; not sent: after the last one."))
              .add(reference("product_id", "product")
                       .writable_by(WriteRule::creation)
                       .filterable()
                       .labels("Продукт", "Product")
                       .described("What is not sent is copied from it; later changes of the "
                                  "catalogue do not touch the line."))
              .add(text("name").required().max_length(500).searchable().sortable().labels(
                  "Наименование", "Name"))
              .add(code("kind", product_kinds()).required().filterable().labels("Тип", "Kind"))
              .add(directory("unit_code", "unit").required().labels("Единица измерения", "Unit"))
              .add(directory("vat_rate_code", "vat_rate")
                       .required()
                       .labels("Ставка НДС", "VAT rate")
                       .described("Not sent: the product's, else the default of the day."))
              .add(decimal("vat_percent", 5, 2).read_only().labels("Ставка НДС, %", "VAT, %"))
              .add(money("price").required().sortable().labels("Цена", "Price"))
              .add(decimal("discount_percent", 5, 2)
                       .defaults_to("0")
                       .labels("Скидка, %", "Discount, %"))
              .add(decimal("quantity", 18, 4).required().labels("Количество", "Quantity"))
              .add(money("price_with_discount")
                       .required()
                       .computed()
                       .labels("Цена за ед. со скидкой", "Price with discount"))
              .add(money("amount").required().computed().sortable().labels("Сумма без НДС",
                                                                           "Amount without VAT"))
              .add(
                  money("discount_amount").required().computed().labels("Сумма скидки", "Discount"))
              .add(money("vat_amount").required().computed().labels("Сумма НДС", "VAT"))
              .add(money("amount_with_vat")
                       .required()
                       .computed()
                       .sortable()
                       .labels("Сумма с НДС", "Amount with VAT"))
              .add(text("description").max_length(65'536).labels("Описание", "Description"))
              .add(version_fields())
              .list(),
      .access = {.grants = {{Role::crm_administrators, Right::write, {}}},
                 .inherits_from = "parent_id",
                 .employees_create = true},
      .operations = {Operation::list, Operation::get, Operation::create, Operation::update,
                     Operation::remove, Operation::history},
      .default_sort = "position",
      .soft_delete = false,
      .related = {kAroundLine, {"parent_id", "product_id", "vat_rate_code", "today"}},
      .before_write = check_line,
  };
}

}  // namespace c360::store
