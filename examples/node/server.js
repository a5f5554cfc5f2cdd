// SPDX-License-Identifier: MIT-0
//
//     systemfd -s http::3000 -- node server.js
//     systemfd --hold -s http::3000 -- nodemon --signal SIGTERM --exec "systemfd -- node" server.js

const server = require("node:http").createServer((request, response) => {
  response.end(`Hello from process ${process.pid}\n`);
});
server.listen({ fd: 3 });
process.on("SIGTERM", () => server.close());
