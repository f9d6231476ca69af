#include "store/model/task_steps.h"

#include <array>

namespace c360::store {
namespace {

constexpr TaskOutcome kClarify = {
    "clarification", {"На уточнение", "Ask for clarification"}, "clarification", {}};
constexpr TaskOutcome kReturn = {
    "return_to_work", {"Вернуть в работу", "Return to work"}, "in_progress", {}};
constexpr TaskOutcome kPerformed = {"done", {"Выполнено", "Done"}, "complete", "verification"};

constexpr std::array<TaskOutcome, 3> kOfNew = {
    {kClarify, {"to_work", {"Взять в работу", "Take to work"}, "in_progress", {}}, kPerformed}};
constexpr std::array<TaskOutcome, 2> kUnderWay = {{kClarify, kPerformed}};
constexpr std::array<TaskOutcome, 2> kAsked = {
    {kReturn, {"close", {"Закрыть", "Close"}, "complete", {}}}};
constexpr std::array<TaskOutcome, 2> kChecked = {
    {kReturn, {"done", {"Выполнено", "Done"}, "complete", {}}}};

constexpr Label kExecute = {"Исполнить поручение: %", "Carry out: %"};
constexpr std::array<TaskStep, 4> kAssignment = {{
    {"created",
     "assignment_execute",
     kExecute,
     kOfNew,
     "performer_user_id",
     "performer_group_id",
     {}},
    {"in_progress",
     "assignment_execute",
     kExecute,
     kUnderWay,
     "performer_user_id",
     "performer_group_id",
     {}},
    {"clarification",
     "assignment_clarify",
     {"Уточнить поручение: %", "Clarify: %"},
     kAsked,
     "initiator_id",
     {},
     {}},
    {"verification",
     "assignment_verify",
     {"Проверить поручение: %", "Verify: %"},
     kChecked,
     "verifier_id",
     {},
     {}},
}};

// The accountant approves first, then the director (domain.md 11.1).
constexpr TaskOutcome kRework = {"rework", {"На доработку", "Return for rework"}, "rework", {}};
constexpr std::array<TaskOutcome, 2> kAccountant = {
    {{"approve", {"Согласовать", "Approve"}, {}, {}}, kRework}};
constexpr std::array<TaskOutcome, 2> kDirector = {
    {{"approve", {"Согласовать", "Approve"}, "signing", {}}, kRework}};
constexpr std::array<TaskOutcome, 2> kSigner = {
    {{"sign", {"Подписать", "Sign"}, "counterparty_signing", {}}, kRework}};

constexpr std::array<TaskStep, 3> paper_steps(Label approve, Label sign) {
  return {{{"approval", "contract_approve", approve, kAccountant, {}, {}, "contracts-accountants"},
           {"approval", "contract_approve", approve, kDirector, {}, {}, "contracts-directors"},
           {"signing", "contract_sign", sign, kSigner, {}, {}, "contracts-directors"}}};
}

constexpr auto kContract = paper_steps({"Согласовать договор №%", "Approve contract No. %"},
                                       {"Подписать договор №%", "Sign contract No. %"});
constexpr auto kAgreement =
    paper_steps({"Согласовать доп. соглашение №%", "Approve agreement No. %"},
                {"Подписать доп. соглашение №%", "Sign agreement No. %"});

}  // namespace

std::span<const TaskStep> task_steps(std::string_view kind) {
  if (kind == "assignment") return kAssignment;
  if (kind == "contract") return kContract;
  if (kind == "agreement") return kAgreement;
  return {};
}

std::string_view leads_to(const TaskOutcome& outcome, bool has_verifier) {
  return has_verifier && !outcome.verified_to.empty() ? outcome.verified_to : outcome.to;
}

}  // namespace c360::store
