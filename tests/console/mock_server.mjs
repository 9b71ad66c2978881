// A stand-in for bedplate: serves console/dist under the strict policy the real server sends, and answers the API in
// ways a test chooses by the model's name. It remembers each request, and whether the client went away in the middle.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";

const kTypes = {
  ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
  ".json": "application/json", ".svg": "image/svg+xml", ".woff2": "font/woff2",
};
export const kPolicy = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
  + "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export const kMarkdown = `## Binary search

It halves a **sorted** list until the value is found, so it takes *O(log n)* steps. See [the article](https://example.com/search) or \`bisect\`.

\`\`\`python
def find(items: list[int], wanted: int) -> int | None:
    """Return the index of wanted, or None."""
    low, high = 0, len(items)
    while low < high:
        middle = (low + high) // 2  # rounds down
        if items[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low if low < len(items) and items[low] == wanted else None
\`\`\`

1. Start with the whole list.
2. Compare with the middle:
   - smaller: go left
   - larger: go right
3. Stop when nothing is left.

| Items | Linear, on average | Binary, at most |
|------:|-------------------:|----------------:|
| 100 | 50 | 7 |
| 1,000,000 | 500,000 | 20 |

> The list must stay sorted.

- [x] Works on an empty list
- [ ] Handles duplicates
`;

// What a model that was told to attack the reader might write.
export const kHostile = `<img src="https://tracker.example/a.png" onerror="window.hacked=1"><script>window.hacked=1</script>

![pixel](https://tracker.example/pixel.png) [run](javascript:window.hacked=1) [data](data:text/html,<script>1</script>)

<iframe src="https://tracker.example"></iframe> &lt;b&gt;entities&lt;/b&gt; <b onclick="x">bold</b>

[fine](https://example.com/?q=1&amp;r=2) <https://example.com/auto>
`;

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

function sendError(response, status, error, headers = {}) {
  response.writeHead(status, { "content-type": "application/json", "x-request-id": "req-test-1", ...headers });
  response.end(JSON.stringify({ error: { type: "invalid_request_error", param: null, code: null, ...error } }));
}

export class MockServer {
  requests = [];        // {path, body, headers, aborted, finished}
  models = ["mock-fast", "mock-slow", "mock-base", "mock-markdown", "mock-hostile", "mock-broken", "mock-cut", "mock-busy", "mock-context", "mock-long", "mock-think"];
  key = "";             // when set, the API wants to be signed in to with it
  session = "";
  sessions = 0;
  dist;
  server;
  port = 0;
  sockets = new Set();

  constructor(dist) {
    this.dist = dist;
  }

  async start(port = 0) {
    this.server = createServer((request, response) => this.handle(request, response).catch((error) => {
      console.error(error);
      response.destroy();
    }));
    this.server.on("connection", (socket) => {
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket));
    });
    await new Promise((done) => this.server.listen(port, "127.0.0.1", done));
    this.port = this.server.address().port;
    return `http://127.0.0.1:${this.port}`;
  }

  async stop() {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((done) => this.server.close(done));
  }

  get lastChat() {
    return this.requests.findLast((entry) => entry.path.startsWith("/v1/") && entry.body);
  }

  async handle(request, response) {
    const path = new URL(request.url, "http://x").pathname;
    if (path === "/console/session") return this.answerSession(request, response);
    if (request.method === "GET" && !path.startsWith("/v1/")) return this.serveFile(path, response);
    const entry = { path, headers: request.headers, body: undefined, aborted: false, finished: false };
    this.requests.push(entry);
    if (this.key !== "" && !this.signedIn(request)) return sendError(response, 401, { message: "You are no longer signed in here.", code: "session_ended" });
    if (path === "/v1/models") {
      response.writeHead(200, { "content-type": "application/json" });
      return response.end(JSON.stringify({ object: "list", data: this.models.map((id) => ({ id, object: "model", created: 0, owned_by: "test", context_length: 8192 })) }));
    }
    let text = "";
    for await (const piece of request) text += piece;
    entry.body = JSON.parse(text);
    response.on("close", () => { entry.aborted = !entry.finished; });
    await this.answer(path, entry, response);
  }

  signedIn(request) {
    return this.session !== "" && (request.headers.cookie ?? "").includes(`bedplate_session=${this.session}`);
  }

  /// As a server with a key file: one key, no roles.
  async answerSession(request, response) {
    let text = "";
    for await (const piece of request) text += piece;
    const answer = (signed_in, headers = {}) => {
      response.writeHead(200, { "content-type": "application/json", ...headers });
      const who = signed_in ? { tenant: "default", project: "default", key: "ada", name: null, role: null, operator: false, ends_at: 0, may_use_models: true, may_read_metrics: true, may: {} } : {};
      response.end(JSON.stringify({ object: "console_session", keys_asked: this.key !== "", signed_in, ...who }));
    };
    if (request.method === "GET") return answer(this.key !== "" && this.signedIn(request));
    if (request.method === "DELETE") {
      this.session = "";
      return answer(false);
    }
    if (JSON.parse(text).key !== this.key) return sendError(response, 401, { message: "Incorrect API key provided.", code: "invalid_api_key" });
    this.session = `session-${++this.sessions}`;
    return answer(true, { "set-cookie": `bedplate_session=${this.session}; Path=/; HttpOnly; SameSite=Strict` });
  }

  async answer(path, entry, response) {
    const { model } = entry.body;
    const chat = path === "/v1/chat/completions";
    if (model === "mock-base" && chat) {
      return sendError(response, 400, { message: "Model 'mock-base' has no chat template. Start bedplate with --chat-template FILE, or use /v1/completions, which takes plain text.", param: "model", code: "no_chat_template" });
    }
    if (model === "mock-busy") return sendError(response, 429, { message: "The queue is full: 64 of 64 requests wait.", type: "rate_limit_error", code: "queue_full" }, { "retry-after": "6" });
    if (model === "mock-context") return sendError(response, 400, { message: "This model's maximum context length is 8192 tokens. Your request has 9001.", code: "context_length_exceeded", param: "messages" });

    const answers = {
      "mock-markdown": kMarkdown, "mock-hostile": kHostile,
      "mock-long": Array.from({ length: 120 }, (_, i) => `Paragraph ${i + 1} of a long answer, with a few more words so that lines fill.\n\n`).join(""),
      "mock-slow": Array.from({ length: 200 }, (_, i) => `word${i} `).join(""),
    };
    const answer = answers[model] ?? `You said: ${chat ? entry.body.messages.at(-1).content : "…and so it went on."} — grüße, 你好, 👍🏽.`;
    const pause_ms = model === "mock-slow" ? 40 : model === "mock-long" ? 8 : 1;
    const pieces = answer.match(/[\s\S]{1,6}/gu);

    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", "x-request-id": "req-test-2" });
    const id = { id: "chatcmpl-1", object: chat ? "chat.completion.chunk" : "text_completion", created: 0, model };
    const choice = (text) => (chat ? { index: 0, delta: { content: text }, finish_reason: null } : { index: 0, text, finish_reason: null });
    const send = (value) => response.write(`data: ${JSON.stringify(value)}\n\n`);
    response.write(": ping\n\n");
    if (chat) send({ ...id, choices: [{ index: 0, delta: { role: "assistant" }, finish_reason: null }], usage: null });
    if (model === "mock-think") for (const text of ["The user ", "greets me."]) { send({ ...id, choices: [{ index: 0, delta: { reasoning_content: text } }] }); await sleep(60); }
    let sent = 0;
    for (const text of pieces) {
      if (response.destroyed) return;
      if (model === "mock-broken" && sent === 4) {
        response.end(`data: ${JSON.stringify({ error: { message: "The model ran out of pages and the request was ended.", type: "server_error", code: "out_of_memory" } })}\n\n`);
        entry.finished = true;
        return;
      }
      if (model === "mock-cut" && sent === 4) return response.destroy();
      // Bytes cut at odd places, as a network does.
      const bytes = Buffer.from(`data: ${JSON.stringify({ ...id, choices: [choice(text)], usage: null })}\n\n`);
      const cut = (sent * 7) % bytes.length;
      response.write(bytes.subarray(0, cut));
      response.write(bytes.subarray(cut));
      ++sent;
      await sleep(pause_ms);
    }
    const end = entry.body.max_tokens && sent >= entry.body.max_tokens ? "length" : "stop";
    send({ ...id, choices: [{ index: 0, ...(chat ? { delta: {} } : { text: "" }), finish_reason: end }], usage: null });
    if (entry.body.stream_options?.include_usage) {
      send({ ...id, choices: [], usage: { prompt_tokens: 42, completion_tokens: sent, total_tokens: 42 + sent, prompt_tokens_details: { cached_tokens: 16 } } });
    }
    entry.finished = true;
    response.end("data: [DONE]\n\n");
  }

  async serveFile(path, response) {
    const name = normalize(path === "/" ? "/index.html" : path);
    try {
      const bytes = await readFile(join(this.dist, name));
      response.writeHead(200, { "content-type": kTypes[extname(name)] ?? "application/octet-stream", "content-security-policy": kPolicy, "x-content-type-options": "nosniff", "cache-control": "no-cache" });
      response.end(bytes);
    } catch {
      response.writeHead(404, { "content-type": "text/plain" });
      response.end("not found");
    }
  }
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const server = new MockServer(new URL("../../console/dist", import.meta.url).pathname);
  console.log(await server.start(Number(process.env.PORT ?? 8099)));
}
