#include "adapters/message_channel.h"

namespace c360::adapters {

std::string_view to_string(Carried carried) {
  switch (carried) {
    case Carried::sent:
      return "sent";
    case Carried::unknown:
      return "unknown";
  }
  return "";
}

std::string_view to_string(DeliveryState state) {
  switch (state) {
    case DeliveryState::on_its_way:
      return "on_its_way";
    case DeliveryState::delivered:
      return "delivered";
    case DeliveryState::undeliverable:
      return "undeliverable";
    case DeliveryState::not_found:
      return "not_found";
  }
  return "";
}

}  // namespace c360::adapters
