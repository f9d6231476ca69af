// The part of an answer that is kept: what an adapter reads of it and nothing else, so that a
// person nobody asked about is in no table (adapters.md, 0.6).
#pragma once

#include <string>
#include <string_view>

namespace c360::adapters {

// The members of the JSON that `shape` names, in its manner: {"a": 1, "b": [{"c": 1}]} keeps `a`
// whole and, of each element of the array `b`, the member `c`. A text that is no JSON comes back as
// it is.
std::string only_shape(const std::string& body, std::string_view shape);

}  // namespace c360::adapters
