// What a client sent becomes a Draft, and a Draft is checked against its Resource: all wrong fields
// at once, as JSON pointers with stable codes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/json.h"
#include "store/access.h"
#include "store/custom_fields.h"
#include "store/draft.h"
#include "store/records.h"
#include "store/required_fields.h"

namespace c360::store {

// Members of `body` into the draft: unknown and read-only fields, write rules, types, spelling.
void read_body(Draft& draft, const Json& body);
// A JSON object sent to an object field is a merge patch of it (RFC 7396): members that are null
// go, members not sent stay.
void merge_objects(Draft& draft);
// Fills in on creation, runs the resource's own rules, then requires what the profile asks for.
void complete_draft(Draft& draft, const HtmlSanitiser& sanitise_html,
                    const RequiredFields& required);
// The error of the draft, if it has one: a refusal, or validation_failed with every field.
std::optional<Error> error_of(const Draft& draft);

// `segment_required` of `segment_code`.
std::string required_code(std::string_view field);

// One statement that asks after every record and directory row the draft refers to.
struct ReferenceCheck {
  std::string text;  // empty: nothing to ask
  Params params;
  struct Column {
    std::size_t field;
    bool is_parent;  // two columns: may be read, may be written
  };
  std::vector<Column> columns;
  std::vector<std::int64_t> mergeable;  // ids of records that may be merged into others
};
ReferenceCheck reference_check(const Draft& draft, const Registry& registry,
                               const AccessRules& access);
void read_references(Draft& draft, const ReferenceCheck& check, const Rows& rows);

// The same of users and records that custom fields name: column i + 1 says whether the i-th may be
// used.
struct CustomReferenceCheck {
  std::string text;
  Params params;
};
CustomReferenceCheck custom_reference_check(const Draft& draft,
                                            const std::vector<CustomReference>& references,
                                            const Registry& registry, const AccessRules& access);

// A broken constraint in the words of the resource: pointer and code instead of its name.
Error explained(Error error, const Resource& resource);

}  // namespace c360::store
