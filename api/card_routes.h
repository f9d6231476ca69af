// GET /counterparties/{id}/360 and /360/TAB: the Client 360 card (store/operations/card.h).
#pragma once

#include <string>
#include <vector>

#include "api/api.h"
#include "store/operations/card_layout.h"

namespace c360::api {

// "CardCrm": the schema of a tab in the OpenAPI document.
std::string card_component(const store::CardTab& tab);
Json card_tab_schema(const store::CardTab& tab, const store::Registry& registry);

// A list with its total and the actions of its rows, as ListBatch writes it.
Json shown_list_schema(const store::ShownList& list, const store::Registry& registry);

void add_card_routes(std::vector<Route>& routes, const ApiServices& services);

}  // namespace c360::api
