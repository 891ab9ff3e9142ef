// Reads the cases of core/tests/differential.rs with Node's http server, whose parser is llhttp: all that
// went on must be good to it, and the same.
//
// The file's form is told in core/tests/http11/tell.rs. Usage: node by_node.mjs cases.txt

import { once } from "node:events";
import { readFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { isDeepStrictEqual } from "node:util";

// Where we lawfully pass what Node refuses, in one of its versions: a name, and the sentence that allows it.
const LAWFUL = {
  "smuggling/trailer-cl": "RFC 9112 7.1.2: a recipient may discard trailers, whatever they are",
  "smuggling/trailer-te": "RFC 9112 7.1.2: the same",
  "valid/a-coding-in-any-case": "RFC 9110 5.5: blanks around a value are no part of it",
  "request-line/unknown-method": "RFC 9110 9.1: a method is any token; llhttp knows a list of them",
  "request-line/method-case": "RFC 9110 9.1: the same, `get` being another method than GET",
};

function cases(path) {
  const all = [];
  const bytes = (hex) => Buffer.from(hex, "hex").toString("latin1");
  for (const line of readFileSync(path, "ascii").trimEnd().split("\n")) {
    const [word, ...rest] = line.split(" ");
    const last = all.at(-1);
    if (word === "case") all.push({ name: rest[0], passed: [], heard: [] });
    else if (word === "said") last.said = bytes(rest[0]);
    else if (word === "passed") last.passed.push([Number(rest[0]), rest[1], bytes(rest[2])]);
    else if (word === "heard") last.heard.push({ whole: rest[0] === "whole", data: bytes(rest[1]), expected: [] });
    else if (word === "request") last.heard.at(-1).expected.push([rest[0], rest[1], bytes(rest[2])]);
    else throw new Error(`what is ${line}?`);
  }
  return all;
}

// What the connection under way has said, as the server understood it.
let requests, refused;

const server = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    requests.push([request.method, request.url, Buffer.concat(parts).toString("latin1")]);
    response.end();
  });
  request.on("error", (error) => (refused ??= error.message));
});
server.httpAllowHalfOpen = true;
server.on("clientError", (error, socket) => {
  refused ??= error.message;
  socket.destroy();
});
server.on("checkExpectation", (request, response) => {
  refused ??= "an unknown expectation";
  response.writeHead(417).end();
});

/** The requests in `data`, each with method, target and body, and why there are no more. */
async function read(data) {
  [requests, refused] = [[], undefined];
  const opened = once(server, "connection");
  const client = net.connect(server.address().port, "127.0.0.1");
  const [socket] = await opened;
  const closed = new Promise((resolve) => socket.once("close", resolve));
  client.on("error", () => {}).resume();
  client.end(data, "latin1");
  await closed;
  client.destroy();
  return { requests, refused };
}

async function differences(one) {
  const found = [];
  const show = (what) => JSON.stringify(what).slice(0, 300);
  for (const { whole, data, expected } of one.heard) {
    const { requests, refused } = await read(data);
    if (!isDeepStrictEqual(requests, expected)) {
      found.push(`of what we sent it reads ${show(requests)}, we count ${show(expected)}`);
    }
    if (whole && refused) found.push(`refuses what we sent: ${refused}`);
  }
  const said = one.passed.length ? await read(one.said) : undefined;
  for (const [number, method, body] of one.passed) {
    const it = said.requests[number];
    if (!it) found.push(`refuses request ${number} that we passed: ${said.refused}`);
    else if (it[0] !== method || it[2] !== body) found.push(`reads request ${number} as ${show(it)}`);
  }
  return found;
}

server.listen(0, "127.0.0.1");
await once(server, "listening");
const found = [];
let passed = 0;
for (const one of cases(process.argv[2])) {
  passed += one.passed.length;
  for (const difference of await differences(one)) {
    if (!(one.name in LAWFUL)) found.push(`${one.name}: Node ${difference}`);
  }
}
found.push(`Node ${process.version} (llhttp ${process.versions.llhttp}): ${passed} requests passed, ${found.length} differences`);
console.log(found.join("\n"));
server.closeAllConnections();
server.close();
process.exitCode = found.length > 1 || !passed ? 1 : 0;
