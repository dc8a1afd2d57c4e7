-- Asks a portal who somebody is, for HAProxy 2.6 or newer. Put it into /etc/haproxy/, and
--   global
--       lua-load /etc/haproxy/haproxy-portal.lua
-- then, in the frontend, `http-request lua.portal ADDRESS USER-HEADER GROUPS-HEADER` and the lines
-- that docs/hosting.md has around it. Whatever goes wrong here, nobody is let in.

local function only(headers, name)
    local values = headers and headers[string.lower(name)]
    if values and values[1] == nil then return values[0] end -- told twice is not told
end

local function question(txn)
    local given = txn.http:req_get_headers()
    local host = only(given, "host") or ""
    local asked = {
        ["x-forwarded-for"] = { txn.f:src() },
        ["x-forwarded-host"] = { host },
        ["x-forwarded-method"] = { txn.f:method() },
        ["x-forwarded-proto"] = { only(given, "x-forwarded-proto") or "https" },
        ["x-forwarded-uri"] = { txn.f:pathq() },
    }
    for _, name in ipairs({ "accept", "authorization", "cookie", "user-agent" }) do
        local value = only(given, name)
        if value then asked[name] = { value } end
    end
    return asked
end

core.register_action("portal", { "http-req" }, function(txn, address, user, groups)
    txn:set_var("txn.portal_said_yes", false)
    for _, name in ipairs({ user, groups }) do txn.http:req_del_header(name) end
    local is_told, answer = pcall(function()
        return core.httpclient():get({ url = address, headers = question(txn), timeout = 5000 })
    end)
    if not is_told or not answer then return end
    if answer.status >= 200 and answer.status < 300 then
        txn:set_var("txn.portal_said_yes", true)
        for _, name in ipairs({ user, groups }) do
            local value = only(answer.headers, name)
            if value then txn.http:req_set_header(name, value) end
        end
    elseif answer.status >= 300 and answer.status < 400 then
        local login = only(answer.headers, "location")
        if login then txn:set_var("txn.portal_login", login) end
    end
end, 3)
