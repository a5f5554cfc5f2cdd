// SPDX-License-Identifier: MIT-0

const server = require("node:http").createServer((request, response) => {
  response.end(`Hello from web, process ${process.pid}\n`);
});
server.listen({ fd: 3 });
