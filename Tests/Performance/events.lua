-- wrk script: VSee v2 events (visit.ended with note and invoice), each with an id of its own, kept alive.
-- Arguments: the number of the run, so that no two runs share an id, and milliseconds that each connection waits
-- before each request (0: none). Prints one line of JSON at the end.

local before = '{"version":"2.0","id":"'
local after = '","type":"visit.ended","created":1546950556,"clinic_code":"performance","data":{"id":"28540",'
  .. '"member_id":"60610","provider_id":null,"start":1546950546,"end":1546951446,"actual_start":1546950546,'
  .. '"actual_end":1546950555,"status":"completed","status_updated_by":"60610","note":{"id":"7731",'
  .. '"status":"signed"},"invoice":{"id":"9120","status":"paid","amount_due":0,"amount_paid":12500,'
  .. '"currency":"QAR"}}}'

local threads = 0
local sent = 0
local head = ""

function setup(thread)
  threads = threads + 1
  thread:set("thread_number", threads)
end

function init(arguments)
  run = tonumber(arguments[1]) or 0
  head = "POST " .. wrk.path .. " HTTP/1.1\r\nHost: " .. wrk.host .. "\r\nContent-Type: application/json\r\n"
    .. "Content-Length: " .. (#before + 36 + #after) .. "\r\n\r\n" .. before
  local wait = tonumber(arguments[2]) or 0
  if wait > 0 then
    delay = function() return wait end
  end
end

function request()
  sent = sent + 1
  return head .. string.format("%08x-%04x-4000-8000-%012x", run, thread_number, sent) .. after
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"seconds":%.6f,"p50_ms":%.3f,"p99_ms":%.3f,"bad_status":%d,"broken":%d,"body":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    e.status, e.connect + e.read + e.write + e.timeout, #before + 36 + #after))
end
