// What the law asks of an organisation, ours or a customer's (domain.md 5.3, 5.5), and the accounts
// it is paid to (5.4).
#include <string>

#include "store/draft.h"
#include "store/model/resources.h"

namespace c360::store {
namespace {

std::string_view text_or_empty(std::optional<std::string_view> value) {
  return value ? *value : std::string_view{};
}

Fields requisite_fields() {
  return Fields()
      .add(text("full_name")
               .required()
               .max_length(1000)
               .searchable()
               .sortable()
               .labels("Полное наименование", "Full name"))
      .add(text("short_name")
               .max_length(500)
               .searchable()
               .labels("Краткое название организации", "Short name"))
      .add(directory("legal_form_code", "legal_form")
               .filterable()
               .labels("Организационно-правовая форма", "Legal form"))
      .add(text("inn").checked(check_inn).required_on_creation().searchable().labels(
          "ИНН", "Taxpayer number (INN)"))
      .add(text("kpp").checked(check_kpp).filterable().labels("КПП", "KPP"))
      .add(text("ogrn").checked(check_ogrn).filterable().labels("ОГРН / ОГРНИП", "OGRN"))
      .add(text("okpo").checked(check_okpo).filterable().labels("ОКПО", "OKPO"))
      .add(text("juridical_address").max_length(1000).labels("Юридический адрес", "Legal address"))
      .add(text("post_address").max_length(1000).labels("Почтовый адрес", "Postal address"))
      .add(text("ceo_name").max_length(300).labels("Генеральный директор", "CEO"))
      .add(text("ceo_name_genitive")
               .max_length(300)
               .labels("ФИО в родительном падеже", "CEO name, genitive"))
      .add(text("chief_accountant_name")
               .max_length(300)
               .labels("Главный бухгалтер", "Chief accountant"))
      .add(text("invoice_name")
               .max_length(500)
               .labels("Наименование в счетах", "Name on invoices")
               .described("Printed where it differs from the full name."))
      .add(boolean("is_active").defaults_to("t").filterable().labels("Действует", "Active"))
      .add(text_array("unverified_fields")
               .read_only()
               .untracked()
               .labels("Непроверенные поля", "Unverified fields")
               .described("Stored by a lenient import though their check digits are wrong."));
}

void check_accounts(Draft& draft) {
  if (const auto kind = draft.related("owner_kind")) {
    if (kind != "legal_entity" && kind != "own_organisation") {
      draft.wrong("owner_record_id", "owner_not_allowed",
                  "Bank details belong to a legal entity or to an organisation of ours.");
    }
    draft.set("owner_kind", std::string(*kind));
  }
  if (draft.context().lenient) return;
  // An account abroad has its own form; ours fits its BIK.
  const bool abroad = draft.has("swift") || draft.has("iban");
  const std::string_view bik = text_or_empty(draft.get("bik"));
  const auto complain = [&](std::string_view field, const IdentifierCheck& fault) {
    if (fault) draft.wrong(field, fault->code, std::string(fault->detail));
  };
  if (draft.has("account_number") && !abroad) {
    complain("account_number", check_settlement_account(*draft.get("account_number"), bik));
  }
  if (draft.has("correspondent_account")) {
    complain("correspondent_account",
             check_correspondent_account(*draft.get("correspondent_account"), bik));
  }
}

constexpr std::string_view kOwner = R"sql(
SELECT (SELECT r.kind FROM crm.record r WHERE r.id = $1::bigint) AS owner_kind
)sql";

}  // namespace

void check_requisites(Draft& draft) {
  const bool touched =
      draft.is_set("inn") || draft.is_set("kpp") || draft.is_set("ogrn") || draft.creating();
  if (!touched || draft.context().lenient) return;
  for (const ConsistencyFault& fault :
       check_consistency(text_or_empty(draft.get("inn")), text_or_empty(draft.get("ogrn")),
                         text_or_empty(draft.get("kpp")))) {
    draft.wrong(fault.field, fault.fault.code, std::string(fault.fault.detail));
  }
}

