// Clients on Node's `ws`: client.mjs URL CERTIFICATE SECONDS good|bad COUNT.
//
// The good ones are held to what checker.py says of a client; the bad ones flood and don't read, break off, or send what is no
// text. Prints a JSON line at the end: {"messages", "reconnects", "problems", "misdeeds"}.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

const WebSocket = createRequire(process.env.WSLOOP_INTEROP + "/node/")("ws");
const [url, certificate, seconds, manners, count] = process.argv.slice(2);
const ca = readFileSync(certificate);
const deadline = Date.now() + Number(seconds) * 1000;
const totals = { messages: 0, reconnects: 0, problems: [], misdeeds: {} };
const below = (bound) => Math.floor(Math.random() * bound);

async function open() {
  const ws = new WebSocket(url, { ca, perMessageDeflate: false });
  await once(ws, "open");
  return ws;
}

async function good(index) {
  const owed = [];
  let number = 0;
  let problem = null;
  await sleep(below(2000));
  while (Date.now() < deadline && !problem) {
    const ws = await open();
    ws.on("message", (data) => {
      const text = data.toString();
      const expected = owed.shift();
      if (expected === undefined || text !== expected + "\n") {
        problem ??= `ws-${index}: ${expected?.slice(0, 60)} was owed, and ${text.slice(0, 60)} came`;
      }
      totals.messages += 1;
    });
    ws.on("error", (error) => { problem ??= `ws-${index}: ${error.message}`; });
    const closed = once(ws, "close");
    let isEnded = false;
    closed.then(() => { isEnded = true; });
    const until = Math.min(deadline, Date.now() + 5000 + below(35000));
    while (Date.now() < until && !problem && !isEnded) {
      const lines = Array.from({ length: 1 + below(4) }, () => {
        const fill = "x".repeat(below([10, 125, 125, 1000, 20000][below(5)]));
        const line = JSON.stringify({ client: `ws-${index}`, number: number++, fill });
        owed.push(line);
        return line + "\n";
      }).join("");
      const cut = Math.random() < 0.2 ? 1 + below(lines.length - 1) : lines.length;
      ws.send(lines.slice(0, cut));
      if (cut < lines.length) ws.send(lines.slice(cut));
      for (const since = Date.now(); owed.length > 10 && !isEnded && !problem; ) {
        if (Date.now() - since > 60000) problem ??= `ws-${index}: ${owed.length} replies never came`;
        await sleep(10);
      }
      await sleep(20 + below(380));
    }
    for (const since = Date.now(); owed.length > 0 && !isEnded && !problem; ) {
      if (Date.now() - since > 60000) problem ??= `ws-${index}: ${owed.length} replies never came`;
      await sleep(10);
    }
    if (isEnded) problem ??= `ws-${index}: the server ended the connection`;
    ws.close(1000);
    const [code] = await closed;
    if (code !== 1000) problem ??= `ws-${index}: closed with ${code} instead of 1000`;
    totals.reconnects += 1;
  }
  if (problem) totals.problems.push(problem);
}

const misdeeds = {
  async flood(ws) {
    ws._socket.pause();
    const line = JSON.stringify({ fill: "x".repeat(2000) }) + "\n";
    for (let sent = 0; sent < 3000 && ws.readyState === 1; sent++) {
      ws.send(line);
      if (sent % 100 === 0) await sleep(5);
    }
    await sleep(1000 + below(3000));
  },
  async pings(ws) {
    ws._socket.pause();
    for (let sent = 0; sent < 3000 && ws.readyState === 1; sent++) {
      ws.ping("x".repeat(100));
      if (sent % 100 === 0) await sleep(5);
    }
  },
  async noJson(ws) {
    for (let sent = 0; sent < 50; sent++) ws.send("no json at all\n");
    await sleep(200);
  },
  async binary(ws) {
    for (let sent = 0; sent < 50; sent++) ws.send(Buffer.from([0xff, 0xfe, 10]));
    await sleep(200);
  },
  async halfLine(ws) {
    ws.send("x".repeat(100000));
    await sleep(500);
  },
};

async function bad() {
  const kinds = Object.keys(misdeeds);
  await sleep(below(3000));
  while (Date.now() < deadline) {
    const kind = kinds[below(kinds.length)];
    try {
      const ws = await open();
      ws.on("error", () => {});
      await misdeeds[kind](ws);
      ws.terminate();
      totals.misdeeds[kind] = (totals.misdeeds[kind] ?? 0) + 1;
    } catch {
      // It was refused, or ended: that is what it is for.
    }
    await sleep(200 + below(1500));
  }
}

const clients = Array.from({ length: Number(count) }, (_, index) => (manners === "good" ? good(index) : bad()));
for (const result of await Promise.allSettled(clients)) {
  if (result.status === "rejected") totals.problems.push(String(result.reason));
}
console.log(JSON.stringify(totals));
process.exit(0);
