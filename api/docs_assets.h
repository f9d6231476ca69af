// The files of swagger-ui-dist (api/docs, Apache-2.0) inside the program, gzip-compressed when it
// is built.
#pragma once

#include <string_view>

namespace c360::api {

std::string_view docs_bundle();  // swagger-ui-bundle.js
std::string_view docs_style();   // swagger-ui.css

}  // namespace c360::api
