// For node --watch, which runs only Node programs: the server is a child of the watched program. The arguments are its
// command and, if it needs one, a descriptor to pass as 3.
const [command, ...descriptors] = process.argv.slice(2)
require(`${process.cwd()}/watched`)
const server = require('node:child_process').spawn(command, {
  shell: true,
  stdio: ['inherit', 'inherit', 'inherit', ...descriptors.map(Number)],
})
server.on('exit', () => process.exit())
process.on('SIGTERM', () => server.kill()) // the shell has become the server, by exec
