-- wrk: OP=get|list|create, TOKEN, FIRST and LAST deal id, PREFIX of the paths where it is not ours.
-- Prints one line of JSON.
local op, token = os.getenv("OP"), os.getenv("TOKEN")
local first, last = tonumber(os.getenv("FIRST")), tonumber(os.getenv("LAST"))
local prefix = os.getenv("PREFIX") or "/api/v1"
local status = {"new", "first_contact", "needs_assessment", "presentation", "proposal", "prototype",
                "decision", "completed", "paused", "rejected"}
local headers = {["Authorization"] = "Bearer " .. token}
local json = {["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json"}
local threads = 0
function setup(thread) threads = threads + 1; thread:set("seed", threads * 7919) end
function init() math.randomseed(seed) end
function request()
  if op == "get" then
    return wrk.format("GET", prefix .. "/deals/" .. math.random(first, last), headers)
  end
  if op == "list" then
    return wrk.format("GET", prefix .. "/deals?status=" .. status[math.random(1, 10)] ..
                             "&sort=-date_received,-id&limit=50", headers)
  end
  return wrk.format("POST", prefix .. "/deals", json, '{"name":"Сделка","amount":"' ..
      math.random(1, 1000000) .. '.50","company_text":"ООО «Ромашка»","description":"Комментарий"}')
end
function done(summary, latency)
  io.write(string.format('JSON {"rps":%.1f,"p50_ms":%.3f,"p99_ms":%.3f,"errors":%d}\n',
      summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1000,
      latency:percentile(99) / 1000, summary.errors.connect + summary.errors.read +
      summary.errors.status + summary.errors.timeout))
end
