// What is made inside a record by POST to a collection of it, as one of the actions it offers
// (domain.md 6.4, 7.3, 9; R-218). The route is that of the collection, and so are its checks.
#include <array>

#include "store/operations/action.h"

namespace c360::store {
namespace {

struct Child {
  std::string_view kind;
  std::string_view path;
  Label label;
  std::string_view doc;
};

constexpr std::array<Child, 3> kChildren = {{
    {"order",
     "orders",
     {"Создать заказ", "Create an order"},
     "With the counterparty, contract and responsible person of the deal where none are sent."},
    {"payment",
     "payments",
     {"Создать платеж", "Create a payment"},
     "With the counterparty, currency and responsible person of the record where none are sent."},
    {"assignment",
     "assignments",
     {"Создать поручение", "Create an assignment"},
     "Of the record; it is shown among its activities too."},
}};

}  // namespace

Action create_child_action(std::string_view kind) {
  const Child* child = kChildren.data();
  while (child->kind != kind) ++child;
  return {.name = child->path,
          .label = child->label,
          .doc = child->doc,
          .fields_of = child->kind,
          .fields_are_new = true,
          .answers = child->kind,
          .creates = true};
}

}  // namespace c360::store
