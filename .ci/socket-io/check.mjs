// Clients of Socket.IO and of SockJS through the daemon: who begins on HTTP polling ends on a WebSocket,
// who stays on polling is served too, nothing is lost, and nothing is left open.
//
// node check.mjs BINARY

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, globalAgent } from "node:http";
import { Server } from "socket.io";
import { io } from "socket.io-client";
import sockjs from "sockjs";
import SockJS from "sockjs-client";
import { PATIENCE, eventually, startDaemon } from "./daemon.mjs";

/** Clients of Socket.IO with the transports that it has by default, and on polling alone. */
const UPGRADING = 80;
const POLLING = 20;
/** Of SockJS, so many clients on each. */
const TRANSPORTS = ["websocket", "xhr-streaming", "xhr-polling"];
const EACH = 10;
/** Messages of each client. */
const ROUNDS = 10;

/** What the application has seen of each library's clients. */
const seen = { io: { messages: 0, disconnects: 0 }, sockjs: { messages: 0, disconnects: 0 } };

/** An application that echoes over both libraries, on a free port. */
async function startApplication() {
  const http = createServer();
  new Server(http).on("connection", (socket) => {
    socket.on("echo", (message, answer) => {
      seen.io.messages += 1;
      answer(message);
      socket.emit("pushed", message);
    });
    socket.on("disconnect", () => (seen.io.disconnects += 1));
  });
  // A client that ends its streaming answer may only have shut its side: the daemon knows better when
  // the next heartbeat is not taken.
  const echo = sockjs.createServer({ log: () => {}, heartbeat_delay: 500 });
  echo.on("connection", (socket) => {
    socket.on("data", (message) => {
      seen.sockjs.messages += 1;
      socket.write(message);
    });
    socket.on("close", () => (seen.sockjs.disconnects += 1));
  });
  echo.installHandlers(http, { prefix: "/sockjs" });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  return http;
}

/** What a client sends in a round: a text, and bytes; every fourth is large. */
function message(round) {
  const size = round % 4 === 3 ? 100_000 : 20;
  return { text: randomBytes(size).toString("base64"), bytes: randomBytes(size) };
}

/** A client of Socket.IO: begins on polling, echoes, and is on that transport when it leaves. */
async function socketIo(url, last, options) {
  const socket = io(url, { forceNew: true, reconnection: false, ...options });
  const [sent, pushed] = [[], []];
  socket.on("pushed", (message) => pushed.push(message));
  const { engine } = socket.io;
  const first = once(engine, "open").then(() => engine.transport.name);
  const upgraded = last === "polling" || once(engine, "upgrade", { signal: AbortSignal.timeout(PATIENCE) });
  await new Promise((resolve, reject) => socket.on("connect", resolve).on("connect_error", reject));
  assert.equal(await first, "polling");
  for (let round = 0; round < ROUNDS; round += 1) {
    // The first half crosses with the change of transport, the second comes after it.
    if (round === ROUNDS / 2) await upgraded;
    sent.push(message(round));
    const answer = await socket.timeout(PATIENCE).emitWithAck("echo", sent[round]);
    assert.deepEqual(answer, sent[round]);
  }
  await eventually("all that was pushed has come", () => pushed.length >= ROUNDS);
  assert.deepEqual(pushed, sent);
  assert.equal(engine.transport.name, last);
  socket.disconnect();
}

/** A client of SockJS on that one of its transports. */
async function sockJs(url, transport) {
  const socket = new SockJS(`${url}/sockjs`, null, { transports: [transport] });
  const [sent, heard] = [[], []];
  socket.onmessage = ({ data }) => heard.push(data);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onclose = reject;
  });
  for (let round = 0; round < ROUNDS; round += 1) {
    sent.push(message(round).text);
    socket.send(sent[round]);
  }
  await eventually("all that was echoed has come", () => {
    assert.equal(socket.readyState, SockJS.OPEN, `${transport} was closed`);
    return heard.length >= ROUNDS;
  });
  assert.deepEqual(heard, sent);
  assert.equal(socket.transport, transport);
  socket.close();
}

/** So many of what that makes. */
const times = (count, make) => Array.from({ length: count }, make);

const http = await startApplication();
const daemon = await startDaemon(process.argv[2], http.address().port);
const before = daemon.sockets();
let peak = before;
const sampling = setInterval(() => (peak = Math.max(peak, daemon.sockets())), 10);

await Promise.all([
  ...times(UPGRADING, () => socketIo(daemon.url, "websocket", {})),
  ...times(POLLING, () => socketIo(daemon.url, "polling", { transports: ["polling"] })),
]);
await eventually("all have left", () => seen.io.disconnects === UPGRADING + POLLING);
assert.equal(seen.io.messages, (UPGRADING + POLLING) * ROUNDS);

await Promise.all(TRANSPORTS.flatMap((name) => times(EACH, () => sockJs(daemon.url, name))));
await eventually("all have left", () => seen.sockjs.disconnects === EACH * TRANSPORTS.length);
assert.equal(seen.sockjs.messages, EACH * TRANSPORTS.length * ROUNDS);

clearInterval(sampling);
globalAgent.destroy();
http.closeAllConnections();
await eventually("every socket is given back", () => daemon.sockets() <= before);
const after = daemon.sockets();
assert.equal(await daemon.stop(), 0);
http.close();
console.log(
  `Socket.IO: ${UPGRADING} clients from polling to WebSocket, ${POLLING} on polling, ` +
    `${seen.io.messages} messages and pushes each way; ` +
    `SockJS: ${EACH} clients on each of ${TRANSPORTS.join(", ")}, ${seen.sockjs.messages} echoes; ` +
    `nothing lost, every leave seen; the daemon's sockets: ${before} before, ${peak} at the peak, ${after} after`,
);
