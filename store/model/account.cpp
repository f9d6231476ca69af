// What a customer has with us: personal accounts and what is sold on them, invoices by type, logins
// of his people (domain.md 5.6-5.8).
#include <string>

#include "store/draft.h"
#include "store/model/resources.h"

namespace c360::store {
namespace {

void check_account(Draft& draft) {
  if (!draft.creating() && !draft.changed("status")) return;
  const bool closed = draft.get("status") == "closed";
  if (closed && !draft.has("closed_on")) draft.set("closed_on", draft.context().today);
  if (!closed && draft.has("closed_on")) draft.set("closed_on", std::nullopt);
}

void check_account_product(Draft& draft) {
  if (draft.has("valid_to") && draft.has("valid_from") &&
      *draft.get("valid_to") < *draft.get("valid_from")) {
    draft.wrong("valid_to", "before_valid_from", "It ends before it begins.");
  }
}

void check_counterparty_user(Draft& draft) {
  if (draft.related("contact_fits") == "f") {
    draft.wrong("contact_id", "contact_of_other_counterparty",
                "The contact belongs to another counterparty.");
  }
  if (draft.related("accounts_fit") == "f") {
    draft.wrong("personal_account_ids", "account_of_other_counterparty",
                "An account named here is not the counterparty's.");
  }
}

constexpr std::string_view kAroundUser = R"sql(
SELECT (SELECT c.counterparty_id IS NOT DISTINCT FROM $1::bigint FROM crm.contact c
        WHERE c.id = $2::bigint) AS contact_fits,
       NOT EXISTS (SELECT FROM unnest($3::bigint[]) AS n(id)
                   WHERE NOT EXISTS (SELECT FROM crm.personal_account a
                                     WHERE a.id = n.id AND a.counterparty_id = $1::bigint
                                       AND a.deleted_at IS NULL)) AS accounts_fit
)sql";

std::vector<Operation> without_restore() {
  return {Operation::list,   Operation::get,    Operation::create,
          Operation::update, Operation::remove, Operation::history};
}

Access of_owner(std::string_view field) {
  return {.grants = {{Role::crm_administrators, Right::write, {}}},
          .inherits_from = field,
          .employees_create = true};
}

}  // namespace

Resource personal_account() {
  return {
      .kind = "personal_account",
      .path = "personal-accounts",
      .table = "crm.personal_account",
      .doc = "An account of a counterparty: what it owes and what it may use.",
      .label = {"Лицевой счёт", "Personal account"},
      .label_plural = {"Лицевые счета", "Personal accounts"},
      .name_field = "account_no",
      .fields =
          Fields()
              .add(reference("counterparty_id", "counterparty")
                       .required()
                       .filterable()
                       .writable_by(WriteRule::creation)
                       .labels("Контрагент", "Counterparty"))
              .add(text("account_no")
                       .generated()
                       .max_length(100)
                       .unique()
                       .searchable()
                       .sortable()
                       .labels("Номер лицевого счёта", "Account number")
                       .described("Not sent: number of the counterparty, a dash, a number."))
              .add(text("name").max_length(300).searchable().labels("Название", "Name"))
              .add(reference("legal_entity_id", "legal_entity")
                       .filterable()
                       .labels("Плательщик", "Payer"))
              .add(reference("contract_id", "contract").filterable().labels("Договор", "Contract"))
              .add(directory("currency", "currency")
                       .defaults_to("RUB")
                       .filterable()
                       .labels("Валюта", "Currency"))
              .add(money("balance")
                       .defaults_to("0")
                       .signed_amount()
                       .sortable()
                       .labels("Баланс", "Balance")
                       .described("Set by the billing system."))
              .add(money("credit_limit")
                       .defaults_to("0")
                       .sortable()
                       .labels("Кредитный лимит", "Credit limit"))
              .add(code("status", {{"active", {"Действует", "Active"}},
                                   {"blocked", {"Заблокирован", "Blocked"}},
                                   {"closed", {"Закрыт", "Closed"}}})
                       .defaults_to("active")
                       .filterable()
                       .evented("status_changed")
                       .labels("Статус", "Status"))
              .add(date("opened_on").defaults_to("today").sortable().labels("Открыт", "Opened"))
              .add(date("closed_on")
                       .sortable()
                       .labels("Закрыт", "Closed")
                       .described("Not sent with status closed: today."))
              .list(),
      .access = satellite_access("counterparty_id"),
      .collections = {{.name = "products",
                       .kind = "personal_account_product",
                       .doc = "What is sold on it.",
                       .parent_column = "personal_account_id",
                       .order_by = "c.product_id, c.valid_from"}},
      .default_sort = "account_no",
      .natural_keys = {"account_no"},
      .before_write = check_account,
  };
}

Resource personal_account_product() {
  return {
      .kind = "personal_account_product",
      .path = "personal-account-products",
      .table = "crm.personal_account_product",
      .doc = "A product or service available on a personal account for a period.",
      .label = {"Продукт лицевого счёта", "Product of an account"},
      .label_plural = {"Продукты лицевых счетов", "Products of accounts"},
      .is_record = false,
      .name_field = "",
      .fields =
          Fields()
              .add(reference("personal_account_id", "personal_account")
                       .required()
                       .filterable()
                       .writable_by(WriteRule::creation)
                       .labels("Лицевой счёт", "Personal account"))
              .add(reference("product_id", "product")
                       .required()
                       .filterable()
                       .writable_by(WriteRule::creation)
                       .labels("Продукт", "Product"))
              .add(boolean("is_enabled").defaults_to("t").filterable().labels("Включён", "Enabled"))
              .add(money("price").labels("Цена", "Price").described("Null: the catalogue's."))
              .add(decimal("discount_percent", 5, 2)
                       .defaults_to("0")
                       .labels("Скидка, %", "Discount, %"))
              .add(directory("vat_rate_code", "vat_rate").labels("Ставка НДС", "VAT rate"))
              .add(decimal("quantity", 18, 4).defaults_to("1").labels("Количество", "Quantity"))
              .add(date("valid_from")
                       .defaults_to("today")
                       .sortable()
                       .labels("Действует с", "Valid from"))
              .add(date("valid_to").sortable().labels("Действует по", "Valid to"))
              .add(json("settings").defaults_to("{}").labels("Настройки", "Settings"))
              .add(version_fields())
              .list(),
      .access = of_owner("personal_account_id"),
      .operations = without_restore(),
      .soft_delete = false,
      .before_write = check_account_product,
  };
}

