// Node's `ws` in compressed conversations with wsloop; what is said is in tests/it/interop_talk.rs.
//
// Called as deflate_websockets.py is; SETTINGS is JSON: what `perMessageDeflate` takes.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(process.env.WSLOOP_INTEROP + "/node/");
const { WebSocket, WebSocketServer } = require("ws");
const [role, path, ...runs] = process.argv.slice(2);

function read(rest) {
  const messages = [];
  while (rest.length > 0) {
    const end = 5 + rest.readUInt32BE(1);
    messages.push({ isText: (rest[0] & 1) !== 0, isFragmented: (rest[0] & 2) !== 0, bytes: rest.subarray(5, end) });
    rest = rest.subarray(end);
  }
  return messages;
}

async function say(ws, number, { isText, isFragmented, bytes }) {
  if (number % 3 === 0) {
    ws.ping(`ping ${number}`);
    const [pong] = await once(ws, "pong");
    assert.equal(pong.toString(), `ping ${number}`);
  }
  const third = Math.floor(bytes.length / 3);
  const cuts = isFragmented ? [0, third, third, bytes.length - 1, bytes.length] : [0, bytes.length];
  for (let i = 1; i < cuts.length; i++) {
    ws.send(bytes.subarray(cuts[i - 1], cuts[i]), { fin: i === cuts.length - 1, binary: !isText });
    if (isFragmented) {
      ws.ping();
    }
  }
}

async function talk(ws, known, closes, isClient) {
  const late = new Promise((_, reject) => setTimeout(reject, 60_000, new Error("timed out")).unref());
  const came = [];
  let wake = () => {};
  ws.on("message", (data, isBinary) => {
    came.push({ data, isBinary });
    wake();
  });
  const ended = once(ws, "close");
  const hear = async () => {
    while (came.length === 0) {
      await Promise.race([new Promise((resolve) => (wake = resolve)), late, ended.then(() => assert.fail("ended"))]);
    }
    return came.shift();
  };
  try {
    if (isClient) {
      await Promise.race([once(ws, "open"), late]);
    }
    const params = ws._extensions["permessage-deflate"]?.params;
    console.log("agreed", params === undefined ? "nothing" : JSON.stringify(params));
    for (const [number, message] of known.entries()) {
      if (isClient) {
        await say(ws, number, message);
      }
      const { data, isBinary } = await hear();
      assert.equal(isBinary, !message.isText, `message ${number}`);
      assert.ok(data.equals(message.bytes), `message ${number}: ${data.length} bytes, not ${message.bytes.length}`);
      if (!isClient) {
        await say(ws, number, message);
      }
    }
    closes ? ws.close(1000, "enough") : ws.send("close me");
    const [code, reason] = await Promise.race([ended, late]);
    assert.equal(code, 1000);
    assert.ok(closes || reason.toString() === "bye", reason.toString());
    console.log("ok");
  } catch (error) {
    console.log(`failed ${error.message.split("\n")[0]}`);
  }
  ws.terminate();
}

console.log("version", require("ws/package.json").version);
const known = read(readFileSync(path));
if (role === "client") {
  for (let i = 0; i < runs.length; i += 3) {
    const ws = new WebSocket(runs[i], { perMessageDeflate: JSON.parse(runs[i + 1]) });
    ws.on("error", (error) => console.log(`failed ${error.message}`));
    await talk(ws, known, runs[i + 2] === "peer", true);
  }
  console.log("done");
  process.exit(0);
}
for (let i = 0; i < runs.length; i += 2) {
  const how = { host: "127.0.0.1", port: 0, maxPayload: 0, perMessageDeflate: JSON.parse(runs[i]) };
  const server = new WebSocketServer(how).on("connection", (ws) => talk(ws, known, runs[i + 1] === "peer", false));
  await once(server, "listening");
  console.log("listening", server.address().port);
}
process.stdin.resume().on("end", () => process.exit(0));
