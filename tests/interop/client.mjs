// Node's `ws` as a client of wsloop's echo server.
//
// client.mjs URL CERTIFICATE|- CASE…  prints `ok CASE` or `failed CASE: why` for each case, and `done` at the end.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const WebSocket = createRequire(process.env.WSLOOP_INTEROP + "/node/")("ws");
const [url, certificate, ...wanted] = process.argv.slice(2);
const ca = certificate === "-" ? undefined : readFileSync(certificate);
const MEBI = 1024 * 1024;

async function echoes(ws, sent, expected = sent) {
  ws.send(sent);
  const [data, isBinary] = await once(ws, "message");
  assert.equal(isBinary, typeof expected !== "string");
  assert.ok(data.equals(Buffer.from(expected)), `${data.length} bytes came back`);
}

async function fragments(ws, parts, binary) {
  parts.forEach((part, i) => ws.send(part, { fin: i === parts.length - 1, binary }));
  const [data, isBinary] = await once(ws, "message");
  assert.equal(isBinary, binary);
  assert.ok(data.equals(Buffer.concat(parts.map((part) => Buffer.from(part)))), `${data.length} bytes came back`);
}

const cases = {
  text: (ws) => echoes(ws, "Grüße, 世界 🌍"),
  binary: (ws) => echoes(ws, Buffer.from(Array.from({ length: 256 }, (_, i) => i))),
  async empty(ws) {
    await echoes(ws, "");
    await echoes(ws, Buffer.alloc(0));
  },
  async mebibyte(ws) {
    await echoes(ws, "x".repeat(MEBI));
    await echoes(ws, Buffer.from(Array.from({ length: MEBI }, (_, i) => i % 251)));
  },
  async fragmented(ws) {
    await fragments(ws, ["one ", "", "zwei ", "üç"], false);
    await fragments(ws, [Buffer.of(0), Buffer.alloc(70000, 255), Buffer.of(1)], true);
  },
  async ping(ws) {
    ws.ping("are you there?");
    const [data] = await once(ws, "pong");
    assert.equal(data.toString(), "are you there?");
    await echoes(ws, "after the ping");
  },
  // `ws` answers pings itself; the server tells when it has seen the answer.
  pinged: (ws) => echoes(ws, "ping me", "pong seen"),
  async close_first(ws) {
    ws.close(4321, "I go first");
    const [code] = await once(ws, "close");
    assert.equal(code, 4321);
  },
  async closed_first(ws) {
    ws.send("close me");
    const [code, reason] = await once(ws, "close");
    assert.deepEqual([code, reason.toString()], [1000, "bye"]);
  },
};

for (const name of wanted) {
  const ws = new WebSocket(url, { ca, perMessageDeflate: true });
  const late = new Promise((_, reject) => setTimeout(reject, 20_000, new Error("timed out")).unref());
  try {
    await Promise.race([once(ws, "open").then(() => cases[name](ws)), late]);
    if (ws.readyState === WebSocket.OPEN) {
      ws.close(1000);
      await Promise.race([once(ws, "close"), late]);
    }
    console.log("ok", name);
  } catch (error) {
    console.log(`failed ${name}: ${error.message.split("\n")[0]}`);
  }
  ws.terminate();
}
console.log("done");
