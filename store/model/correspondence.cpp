// Letters that came and letters that go (domain.md 15.2).
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "store/draft.h"
#include "store/model/resources.h"

namespace c360::store {
namespace {

void check_incoming(Draft& draft) {
  const auto status = draft.get("status");
  if (status == "on_resolution" && !draft.has("resolver_id")) {
    draft.wrong("resolver_id", "resolver_required", "Somebody has to decide on it.");
  }
  if (status == "on_execution" && draft.get("performer_ids").value_or("{}") == "{}") {
    draft.wrong("performer_ids", "performers_required", "Somebody has to do it.");
  }
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kLeaves = {{
    {"draft", "approval"},
    {"approval", "signing"},
    {"approval", "rework"},
    {"approval", "annulled"},
    {"signing", "registration"},
    {"signing", "rework"},
    {"signing", "annulled"},
    {"rework", "annulled"},
    {"registration", "sending"},
}};

void check_outgoing(Draft& draft) {
  if (draft.creating() && draft.get("status") != "draft" && !draft.may_administer()) {
    draft.wrong("status", "status_not_allowed", "A new letter is a draft.");
  }
  if (draft.creating() || !draft.changed("status")) return;
  const std::string from(draft.before("status").value_or(""));
  const std::string_view to = draft.get("status").value_or("");
  const bool follows = (from == "rework" && to == draft.before("returns_to")) ||
                       (from == "sending" && to == "active") ||
                       std::ranges::any_of(kLeaves, [&](const auto& step) {
                         return step.first == from && step.second == to;
                       });
  if (!follows && !draft.may_administer()) {
    draft.wrong("status", "status_not_allowed",
                "A letter does not go from " + from + " to " + std::string(to) + ".");
    return;
  }
  draft.set("returns_to", to == "rework" ? std::optional(from) : std::nullopt);
  if (to == "registration" && !draft.has("registered_on")) {
    draft.set("registered_on", draft.context().today);
  }
  if (to == "active" && !draft.has("sent_at")) draft.set_now("sent_at");
}

// The groups of the CRM and the clerks.
Access letter_access() {
  return {.grants = {{Role::all_crm_managers, Right::write, {}},
                     {Role::cco, Right::write, {}},
                     {Role::member, Right::write, {}, {}, {"contracts-clerks"}},
                     {Role::creator, Right::read, {}},
                     {Role::crm_administrators, Right::write, {}}}};
}

Field sheet_count(std::string_view name) {
  return integer(name).of_small_type("integer").sortable();
}

Fields letter_fields(std::string_view types) {
  return Fields()
      .add(reference("counterparty_id", "counterparty")
               .required()
               .filterable()
               .labels("Корреспондент", "Correspondent"))
      .add(directory("type_code", types).required().filterable().labels("Тип документа", "Type"))
      .add(directory("case_file_code", "case_file").filterable().labels("Дело", "Case file"))
      .add(text("summary").max_length(65'536).searchable().labels("Краткое содержание", "Summary"))
      .add(directory("delivery_code", "delivery_kind").filterable().labels("Доставка", "Delivery"))
      .add(sheet_count("sheets").labels("Листов", "Sheets"))
      .add(sheet_count("attachment_sheets").labels("Листов приложений", "Sheets attached"))
      .add(text("note").max_length(10'000).labels("Примечание", "Note"));
}

}  // namespace

Resource correspondence_in() {
  return {
      .kind = "correspondence_in",
      .path = "correspondence-in",
      .table = "crm.correspondence_in",
      .doc = "A letter that came; its content are its documents.",
      .label = {"Входящий документ", "Incoming letter"},
      .label_plural = {"Входящие документы", "Incoming letters"},
      .name_field = "registration_no",
      .statuses =
          {
              {.code = "draft", .label = {"Черновик", "Draft"}},
              {.code = "on_resolution", .label = {"На резолюции", "To be resolved"}},
              {.code = "on_execution", .label = {"На исполнении", "To be executed"}},
              {.code = "done", .label = {"Исполнен", "Done"}, .is_final = true},
          },
      .fields =
          Fields()
              .add(text("registration_no")
                       .generated()
                       .max_length(100)
                       .searchable()
                       .sortable()
                       .labels("Регистрационный номер", "Registration number")
                       .described("Not sent: the next one of the year."))
              .add(date("received_on")
                       .defaults_to("today")
                       .sortable()
                       .labels("Дата получения", "Received"))
              .add(text("status")
                       .defaults_to("draft")
                       .sortable()
                       .evented("status_changed")
                       .labels("Статус", "Status"))
              .add(letter_fields("correspondence_type_in"))
              .add(text("department").max_length(300).labels("Подразделение", "Department"))
              .add(reference("addressee_id", "user").filterable().labels("Получатель", "Addressee"))
              .add(text("letter_author")
                       .max_length(300)
                       .searchable()
                       .labels("Автор письма", "Author of the letter"))
              .add(sheet_count("copies").labels("Экземпляров", "Copies"))
              .add(text("original_location")
                       .max_length(500)
                       .labels("Место хранения оригинала", "Where the original is"))
              .add(text("external_number")
                       .max_length(100)
                       .searchable()
                       .labels("Исходящий номер корреспондента", "Correspondent's number"))
              .add(date("external_date")
                       .sortable()
                       .labels("Исходящая дата корреспондента", "Correspondent's date"))
              .add(boolean("needs_resolution")
                       .filterable()
                       .labels("Нужна резолюция", "Needs a resolution"))
              .add(text("resolution").max_length(65'536).labels("Резолюция", "Resolution"))
              .add(reference("resolver_id", "user")
                       .filterable()
                       .labels("Автор резолюции", "Resolver"))
              .add(integer_array("performer_ids").labels("Исполнители", "Performers"))
              .add(timestamp("due_at").sortable().labels("Срок", "Due"))
              .add(reference("reply_to_out_id", "correspondence_out")
                       .filterable()
                       .labels("Ответ на исходящий", "Reply to the outgoing"))
              .list(),
      .access = letter_access(),
      .default_sort = "-received_on",
      .before_write = check_incoming,
  };
}

Resource correspondence_out() {
  return {
      .kind = "correspondence_out",
      .path = "correspondence-out",
      .table = "crm.correspondence_out",
      .doc = "A letter of ours; its content are its documents.",
      .label = {"Исходящий документ", "Outgoing letter"},
      .label_plural = {"Исходящие документы", "Outgoing letters"},
      .name_field = "registration_no",
      .statuses =
          {
              {.code = "draft", .label = {"Черновик", "Draft"}},
              {.code = "approval", .label = {"Согласование", "Approval"}},
              {.code = "signing", .label = {"На подписании", "Signing"}},
              {.code = "rework", .label = {"Доработка", "Rework"}},
              {.code = "registration", .label = {"Сканирование/регистрация", "Registration"}},
              {.code = "sending", .label = {"Отправка", "Sending"}},
              {.code = "active", .label = {"Действует", "Active"}, .is_final = true},
              {.code = "annulled",
               .label = {"Аннулирован", "Annulled"},
               .on_board = false,
               .is_final = true},
          },
      .fields =
          Fields()
              .add(text("registration_no")
                       .max_length(100)
                       .searchable()
                       .sortable()
                       .labels("Регистрационный номер", "Registration number")
                       .described("Given on registration unless typed: without gaps, per "
                                  "organisation and year."))
              .add(date("registered_on").sortable().labels("Дата регистрации", "Registered"))
              .add(text("status")
                       .defaults_to("draft")
                       .sortable()
                       .evented("status_changed")
                       .labels("Статус", "Status"))
              .add(text("returns_to")
                       .read_only()
                       .untracked()
                       .labels("Возвращается в статус", "Returns to")
                       .described("Of rework: the status it came from."))
              .add(reference("own_organisation_id", "own_organisation")
                       .required()
                       .filterable()
                       .labels("Наша организация", "Our organisation"))
              .add(letter_fields("correspondence_type_out"))
              .add(reference("reply_to_in_id", "correspondence_in")
                       .filterable()
                       .labels("Ответ на входящий", "Reply to the incoming"))
              .add(reference("approver_id", "user").filterable().labels("Согласующий", "Approver"))
              .add(reference("signer_id", "user").filterable().labels("Подписант", "Signer"))
              .add(reference("performer_id", "user")
                       .required()
                       .filterable()
                       .labels("Исполнитель", "Performer"))
              .add(timestamp("sent_at").sortable().labels("Отправлено", "Sent"))
              .list(),
      .access = letter_access(),
      .default_sort = "-id",
      // A day of the business zone is wanted on registration.
      .related = {"SELECT 1 AS one", {}},
      .before_write = check_outgoing,
  };
}

}  // namespace c360::store
