#include <string>

#include "store/draft.h"
#include "store/model/resources.h"
#include "store/money.h"

namespace c360::store {
namespace {

bool is_waiting(std::optional<std::string_view> status) {
  return status == "planned" || status == "confirmed" || status == "expired";
}

// What is not sent comes from the order, else from the deal.
void take_over(Draft& draft) {
  const auto fill = [&](std::string_view field) {
    const auto value = draft.related("source_" + std::string(field));
    if (!draft.is_given(field) && value) draft.adopt(field, value);
  };
  if (draft.has("order_id") && (draft.creating() || draft.changed("order_id"))) fill("deal_id");
  if (!draft.creating()) return;
  for (const std::string_view field : {"counterparty_id", "currency", "responsible_id"}) {
    fill(field);
  }
  // As much as is still due.
  const auto due = parse_money(draft.related("balance_due").value_or("0"));
  if (!draft.has("amount") && due && due->units > 0) draft.set("amount", to_string(*due));
}

// The guards of domain.md 10.
void check_status(Draft& draft) {
  const auto status = draft.get("status");
  if (is_waiting(status) && !draft.has("planned_payment_date")) {
    draft.wrong("planned_payment_date", "planned_payment_date_required",
                "A planned payment needs its date.");
  }
  if (status == "paid" && !draft.has("fact_payment_date")) {
    draft.wrong("fact_payment_date", "fact_payment_date_required",
                "A paid payment needs the day it was paid.");
  }
  if (status == "canceled" && !draft.has("comment")) {
    draft.wrong("comment", "comment_required", "Say why the payment is canceled.");
  }
  if (status == "expired" && draft.changed("status") && draft.has("planned_payment_date") &&
      *draft.get("planned_payment_date") >= draft.context().today) {
    draft.wrong("status", "not_overdue", "The planned day has not passed.");
  }
}

void check_amounts(Draft& draft) {
  const auto amount = parse_money(draft.get("amount").value_or(""));
  if (!amount) return;
  if (amount->units <= 0) {
    draft.wrong("amount", "not_positive", "A payment is more than zero.");
    return;
  }
  const auto status = draft.get("status");
  if (status == "paid") draft.set("paid_amount", to_string(*amount));
  const auto paid = parse_money(draft.get("paid_amount").value_or("0"));
  if (!paid) return;
  if (*paid > *amount) {
    draft.wrong("paid_amount", "out_of_range", "No more is paid than the amount.");
  } else if (status == "partial_paid" && (paid->units <= 0 || *paid == *amount)) {
    draft.wrong("paid_amount", "out_of_range",
                "Partially paid is more than nothing and less than the amount.");
  }
}

void check_payment(Draft& draft) {
  take_over(draft);
  const auto status = draft.get("status");
  // A new day for an overdue payment plans it anew.
  if (draft.before("status") == "expired" && !draft.changed("status") &&
      draft.changed("planned_payment_date") && draft.has("planned_payment_date") &&
      *draft.get("planned_payment_date") >= draft.context().today) {
    draft.set("status", "planned");
  }
  if (draft.before("status") == "paid" && status != "paid" && status != "canceled") {
    if (!draft.is_given("fact_payment_date")) draft.set("fact_payment_date", std::nullopt);
    if (!draft.is_given("paid_amount")) draft.set("paid_amount", "0.00");
  }
  check_status(draft);
  check_amounts(draft);
  if (draft.changed("fact_payment_date") && draft.has("fact_payment_date") &&
      *draft.get("fact_payment_date") > draft.context().today) {
    draft.wrong("fact_payment_date", "in_the_future", "The day it was paid is not in the future.");
  }
}

constexpr std::string_view kAroundPayment = R"sql(
SELECT coalesce(o.deal_id, d.id) AS source_deal_id,
       coalesce(o.counterparty_id, d.counterparty_id) AS source_counterparty_id,
       coalesce(o.currency, d.currency) AS source_currency,
       coalesce(o.responsible_id, d.responsible_id) AS source_responsible_id,
       o.balance_due
FROM (SELECT) one
LEFT JOIN crm.order o ON o.id = $1::bigint
LEFT JOIN crm.deal d ON d.id = coalesce(o.deal_id, $2::bigint)
)sql";

const std::vector<std::string_view> kOpen = {"draft", "planned", "confirmed", "expired",
                                             "partial_paid"};

}  // namespace

