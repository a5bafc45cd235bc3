/*
 * Rejects the words of "Words not to use" in docs/glossary.md as parts of declared names. The last
 * column of that table names the exceptions in backticks; `…` stands for any characters.
 */

/** Returns the cells of the rows of the table under the heading. */
function readTable(text, heading) {
  const section = text.slice(text.indexOf(`## ${heading}`));
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function toPattern(name) {
  const escaped = name.split('…').map((part) => part.replace(/[^\w]/g, '\\$&'));
  return new RegExp(`^${escaped.join('\\w*')}$`);
}

/**
 * Returns the option of the rule: what to use instead of each word, and the allowed names. ESLint's
 * cache key includes options, so a new word is checked in unchanged files too.
 */
export function readBannedWords(glossary) {
  const replacements = {};
  const allowed = [];
  for (const [words, instead, exceptions] of readTable(glossary, 'Words not to use')) {
    for (const word of words.split(', ')) if (/^[\w ]+$/.test(word)) replacements[word] = instead;
    for (const [, name] of exceptions.matchAll(/`([\w…]+)`/g)) allowed.push(name);
  }
  return { replacements, allowed };
}

/** Splits a name in camelCase, PascalCase or UPPER_CASE: ` words in lower case `. */
const wordsOf = (name) =>
  ` ${name
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .replace(/[^a-z\d]+/g, ' ')} `;

/** An imported name is checked where it is declared. */
const isImportedName = ({ type, node }) =>
  type === 'ImportBinding' && (!node.imported || node.imported.name === node.local.name);

const bannedWords = {
  meta: {
    type: 'suggestion',
    schema: [{ type: 'object' }],
    messages: {
      banned: '"{{ name }}" has the word "{{ word }}": use {{ instead }} (docs/glossary.md).',
    },
  },
  create(context) {
    const [{ replacements, allowed }] = context.options;
    const patterns = allowed.map(toPattern);
    const check = ({ name, loc }) => {
      const words = wordsOf(name);
      const word = Object.keys(replacements).find((part) => words.includes(` ${part} `));
      if (word === undefined || patterns.some((pattern) => pattern.test(name))) return;
      const data = { name, word, instead: replacements[word] };
      context.report({ loc, messageId: 'banned', data });
    };
    return {
      'Program:exit'() {
        for (const { variables } of context.sourceCode.scopeManager.scopes)
          for (const { defs } of variables)
            if (defs[0]?.name.type === 'Identifier' && !isImportedName(defs[0]))
              check(defs[0].name);
      },
      ':matches(TSPropertySignature, TSMethodSignature, PropertyDefinition, MethodDefinition) > Identifier.key':
        check,
    };
  },
};

export default bannedWords;
