// What errors say, in Russian (domain.md 1.3). The program thinks in English; codes never change.
#pragma once

#include <string>
#include <string_view>

#include "api/request.h"
#include "daemon/base/error.h"

namespace c360::api {

// Whether the client asks for Russian: `lang=ru`, or ru before en in Accept-Language. Who says
// nothing is a program, and reads English.
bool wants_russian(const Request& request);

// The sentence in Russian. One that nobody translated yet comes back as it is.
std::string in_russian(std::string_view english);
// Detail and every field of the error. A field whose sentence has no translation is said to be
// refused, with the sentence behind it.
Error in_russian(Error error);
// The title of a problem.
std::string_view russian_title(ErrorCode code);

}  // namespace c360::api
