-- wrk script: VSee v2 events (visit.ended with note and invoice), each with an id of its own, kept alive.
-- Arguments: the file of the event, where @ stands for its id; and the number of the run, so that no two runs share an id.
-- Prints one line of JSON at the end.

local threads = 0
local sent = 0
local head, before, after = "", "", ""

function setup(thread)
  threads = threads + 1
  thread:set("thread_number", threads)
end

function init(arguments)
  local file = io.open(arguments[1])
  before, after = file:read("l"):match("^(.*)@(.*)$")
  file:close()
  run = tonumber(arguments[2])
  head = "POST " .. wrk.path .. " HTTP/1.1\r\nHost: " .. wrk.host .. "\r\nContent-Type: application/json\r\n"
    .. "Content-Length: " .. (#before + 36 + #after) .. "\r\n\r\n" .. before
end

function request()
  sent = sent + 1
  return head .. string.format("%08x-%04x-4000-8000-%012x", run, thread_number, sent) .. after
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"seconds":%.6f,"p50_ms":%.3f,"p99_ms":%.3f,"bad_status":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    e.status, e.connect + e.read + e.write + e.timeout))
end
