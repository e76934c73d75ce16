// A real `unicorn-rt serve` on a free port, for the tests of this folder. The environment is the one that server.py describes.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

export const artifact = process.env.UNICORN_ARTIFACT;
export const question = "What is 27 + 48?";
export const answer = "27 + 48 = 75";

/** Starts a server and waits until it is ready. `stop` sends SIGTERM and gives the exit status. */
export async function start(...args) {
  const child = spawn(process.env.UNICORN_RT, ["serve", ...args, "--port", "0"], { stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(child, "exit");
  const log = [];
  const url = await new Promise((resolve, reject) => {
    const lines = createInterface({ input: child.stderr });
    lines.on("line", (line) => {
      log.push(line);
      const found = line.match(/listening on (http:\/\/[0-9.]+:\d+)/);
      if (found) resolve(found[1]);
    });
    lines.on("close", () => reject(new Error(`the server did not start:\n${log.join("\n")}`)));
    child.on("error", reject);
  });
  const json = async (path) => (await fetch(url + path)).json();
  const server = {
    url,
    stats: async () => (await json("/stats")).models[0],
    stop: async () => {
      child.kill("SIGTERM");
      const [status] = await ended;
      return status;
    },
  };
  try {
    await until(async () => (await fetch(url + "/ready")).status === 200, "the server to be ready");
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  return server;
}

/** Polls until `test` gives true; fails after a minute. */
export async function until(test, what) {
  const end = Date.now() + 60_000;
  while (!(await test())) {
    if (Date.now() > end) throw new Error(`waited a minute for ${what}`);
    await sleep(20);
  }
}
