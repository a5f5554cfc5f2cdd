// SPDX-License-Identifier: MIT-0

const server = require("node:http").createServer((request, response) => response.end("Hello\n"));
server.listen({ fd: 3 });
