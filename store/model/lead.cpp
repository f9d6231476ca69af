#include "store/draft.h"
#include "store/model/resources.h"
#include "store/operations/convert_lead.h"

namespace c360::store {
namespace {

// Guards of domain.md 6.3, before the change and in its transaction.
void check_lead(Draft& draft) {
  check_opportunity(draft);
  const auto status = draft.get("status");
  const auto old_status = draft.before("status");
  const bool status_changed = draft.creating() || draft.changed("status");

  if (status == "disqualified" && !draft.has("disqualification_reason_code")) {
    draft.wrong("disqualification_reason_code", "disqualification_reason_required",
                "A disqualified lead needs a reason.");
  }
  if (status_changed && old_status == "disqualified" && status != "disqualified" &&
      !draft.is_set("disqualification_reason_code")) {
    draft.set("disqualification_reason_code", std::nullopt);
  }
  if (status == "deal_creation" && !draft.has("counterparty_id")) {
    draft.wrong("counterparty_id", "counterparty_required",
                "A lead becomes a deal only with a counterparty.");
  }
  if (status != "new" && !draft.has("start_processing_at")) {
    draft.set_now("start_processing_at");
  }
}

}  // namespace

Resource lead() {
  return {
      .kind = "lead",
      .path = "leads",
      .table = "crm.lead",
      .doc = "A request that is not yet a sale.",
      .label = {"Лид", "Lead"},
      .label_plural = {"Лиды", "Leads"},
      .sequence = "crm.lead_number",
      .auto_name = "Лид №%",
      .stages =
          {
              {"unprocessed", {}, {"Не обработан", "Unprocessed"}},
              {"qualification", {}, {"Квалификация", "Qualification"}},
              {"pause", {}, {"Пауза", "Pause"}},
              {"disqualification", {}, {"Дисквалификация", "Disqualification"}},
              {"completed", {}, {"Завершен", "Completed"}},
          },
      .statuses =
          {
              {.code = "new", .label = {"Не обработан", "Not Processed"}, .stage = "unprocessed"},
              {.code = "nurturing",
               .label = {"Взращивание", "Nurturing"},
               .stage = "qualification"},
              {.code = "interest",
               .label = {"Есть интерес", "Interest Expressed"},
               .stage = "qualification"},
              {.code = "paused", .label = {"Пауза", "Paused"}, .stage = "pause", .alias = "pause"},
              {.code = "disqualified",
               .label = {"Дисквалифицирован", "Disqualified"},
               .stage = "disqualification",
               .is_final = true},
              {.code = "deal_creation",
               .label = {"Сделка", "Deal"},
               .stage = "completed",
               .is_final = true},
          },
      .fields = opportunity_fields()
                    .add(code("request_type", {{"partnership", {"Партнёрство", "Partnership"}},
                                               {"education", {"Обучение", "Education"}},
                                               {"deal", {"Сделка", "Deal"}}})
                             .filterable()
                             .labels("Тип запроса", "Request type"))
                    .add(directory("disqualification_reason_code", "disqualification_reason")
                             .filterable()
                             .labels("Причина дисквалификации", "Disqualification reason"))
                    .add(reference("created_deal_id", "deal")
                             .unique()
                             .read_only()
                             .filterable()
                             .labels("Созданная сделка", "Created deal"))
                    .add(timestamp("start_processing_at")
                             .read_only()
                             .untracked()
                             .sortable()
                             .labels("Дата начала обработки", "Processing started"))
                    .list(),
      .access = opportunity_access(),
      .collections = {contact_collection(), observer_collection()},
      .marketing = opportunity_marketing(),
      .default_sort = "-date_received",
      .refusal_outcome = "disqualify",
      .refusal_status = "disqualified",
      .taken_status = "nurturing",
      .before_write = check_lead,
      .consequence = lead_to_deal(),
  };
}

}  // namespace c360::store
