// node parse.cjs <code: what PowerShell code, on standard input, would do, as JSON: {"assigned": {NAME: VALUE}, "commands":
// [TEXT]}, in the order of the code. A syntax error, or a value that PowerShell would expand, is exit status 1.
const { Parser, Language } = require('web-tree-sitter');
const { readFileSync } = require('fs');

const fail = (what, node) => {
  console.error(`${node.startPosition.row + 1}:${node.startPosition.column + 1}: ${what}: ${node.text}`);
  process.exit(1);
};

const does = { assigned: {}, commands: [] };

const walk = (node) => {
  if (node.isError || node.isMissing) fail('syntax error', node);
  switch (node.type) {
    case 'assignment_expression': {
      const [left, , right] = node.children;
      const literal = /^'([^']*)'$/.exec(right.text) || /^(\$PID)$/.exec(right.text);
      if (!literal) fail('neither a literal nor $PID', right);
      does.assigned[left.text] = literal[1];
      break;
    }
    case 'command':
    case 'flow_control_statement':
      does.commands.push(node.text);
  }
  node.children.forEach(walk);
};

(async () => {
  await Parser.init();
  const parser = new Parser();
  parser.setLanguage(await Language.load(require.resolve('tree-sitter-powershell/tree-sitter-powershell.wasm')));
  walk(parser.parse(readFileSync(0, 'utf8')).rootNode);
  console.log(JSON.stringify(does));
})();