Resource payment() {
  return {
      .kind = "payment",
      .path = "payments",
      .table = "crm.payment",
      .doc = "Money a counterparty is to pay, or has paid.",
      .label = {"Платеж", "Payment"},
      .label_plural = {"Платежи", "Payments"},
      .sequence = "crm.payment_number",
      .name_field = "number",
      .statuses =
          {
              {.code = "draft", .label = {"Черновик", "Draft"}},
              {.code = "planned", .label = {"Запланирован", "Planned"}},
              {.code = "confirmed", .label = {"Подтвержден", "Confirmed"}, .on_board = false},
              {.code = "expired", .label = {"Просрочен", "Overdue"}, .on_board = false},
              {.code = "partial_paid",
               .label = {"Частично оплачен", "Partially paid"},
               .alias = "partialPayed"},
              {.code = "paid", .label = {"Оплачен", "Paid"}, .is_final = true},
              {.code = "canceled", .label = {"Отменен", "Canceled"}, .is_final = true},
          },
      .fields =
          Fields()
              .add(number_field())
              .add(text("status")
                       .defaults_to("draft")
                       .sortable()
                       .evented("status_changed")
                       .labels("Статус", "Status"))
              .add(money("amount")
                       .required()
                       .sortable()
                       .labels("Сумма", "Amount")
                       .described("Not sent: what is still due of the order."))
              .add(directory("currency", "currency")
                       .defaults_to("RUB")
                       .filterable()
                       .labels("Валюта", "Currency"))
              .add(reference("counterparty_id", "counterparty")
                       .required()
                       .filterable()
                       .labels("Контрагент", "Counterparty"))
              .add(reference("deal_id", "deal").of_writers().filterable().labels("Сделка", "Deal"))
              .add(reference("order_id", "order")
                       .of_writers()
                       .filterable()
                       .labels("Заказ", "Order")
                       .described("Its deal is the payment's."))
              .add(reference("responsible_id", "user")
                       .required()
                       .sortable()
                       .evented("responsible_changed")
                       .labels("Ответственный", "Responsible"))
              .add(date("planned_payment_date")
                       .sortable()
                       .labels("Планируемая дата платежа", "Planned payment date"))
              .add(date("fact_payment_date")
                       .sortable()
                       .labels("Фактическая дата платежа", "Actual payment date"))
              .add(money("paid_amount")
                       .defaults_to("0")
                       .sortable()
                       .labels("Оплачено", "Paid amount"))
              .add(reference("invoice_document_id", "document").labels("Счет", "Invoice"))
              .add(reference("personal_account_id", "personal_account")
                       .filterable()
                       .labels("Лицевой счёт", "Personal account"))
              .add(html("comment").max_length(65'536).labels("Комментарий", "Comment"))
              .list(),
      // The matrix of domain.md 3.4: the roles on the payment, and those on its order and deal.
      .access =
          {
              .grants =
                  {{Role::creator, Right::write, {}},
                   {Role::named, Right::write, kOpen, "responsible_id"},
                   {Role::named, Right::read, {}, "responsible_id"},
                   {Role::manager,
                    Right::write,
                    kOpen,
                    {},
                    {},
                    "crm.order v WHERE v.id = %.order_id"},
                   {Role::manager, Right::read, {}, {}, {}, "crm.order v WHERE v.id = %.order_id"},
                   {Role::manager,
                    Right::write,
                    kOpen,
                    {},
                    {},
                    "crm.deal v WHERE v.id = %.deal_id"},
                   {Role::manager, Right::read, {}, {}, {}, "crm.deal v WHERE v.id = %.deal_id"},
                   {Role::viewers, Right::read, {}, {}, {}, "crm.deal v WHERE v.id = %.deal_id"},
                   {Role::all_crm_managers, Right::read, {}},
                   {Role::cco, Right::write, {}},
                   {Role::crm_administrators, Right::write, {}}},
              .employees_create = true,
          },
      .default_sort = "-id",
      .related = {kAroundPayment, {"order_id", "deal_id"}},
      .before_write = check_payment,
  };
}

}  // namespace c360::store
