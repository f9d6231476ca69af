// The tree of a mail that is one text, or one text in several forms (multipart/alternative), found
// without GMime.
//
// Website forms are such mails, and building GMime's objects for them costs a fifth of all that
// reading takes. Only where nothing is in doubt about what GMime would say: everything unusual is
// for GMime.
#pragma once

#include <cstddef>
#include <optional>

#include "parsers/mime_tree.h"

namespace c360::parsers {

// As gmime_tree(); none where GMime has to be asked.
std::optional<MimeTree> simple_tree(const MailSource& source, Span range, std::size_t header_end,
                                    const MimeLimits& limits);

}  // namespace c360::parsers
