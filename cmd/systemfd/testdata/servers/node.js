// Answers each request on descriptor 3 with "PID".
require('node:http')
  .createServer((request, response) => response.end(String(process.pid)))
  .listen({ fd: 3 });
