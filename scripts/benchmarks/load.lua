-- For wrk: 1,000 users in turn, five header fields each; the result as one line of JSON.
-- A path in the URL is asked for in place of the usual one. A file after the URL is posted as
-- JSON, with the number of the user in place of TURN.
local requests, turn = {}, 0

local function content(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

function init(args)
  local path = wrk.path == "/" and "/api/campaigns" or wrk.path
  local body = args[1] and content(args[1])
  local method = body and "POST" or "GET"
  for user = 1, 1000 do
    requests[user] = wrk.format(method, path .. "?page=1", {
      ["Host"] = "api.example.com",
      ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) bench/1.0",
      ["Accept"] = "application/json",
      ["Cookie"] = "sid=4f2a9c81b7d34e50; theme=dark",
      ["X-User-Id"] = "user-" .. user,
      ["Content-Type"] = body and "application/json",
    }, body and body:gsub("TURN", user))
  end
end

function request()
  turn = turn % 1000 + 1
  return requests[turn]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
