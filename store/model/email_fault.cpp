#include "store/draft.h"
#include "store/model/resources.h"

namespace c360::store {

Field email_fault() {
  return text("email_fault")
      .max_length(500)
      .labels("Почта не доходит", "Mail is refused")
      .described(
          "Why nothing is sent to the e-mail address: what the mail server said that knows no such "
          "address. Empty again when the address changes, or somebody empties it.");
}

void forget_email_fault(Draft& draft) {
  if (!draft.creating() && draft.changed("email") && !draft.is_set("email_fault"))
    draft.set("email_fault", std::nullopt);
}

Field telegram_fault() {
  return text("telegram_fault")
      .max_length(500)
      .labels("Telegram не доходит", "Telegram is refused")
      .described(
          "Why nothing is sent to the chat: what Telegram said of a recipient who blocked the bot, "
          "or is none. Empty again when the chat changes, or somebody empties it.");
}

void forget_telegram_fault(Draft& draft, std::string_view chat) {
  if (!draft.creating() && draft.changed(chat) && !draft.is_set("telegram_fault"))
    draft.set("telegram_fault", std::nullopt);
}

}  // namespace c360::store
