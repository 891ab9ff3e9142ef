// The daemon, as it was built: a process of its own in front of one application.

import { spawn } from "node:child_process";
import { readdirSync, readlinkSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const LISTENS = "underpass: listening on ";

/** How long something may take that must come true, in milliseconds. */
export const PATIENCE = 30_000;

/** Starts the binary before the application at that port; resolves when it listens. */
export async function startDaemon(binary, port) {
  const rule = `ProxyPass "/" "http://127.0.0.1:${port}/" upgrade=websocket`;
  // An empty file: whatever configuration this machine has is not meant.
  const options = ["run", "-f", "/dev/null", "-C", "Listen 127.0.0.1:0", "-C", rule];
  const child = spawn(binary, options, { stdio: ["ignore", "inherit", "pipe"] });
  process.on("exit", () => child.kill());
  const lines = createInterface(child.stderr);
  const url = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`the daemon ended with ${code}`)));
    lines.on("line", (line) => {
      if (line.startsWith(LISTENS)) resolve(`http://${line.slice(LISTENS.length)}`);
      else console.error(line);
    });
  });
  return {
    url,
    /** How many sockets it has open; pipes, which it keeps for the next stream, are not counted. */
    sockets: () => {
      const descriptors = readdirSync(`/proc/${child.pid}/fd`).map((fd) => target(child.pid, fd));
      return descriptors.filter((what) => what.startsWith("socket:")).length;
    },
    /** Stops it by SIGTERM; its exit code. */
    stop: () => new Promise((resolve) => child.on("exit", resolve).kill()),
  };
}

/** What a descriptor is; nothing if it was closed meanwhile. */
function target(pid, descriptor) {
  try {
    return readlinkSync(`/proc/${pid}/fd/${descriptor}`);
  } catch {
    return "";
  }
}

/** Waits for what must come true. */
export async function eventually(what, isSo) {
  for (const began = Date.now(); !isSo(); await sleep(20)) {
    if (Date.now() - began > PATIENCE) throw new Error(`never came true: ${what}`);
  }
}
