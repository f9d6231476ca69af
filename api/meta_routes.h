// What a client needs to draw a form: who it is, code lists with their labels, resources with their
// fields.
#pragma once

#include <vector>

#include "api/api.h"
#include "api/router.h"

namespace c360::api {

void add_meta_routes(std::vector<Route>& routes, const ApiServices& services);

enum class Language : std::uint8_t { ru, en };
// `lang=`, else Accept-Language, else Russian (domain.md 1.3). invalid_request for another `lang`.
Result<Language> language_of(const Request& request);

}  // namespace c360::api
