#include "store/draft.h"
#include "store/model/resources.h"

namespace c360::store {
namespace {

bool is_closing(std::optional<std::string_view> status) {
  return status == "completed" || status == "rejected" || status == "dropped_out";
}

// Guards of domain.md 7.2.
void check_deal(Draft& draft) {
  check_opportunity(draft);
  check_currency_of_lines(draft);
  const auto status = draft.get("status");
  if (!draft.creating() && !draft.changed("status")) return;
  // Moving between closing statuses is a new closing.
  if (is_closing(status)) {
    draft.set_now("closed_at");
  } else if (draft.has("closed_at") || draft.creating()) {
    draft.set("closed_at", std::nullopt);
  }
}

}  // namespace

Resource deal() {
  return {
      .kind = "deal",
      .path = "deals",
      .table = "crm.deal",
      .doc = "A sale in progress with one counterparty.",
      .label = {"Сделка", "Deal"},
      .label_plural = {"Сделки", "Deals"},
      .sequence = "crm.deal_number",
      .auto_name = "Сделка №%",
      .stages =
          {
              {"processing", 0, {"0% - Обработка", "0% - Processing"}},
              {"qualification", 20, {"20% - Квалификация", "20% - Qualification"}},
              {"development", 40, {"40% - Развитие", "40% - Development"}},
              {"confirmation", 60, {"60% - Подтверждение", "60% - Confirmation"}},
              {"win", 100, {"100% - Победа", "100% - Win"}},
              {"rejection_pause", {}, {"Отказ/Пауза", "Rejection/Pause"}},
          },
      .statuses =
          {
              {.code = "new", .label = {"Не обработана", "Not Processed"}, .stage = "processing"},
              {.code = "first_contact",
               .label = {"Первичный контакт", "Initial Contact"},
               .stage = "qualification",
               .alias = "firstContact"},
              {.code = "needs_assessment",
               .label = {"Сбор потребностей", "Needs Assessment"},
               .stage = "qualification",
               .alias = "identifyNeeds"},
              {.code = "presentation",
               .label = {"Презентация", "Presentation"},
               .stage = "development"},
              {.code = "proposal",
               .label = {"Подготовка КП", "Proposal Preparation"},
               .stage = "development",
               .alias = "offerPreparation"},
              {.code = "prototype", .label = {"Прототип", "Prototype"}, .stage = "development"},
              {.code = "decision",
               .label = {"Принятие решения", "Decision Making"},
               .stage = "confirmation"},
              {.code = "completed",
               .label = {"Завершена", "Completed"},
               .stage = "win",
               .is_final = true},
              {.code = "paused",
               .label = {"Пауза", "Paused"},
               .stage = "rejection_pause",
               .alias = "pause"},
              {.code = "rejected",
               .label = {"Отказ", "Rejected"},
               .stage = "rejection_pause",
               .is_final = true,
               .alias = "refusal"},
              {.code = "dropped_out",
               .label = {"Отсев", "Dropped Out"},
               .on_board = false,
               .is_final = true,
               .hidden = true,
               .alias = "dropout"},
              {.code = "historical",
               .label = {"Исторические заявки", "Historical Applications"},
               .on_board = false,
               .is_final = true,
               .hidden = true,
               .administrators_only = true,
               .alias = "old"},
              {.code = "community",
               .label = {"Community версия (устарел)", "Community version (deprecated)"},
               .on_board = false,
               .is_final = true,
               .hidden = true,
               .administrators_only = true},
          },
      .fields =
          opportunity_fields()  // what a lead has too
              .add(reference("created_from_lead_id", "lead")
                       .unique()
                       .filterable()
                       .writable_by(WriteRule::creation)
                       .labels("Создана из лида", "Created from lead"))
              .add(reference("contract_id", "contract").filterable().labels("Договор", "Contract"))
              .add(html("offer_text")
                       .max_length(65'536)
                       .large()
                       .labels("Текст предложения", "Offer text"))
              .add(timestamp("closed_at")
                       .read_only()
                       .untracked()
                       .sortable()
                       .labels("Закрыта", "Closed"))
              .add(text("refusal_reason")
                       .max_length(1000)
                       .labels("Причина отказа", "Refusal reason"))
              .add(total_fields())
              .list(),
      .access = opportunity_access(),
      .collections = {contact_collection(), observer_collection(), item_collection()},
      .marketing = opportunity_marketing(),
      .default_sort = "-date_received",
      .refusal_outcome = "drop_out",
      .refusal_status = "dropped_out",
      .taken_status = "first_contact",
      .before_write = check_deal,
  };
}

}  // namespace c360::store