Resource own_organisation() {
  return {
      .kind = "own_organisation",
      .path = "own-organisations",
      .table = "crm.own_organisation",
      .doc = "One of our organisations: issuer of contracts, invoices, acts and proposals.",
      .label = {"Наша организация", "Our organisation"},
      .label_plural = {"Наши организации", "Our organisations"},
      .name_field = "full_name",
      .fields = requisite_fields()
                    .add(text("ceo_position")
                             .max_length(300)
                             .labels("Должность руководителя", "CEO position")
                             .described("Printed where the CEO signs; without it «Руководитель», "
                                        "of an entrepreneur «Индивидуальный предприниматель»."))
                    .add(reference("ceo_user_id", "user")
                             .labels("Руководитель (пользователь)", "CEO (user)"))
                    .add(reference("accountant_user_id", "user")
                             .labels("Главный бухгалтер (пользователь)", "Chief accountant (user)"))
                    .add(directory("vat_default_code", "vat_rate")
                             .labels("Ставка НДС по умолчанию", "Default VAT rate"))
                    .add(text("invoice_prefix")
                             .max_length(20)
                             .labels("Префикс номеров счетов", "Invoice prefix"))
                    .add(reference("logo_document_id", "document").labels("Логотип", "Logo"))
                    .add(email("email_from").labels("Отправитель писем", "Sender of mails"))
                    .add(boolean("is_default")
                             .sole()
                             .filterable()
                             .labels("По умолчанию", "Default")
                             .described("Set to true it takes the mark from the former default."))
                    .list(),
      // A directory of the installation (domain.md 3.5): everybody needs it, administrators edit
      // it.
      .access = {.grants = {{Role::everyone, Right::read, {}},
                            {Role::crm_administrators, Right::write, {}}}},
      .default_sort = "full_name",
      .before_write = check_requisites,
  };
}

Resource legal_entity() {
  return {
      .kind = "legal_entity",
      .path = "legal-entities",
      .table = "crm.legal_entity",
      .doc = "A legal entity through which a counterparty signs and pays.",
      .label = {"Юридическое лицо контрагента", "Legal entity"},
      .label_plural = {"Юридические лица контрагентов", "Legal entities"},
      .name_field = "full_name",
      .fields =
          Fields()
              .add(reference("counterparty_id", "counterparty")
                       .required()
                       .filterable()
                       .labels("Контрагент", "Counterparty"))
              .add(boolean("is_primary")
                       .sole({"counterparty_id"})
                       .filterable()
                       .labels("Основное", "Primary")
                       .described("Set to true it takes the mark from the former primary one."))
              .add(requisite_fields())
              .add(reference("billed_by_organisation_id", "own_organisation")
                       .required_on_creation()
                       .filterable()
                       .labels("Организация, от имени которой выставляются счета",
                               "Billing organisation"))
              .list(),
      .access = satellite_access("counterparty_id"),
      .default_sort = "full_name",
      .before_write = check_requisites,
  };
}

Resource bank_account() {
  return {
      .kind = "bank_account",
      .path = "bank-accounts",
      .table = "crm.bank_account",
      .doc = "Bank details of a legal entity, or of an organisation of ours.",
      .label = {"Банковские реквизиты", "Bank details"},
      .label_plural = {"Банковские реквизиты", "Bank details"},
      .is_record = false,
      .name_field = "account_number",
      .fields =
          Fields()
              .add(reference("owner_record_id", "record")
                       .required()
                       .filterable()
                       .writable_by(WriteRule::creation)
                       .labels("Владелец", "Owner"))
              .add(text("owner_kind")
                       .required()
                       .read_only()
                       .filterable()
                       .labels("Вид владельца", "Kind of the owner"))
              .add(text("account_number")
                       .required()
                       .max_length(34)
                       .filterable()
                       .labels("Расчётный счёт", "Account"))
              .add(text("bank_name").required().max_length(300).sortable().labels("Банк", "Bank"))
              .add(text("bik").required().checked(check_bik).filterable().labels("БИК", "BIK"))
              .add(text("correspondent_account")
                       .max_length(20)
                       .labels("Корр. счёт", "Correspondent account"))
              .add(directory("currency", "currency")
                       .defaults_to("RUB")
                       .filterable()
                       .labels("Валюта", "Currency"))
              .add(boolean("is_default")
                       .sole({"owner_record_id", "currency"})
                       .filterable()
                       .labels("По умолчанию", "Default")
                       .described("One per owner and currency; set to true it takes the mark."))
              .add(text("swift").max_length(11).labels("SWIFT", "SWIFT"))
              .add(text("iban").max_length(34).labels("IBAN", "IBAN"))
              .add(text("comment").max_length(1000).labels("Комментарий", "Comment"))
              .add(timestamp("created_at")
                       .defaults_to("now")
                       .read_only()
                       .labels("Дата создания", "Created"))
              .add(version_fields())
              .list(),
      .access = {.grants = {{Role::crm_administrators, Right::write, {}}},
                 .inherits_from = "owner_record_id",
                 .employees_create = true},
      .operations = {Operation::list, Operation::get, Operation::create, Operation::update,
                     Operation::remove, Operation::history},
      .soft_delete = false,
      .related = {kOwner, {"owner_record_id"}},
      .before_write = check_accounts,
  };
}

}  // namespace c360::store
