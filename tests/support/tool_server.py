"""An OpenAI-compatible server that has what ours may lack: tools, several choices, logprobs, images, JSON schemas.

What it answers follows from what it is asked, so that a test can tell what came through:

- with tools it calls each of them with what the user said, unless `tool_choice` is "none" or an answer of a tool is
  the last message; with `parallel_tool_calls` false only the first;
- with images it names the SHA-256 of each one's address; with a JSON schema it answers an object;
- else it repeats the last text, under the number of the choice.

`requests` holds the bodies as they came. After the last text "break off" a stream ends before its last delta,
and after "hold on" it waits there until its client has gone.
"""

import asyncio
import hashlib
import json

from tests.support.servers import ServerInThread

PIECE = 7  # characters of a delta


class ToolServer(ServerInThread):
    def __init__(self):
        super().__init__()
        self.requests: list[bytes] = []
        self.message = None  # a test may set what every choice says

    async def __call__(self, scope, receive, send):
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message.get("more_body"):
                break
        if scope["path"] != "/v1/chat/completions":
            await self.reply(send, {"object": "list", "data": [{"id": "base"}]})
            return
        self.requests.append(body)
        asked = json.loads(body)
        if asked.get("stream"):
            await self.stream(receive, send, asked)
        else:
            choices = [self.choice(asked, index) for index in range(asked.get("n") or 1)]
            await self.reply(send, self.head("chat.completion") | {"choices": choices})

    # --- what it says ---
    def said(self, asked, index):
        """The message of a choice."""
        if self.message is not None:
            return {"role": "assistant", **self.message}
        tools = [tool["function"]["name"] for tool in asked.get("tools", ())]
        if tools and asked.get("tool_choice") != "none" and asked["messages"][-1]["role"] != "tool":
            names = tools if asked.get("parallel_tool_calls", True) else tools[:1]
            return {"role": "assistant", "content": None, "tool_calls": [call(asked, name) for name in names]}
        return {"role": "assistant", "content": f"{index + 1}. {answer(asked)}"}

    def choice(self, asked, index):
        message = self.said(asked, index)
        reason = "tool_calls" if message.get("tool_calls") else "stop"
        likely = {"content": logprobs(message["content"])} if asked.get("logprobs") else None
        return {"index": index, "message": message, "logprobs": likely, "finish_reason": reason}

    # --- how it says it ---
    async def stream(self, receive, send, asked):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        choices = [self.choice(asked, index) for index in range(asked.get("n") or 1)]
        deltas = [list(self.deltas(choice)) for choice in choices]
        if last_text(asked) in ("break off", "hold on"):
            deltas = [parts[:-1] for parts in deltas]
        for step in range(max(map(len, deltas))):  # choice by choice, as they would come of a batch
            for choice, parts in zip(choices, deltas, strict=True):
                if step < len(parts):
                    await self.chunk(
                        send, {"index": choice["index"], "finish_reason": None, "logprobs": None} | parts[step]
                    )
        if last_text(asked) == "break off":
            raise ConnectionAbortedError
        if last_text(asked) == "hold on":
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        for choice in choices:
            await self.chunk(send, {"index": choice["index"], "delta": {}, "finish_reason": choice["finish_reason"]})
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})

    def deltas(self, choice):
        message = choice["message"]
        yield {"delta": {"role": "assistant", "content": None}}
        for name in ("reasoning_content", "refusal", "content"):
            for piece in pieces(message.get(name) or ""):
                more = {"logprobs": {"content": logprobs(piece)}} if choice["logprobs"] else {}
                yield {"delta": {name: piece}} | more
        calls = message.get("tool_calls", ())
        for index, called in enumerate(calls):  # all begin, then their arguments grow side by side
            yield {
                "delta": {
                    "tool_calls": [{"index": index} | called | {"function": called["function"] | {"arguments": ""}}]
                }
            }
        grown = [pieces(called["function"]["arguments"]) for called in calls]
        for step in range(max(map(len, grown), default=0)):
            parts = [
                {"index": index, "function": {"arguments": arguments[step]}}
                for index, arguments in enumerate(grown)
                if step < len(arguments)
            ]
            yield {"delta": {"tool_calls": parts}}

    def head(self, kind):
        return {"id": "upstream", "object": kind, "created": 1, "model": "base"}

    async def chunk(self, send, choice):
        data = json.dumps(self.head("chat.completion.chunk") | {"choices": [choice]})
        await send({"type": "http.response.body", "body": f"data: {data}\n\n".encode(), "more_body": True})
        await asyncio.sleep(0)

    async def reply(self, send, value):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": json.dumps(value).encode()})


def call(asked, name):
    arguments = json.dumps({"said": last_text(asked)}, ensure_ascii=False)
    return {"id": f"call-{name}", "type": "function", "function": {"name": name, "arguments": arguments}}


def answer(asked):
    if images := [part["image_url"]["url"] for part in last_parts(asked) if part["type"] == "image_url"]:
        return " ".join(hashlib.sha256(url.encode()).hexdigest() for url in images)
    if (asked.get("response_format") or {}).get("type") == "json_schema":
        names = asked["response_format"]["json_schema"]["schema"]["properties"]
        return json.dumps(dict.fromkeys(names, last_text(asked)))
    return last_text(asked)


def last_parts(asked):
    content = asked["messages"][-1]["content"]
    return content if isinstance(content, list) else [{"type": "text", "text": content}]


def last_text(asked):
    return "".join(part["text"] for part in last_parts(asked) if part["type"] == "text")


def pieces(text):
    return [text[at : at + PIECE] for at in range(0, len(text), PIECE)]


def logprobs(text):
    return [{"token": word, "logprob": -0.5, "bytes": list(word.encode()), "top_logprobs": []} for word in text.split()]
