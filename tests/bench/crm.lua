-- wrk over a grown CRM: OP, TOKEN, IDS (a file of lines `deal ID` and `counterparty ID`). Prints one
-- line of JSON.
local op, token = os.getenv("OP"), os.getenv("TOKEN")
local read = {["Authorization"] = "Bearer " .. token}
local write = {["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json",
               ["If-Match"] = "*"}
local status = {"new", "first_contact", "needs_assessment", "presentation", "proposal", "prototype",
                "decision", "completed", "paused", "rejected"}
local words = {"ромашка", "каскад логистика", "поставк", "меридеан", "7700000017", "495000"}
local ids = {deal = {}, counterparty = {}}
local threads = 0
function setup(thread) threads = threads + 1; thread:set("seed", threads * 7919) end
function init()
  math.randomseed(seed)
  for line in io.lines(os.getenv("IDS")) do
    local kind, id = line:match("(%a+) (%d+)")
    table.insert(ids[kind], id)
  end
end
local function some(list) return list[math.random(1, #list)] end
local function get(path) return wrk.format("GET", "/api/v1" .. path, read) end
local function escaped(text)
  return (text:gsub("[^%w]", function(c) return string.format("%%%02X", c:byte()) end))
end
local requests = {
  get = function() return get("/deals/" .. some(ids.deal)) end,
  list = function()
    return get("/deals?status=" .. some(status) .. "&sort=-date_received,-id&limit=50")
  end,
  filter = function()
    return get("/deals?status.in=new,proposal,decision&amount.gte=" .. math.random(1, 9000) ..
               "&date_received.gte=2024-02-01&sort=-date_received,-id&limit=50")
  end,
  customers = function() return get("/counterparties?limit=50") end,
  activities = function() return get("/activities?limit=50") end,
  board = function() return get("/boards/deals") end,
  card = function() return get("/counterparties/" .. some(ids.counterparty) .. "/360") end,
  history = function() return get("/deals/" .. some(ids.deal) .. "/history") end,
  search = function() return get("/search?q=" .. escaped(some(words))) end,
  workspace = function() return get("/workspace") end,
  patch = function()
    return wrk.format("PATCH", "/api/v1/deals/" .. some(ids.deal), write,
                      '{"description":"Комментарий ' .. math.random(1, 1000000) .. '"}')
  end,
  create = function()
    return wrk.format("POST", "/api/v1/deals", write, '{"name":"Сделка","amount":"' ..
        math.random(1, 1000000) .. '.50","company_text":"ООО «Ромашка»"}')
  end,
}
request = requests[op]
function done(summary, latency)
  io.write(string.format('JSON {"rps":%.1f,"p50_ms":%.3f,"p99_ms":%.3f,"refused":%d,"errors":%d}\n',
      summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1000,
      latency:percentile(99) / 1000, summary.errors.status, summary.errors.connect +
      summary.errors.read + summary.errors.timeout))
end