Resource counterparty_invoice_type() {
  return {
      .kind = "counterparty_invoice_type",
      .path = "counterparty-invoice-types",
      .table = "crm.counterparty_invoice_type",
      .doc = "A type of invoice a counterparty gets, and its title there.",
      .label = {"Тип счёта контрагента", "Invoice type of a counterparty"},
      .label_plural = {"Типы счетов контрагентов", "Invoice types of counterparties"},
      .is_record = false,
      .name_field = "invoice_name",
      .fields =
          Fields()
              .add(reference("counterparty_id", "counterparty")
                       .required()
                       .filterable()
                       .writable_by(WriteRule::creation)
                       .labels("Контрагент", "Counterparty"))
              .add(directory("invoice_type_code", "invoice_type")
                       .required()
                       .filterable()
                       .writable_by(WriteRule::creation)
                       .labels("Тип счёта", "Invoice type"))
              .add(text("invoice_name")
                       .required()
                       .max_length(500)
                       .labels("Наименование счета", "Invoice name"))
              .add(reference("product_id", "product")
                       .filterable()
                       .labels("Продукт", "Product")
                       .described("Null: any product of the counterparty's accounts."))
              .add(boolean("self_service")
                       .defaults_to("t")
                       .filterable()
                       .labels("Самообслуживание", "Self-service")
                       .described("The customer may issue it to himself."))
              .add(boolean("is_active").defaults_to("t").filterable().labels("Действует", "Active"))
              .add(timestamp("created_at")
                       .defaults_to("now")
                       .read_only()
                       .labels("Дата создания", "Created"))
              .add(reference("created_by", "user").read_only().labels("Создатель", "Creator"))
              .add(version_fields())
              .list(),
      .access = of_owner("counterparty_id"),
      .operations = without_restore(),
      .soft_delete = false,
  };
}

Resource counterparty_user() {
  return {
      .kind = "counterparty_user",
      .path = "counterparty-users",
      .table = "crm.counterparty_user",
      .doc = "A login of a counterparty's employee; the portal authenticates, this says to what.",
      .label = {"Учётная запись сотрудника контрагента", "Employee account"},
      .label_plural = {"Учётные записи сотрудников контрагентов", "Employee accounts"},
      .is_record = false,
      .name_field = "full_name",
      .fields =
          Fields()
              .add(reference("counterparty_id", "counterparty")
                       .required()
                       .filterable()
                       .writable_by(WriteRule::creation)
                       .labels("Контрагент", "Counterparty"))
              .add(reference("contact_id", "contact").filterable().labels("Контакт", "Contact"))
              .add(citext("login")
                       .required()
                       .max_length(200)
                       .unique()
                       .searchable()
                       .sortable()
                       .labels("Логин", "Login"))
              .add(email("email").required().searchable().labels("Эл. почта", "E-mail"))
              .add(text("full_name")
                       .required()
                       .max_length(300)
                       .searchable()
                       .sortable()
                       .labels("ФИО", "Full name"))
              .add(code("role", {{"admin", {"Администратор", "Administrator"}},
                                 {"member", {"Сотрудник", "Member"}},
                                 {"accountant", {"Бухгалтер", "Accountant"}},
                                 {"viewer", {"Наблюдатель", "Viewer"}}})
                       .defaults_to("member")
                       .filterable()
                       .labels("Роль", "Role"))
              .add(code("status", {{"invited", {"Приглашён", "Invited"}},
                                   {"active", {"Активен", "Active"}},
                                   {"blocked", {"Заблокирован", "Blocked"}}})
                       .defaults_to("invited")
                       .filterable()
                       .evented("status_changed")
                       .labels("Статус", "Status")
                       .described("Blocked when its contact is deleted."))
              .add(integer_array("personal_account_ids")
                       .labels("Лицевые счета", "Personal accounts")
                       .described("Empty: all of the counterparty's."))
              .add(json("permissions").defaults_to("{}").labels("Разрешения", "Permissions"))
              .add(timestamp("last_login_at")
                       .sortable()
                       .untracked()
                       .labels("Последний вход", "Last login"))
              .add(text("external_subject")
                       .max_length(300)
                       .filterable()
                       .labels("Внешний идентификатор", "External subject"))
              .add(reference("user_id", "user")
                       .read_only()
                       .untracked()
                       .labels("Пользователь портала", "Portal user")
                       .described("Whom the login acts as; made with its first token."))
              .add(timestamp("created_at")
                       .defaults_to("now")
                       .read_only()
                       .labels("Дата создания", "Created"))
              .add(version_fields())
              .list(),
      .access = of_owner("counterparty_id"),
      .operations = without_restore(),
      .default_sort = "login",
      .soft_delete = false,
      .related = {kAroundUser, {"counterparty_id", "contact_id", "personal_account_ids"}},
      .before_write = check_counterparty_user,
  };
}

}  // namespace c360::store
