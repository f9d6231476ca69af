// The document library: its tree, what is in a folder, deleting a folder (domain.md 12.2). Folders
// are made, renamed and moved by the routes of every resource.
#pragma once

#include <cstddef>
#include <vector>

#include "api/api.h"
#include "api/router.h"

namespace c360::api {

// Folders of one answer; more is 422, reason tree_too_large.
inline constexpr std::size_t kMaxTreeFolders = 2'000;

void add_library_routes(std::vector<Route>& routes, const ApiServices& services,
                        const ApiOptions& options);

}  // namespace c360::api
