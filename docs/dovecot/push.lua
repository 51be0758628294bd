-- Tells push of every change in a mailbox, as soon as Dovecot has made it.
--
-- For Dovecot's push_notification plugin (2.3.14 or later) with its Lua driver; README.md beside this file has the
-- configuration. Settings, in the plugin section:
--
--   push_hook_url        where to post, for instance http://127.0.0.1:8080/mail/hook/dovecot
--   push_hook_token      sent as "Authorization: Bearer ...", if it is set
--   push_hook_separator  what stands between the names of a folder, as in the inbox namespace; "/" if it is not set
--
-- Mail is never held up: a post that is not answered within the time below is given up, and push finds the change when
-- it looks the next time.

local TIMEOUT_MSECS = 2000

local client = nil

local function http()
  if client == nil then
    client = dovecot.http.client {
      request_timeout_msecs = TIMEOUT_MSECS,
      request_absolute_timeout_msecs = TIMEOUT_MSECS,
      connect_timeout_msecs = TIMEOUT_MSECS,
      max_attempts = 1,
      max_redirects = 0,
    }
  end
  return client
end

-- JSON, RFC 8259 section 7.
local function quoted(text)
  local function escape(character)
    return string.format("\\u%04x", string.byte(character))
  end
  return '"' .. string.gsub(tostring(text), '[%c"\\\127]', escape) .. '"'
end

local function post(ctx, change)
  local request = http():request { url = ctx.url, method = "POST" }
  request:add_header("Content-Type", "application/json")
  if ctx.token ~= nil and ctx.token ~= "" then
    request:add_header("Authorization", "Bearer " .. ctx.token)
  end
  local fields = {
    '"user":' .. quoted(ctx.user),
    '"event":' .. quoted(change.event),
    '"folder":' .. quoted(change.folder),
    '"separator":' .. quoted(ctx.separator),
  }
  if change.uid ~= nil then
    table.insert(fields, string.format('"uid":%d', change.uid))
  end
  request:set_payload("{" .. table.concat(fields, ",") .. "}")
  local response = request:submit()
  if response:status() >= 300 then
    dovecot.i_warning("push: " .. ctx.url .. " answers " .. response:status() .. " " .. tostring(response:reason()))
  end
end

-- One transaction may touch a thousand messages of a folder: that is one thing to tell.
local function note(ctx, name, event)
  local key = name .. "\0" .. event.mailbox
  local change = ctx.changes[key]
  if change == nil then
    change = { event = name, folder = event.mailbox }
    ctx.changes[key] = change
    table.insert(ctx.order, change)
  end
  if event.uid ~= nil and (change.uid == nil or event.uid > change.uid) then
    change.uid = event.uid
  end
end

function dovecot_lua_notify_begin_txn(user)
  local separator = user:plugin_getenv("push_hook_separator")
  if separator == nil or separator == "" then
    separator = "/"
  end
  return {
    user = user.username,
    url = user:plugin_getenv("push_hook_url"),
    token = user:plugin_getenv("push_hook_token"),
    separator = separator,
    changes = {},
    order = {},
  }
end

function dovecot_lua_notify_event_message_new(ctx, event) note(ctx, "MessageNew", event) end
function dovecot_lua_notify_event_message_append(ctx, event) note(ctx, "MessageAppend", event) end
function dovecot_lua_notify_event_message_expunge(ctx, event) note(ctx, "MessageExpunge", event) end
function dovecot_lua_notify_event_flags_set(ctx, event) note(ctx, "FlagsSet", event) end
function dovecot_lua_notify_event_flags_clear(ctx, event) note(ctx, "FlagsClear", event) end
function dovecot_lua_notify_event_mailbox_create(ctx, event) note(ctx, "MailboxCreate", event) end
function dovecot_lua_notify_event_mailbox_delete(ctx, event) note(ctx, "MailboxDelete", event) end
function dovecot_lua_notify_event_mailbox_rename(ctx, event) note(ctx, "MailboxRename", event) end

function dovecot_lua_notify_end_txn(ctx, success)
  if not success or ctx.url == nil or ctx.url == "" then
    return
  end
  for _, change in ipairs(ctx.order) do
    local is_posted, why = pcall(post, ctx, change)
    if not is_posted then
      dovecot.i_warning("push: " .. ctx.url .. " was not told: " .. tostring(why))
      return
    end
  end
end
