// Writes to the file "seen" what probe says about a process called server.
const load = process.getBuiltinModule ?? require; // a module has no require
const fs = load('node:fs');
const tell = (socket) => {
  const lines = [`pid ${process.pid}`, ...Object.entries(process.env).filter(([name]) => name.startsWith('LISTEN_')).map(([name, value]) => `env ${name}=${value}`), ...socket];
  fs.writeFileSync('seen.part', lines.join('\n') + '\n');
  fs.renameSync('seen.part', 'seen');
};
load('node:net')
  .createServer()
  .on('error', () => tell([]))
  .listen({ fd: 3 }, () => tell(['fd 3 socket type=1 listening=1 by node']));
