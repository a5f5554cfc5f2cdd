// node syntax.cjs FILE: the first syntax error of a PowerShell script, and exit status 1.
const { Parser, Language } = require('web-tree-sitter');
const { readFileSync } = require('fs');

const check = (node) => {
  if (node.isError || node.isMissing) {
    console.error(`${node.startPosition.row + 1}:${node.startPosition.column + 1}: syntax error: ${node.text}`);
    process.exit(1);
  }
  node.children.forEach(check);
};

(async () => {
  await Parser.init();
  const parser = new Parser();
  parser.setLanguage(await Language.load(require.resolve('tree-sitter-powershell/tree-sitter-powershell.wasm')));
  check(parser.parse(readFileSync(process.argv[2], 'utf8')).rootNode);
})();
