// Node's `ws` as an echo server for wsloop's client.
//
// server.mjs [CERTIFICATE KEY]  prints `listening PORT`, then `closed CODE REASON` for each connection that ends. It
// stops when its standard input ends. The texts `close me`, `fragment me` and `ping me` ask for what they say.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { createRequire } from "node:module";

const { WebSocketServer } = createRequire(process.env.WSLOOP_INTEROP + "/node/")("ws");
const [certificate, key] = process.argv.slice(2);

const server = certificate
  ? https.createServer({ cert: readFileSync(certificate), key: readFileSync(key) })
  : http.createServer();

new WebSocketServer({ server, perMessageDeflate: true }).on("connection", (ws) => {
  ws.on("message", async (data, binary) => {
    const text = binary ? undefined : data.toString();
    if (text === "close me") {
      ws.close(1000, "bye");
    } else if (text === "fragment me") {
      const parts = ["one ", "", "zwei ", "üç"];
      parts.forEach((part, i) => ws.send(part, { fin: i === parts.length - 1 }));
    } else if (text === "ping me") {
      ws.ping("are you there?");
      await once(ws, "pong");
      ws.send("pong seen");
    } else {
      ws.send(data, { binary });
    }
  });
  ws.on("close", (code, reason) => console.log("closed", code, reason.toString()));
});

server.listen(0, "127.0.0.1", () => console.log("listening", server.address().port));
process.stdin.resume().on("end", () => process.exit(0));
