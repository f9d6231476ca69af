// The fields of a record as a Russian document prints them: `record.FIELD` of a template.
#pragma once

#include "daemon/base/json.h"
#include "daemon/base/time_zone.h"
#include "store/custom_fields.h"
#include "store/model/resource.h"

namespace c360::store {

// Of the record as its reader sees it (the JSON of the API): statuses and choices by their Russian
// labels, money and numbers with a comma, days as 23.11.2026, moments as 23.11.2026 13:05 by the
// clock of `zone`, HTML as its paragraphs, a line each, lists with commas between. Booleans stay
// such, for conditions; what is not there is empty. What is neither (JSON, bytes, intervals) is
// left out. What an installation added stands under `custom`, by its codes.
Json record_fields(const Resource& resource, const CustomFields& custom, const Json& record,
                   const TimeZone& zone);
// `custom` of such a record alone: all there are in use, empty where this one has none.
Json printed_custom(const Resource& resource, const CustomFields& custom, const Json* values,
                    const TimeZone& zone);

// The same with something in each field: what a template of that kind is tried with.
Json sample_record(const Resource& resource, const CustomFields& custom);

}  // namespace c360::store
