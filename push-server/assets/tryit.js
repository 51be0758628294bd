// Commands for a terminal, with this server's address in them.

export function fillCommands(list, copied) {
  const http = location.origin;
  const ws = http.replace("http", "ws");
  const commands = [
    ["Publish text", `curl -d 'hello from curl' '${http}/push/publish?channel=chat/lobby'`],
    ["Publish JSON", `curl --json '{"name":"curl","text":"hello"}' '${http}/push/publish?channel=chat/lobby'`],
    ["Server-sent events", `curl -N '${http}/push/sse?channel=host/load'`],
    ["NDJSON stream, with the last five first", `curl -N '${http}/push/stream?channel=host/load&last=5'`],
    ["Long poll", `curl '${http}/push/poll?channel=host/load&timeout=30'`],
    ["Multipart mixed", `curl -N '${http}/push/mixed?channel=host/load'`],
    ["WebSocket, curl 8.11 or newer", `curl -N '${ws}/push/ws?channel=host/load&format=raw'`],
    ["Every channel below host/, by a pattern", `curl -N '${http}/push/stream?channel=host/*'`],
    ["What was said in the chat", `curl '${http}/push/history?channel=chat/lobby'`],
    ["Who is there", `curl '${http}/push/presence?channel=chat/lobby'`],
  ];
  list.append(...commands.map(([title, command]) => entry(title, command, copied)));
}

function entry(title, command, copied) {
  const item = document.createElement("li");
  const heading = document.createElement("h3");
  heading.textContent = title;
  const code = document.createElement("code");
  code.textContent = command;
  const pre = document.createElement("pre");
  pre.tabIndex = 0;
  pre.append(code);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = "Copy";
  button.setAttribute("aria-label", `Copy: ${title}`);
  button.onclick = () => copy(code, button, copied);
  item.append(heading, button, pre);
  return item;
}

async function copy(code, button, copied) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
    copied.textContent = "Copied to the clipboard";
  } catch {
    // Away from HTTPS and the loopback there is no clipboard: what is selected can be copied by hand.
    getSelection().selectAllChildren(code);
    button.textContent = "Selected";
    copied.textContent = "Selected, copy it with the keyboard";
  }
  setTimeout(() => {
    button.textContent = "Copy";
    copied.textContent = "";
  }, 2000);
}
