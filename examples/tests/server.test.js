// SPDX-License-Identifier: MIT-0
//
//     systemfd -s http::0 --hold -- node --test
//
// Nothing waits for the server: its socket listens already.

const assert = require("node:assert");
const { execFileSync, spawn } = require("node:child_process");
const test = require("node:test");

test("the server says hello", async () => {
  const url = execFileSync("systemfd", ["url"], { encoding: "utf8" }).trim();
  const server = spawn("systemfd", ["--", "node", "server.js"], { stdio: "inherit" });
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
    assert.equal(await response.text(), "Hello\n");
  } finally {
    server.kill();
  }
});
