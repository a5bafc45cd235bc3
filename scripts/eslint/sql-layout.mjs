/*
 * The layout of SQL in `sql` templates: one clause per line, keywords in upper case, at most 100
 * columns. A template, subquery or function call that begins and ends on one line is fine.
 */
const MAX_COLUMNS = 100;
const CLAUSE = /\b(SELECT|(?<!DISTINCT )FROM|WHERE|GROUP BY|ORDER BY|LIMIT|OFFSET|JOIN)\b/g;
/** Reserved words of PostgreSQL, which cannot be the name of a column. */
const RESERVED_WORDS =
  'select|from|where|group by|order by|limit|offset|join|on|and|or|not|is|in|as|case|when|then|' +
  'else|end|distinct|having|union|with|asc|desc|like|ilike|returning|lateral|into|null';
/** An alias and the value of a setting may be a reserved word. */
const LOWER_CASE_KEYWORD = new RegExp(`(?<!AS |= )\\b(${RESERVED_WORDS})\\b`);
const NOT_CODE = /'(?:[^']|'')*'|"[^"]*"|--[^\n]*|\/\*[^]*?\*\//g;

const blank = (text) => text.replace(/[^\n]/g, ' ');

/** Returns the SQL of a template at its original columns, without values, literals and comments. */
function codeOf(template, source) {
  const start = template.range[0];
  let text = source.getText(template);
  for (const expression of template.expressions) {
    const [from, to] = expression.range.map((offset) => offset - start);
    text = text.slice(0, from) + blank(text.slice(from, to)) + text.slice(to);
  }
  return text.replace(NOT_CODE, blank).replace(/[`${}]/g, ' ');
}

/** The clause keywords of a line that are not within parentheses opened on the same line. */
function clausesOutsideParentheses(line) {
  let depth = 0;
  const outside = [...line].map((character) => {
    if (character === ')') depth = Math.max(0, depth - 1);
    const isOutside = depth === 0;
    if (character === '(') depth += 1;
    return isOutside ? character : ' ';
  });
  return outside.join('').match(CLAUSE) ?? [];
}

const sqlLayout = {
  meta: {
    type: 'layout',
    schema: [],
    messages: {
      clauses: 'One clause a line: {{ clauses }} are on one line.',
      lowerCase: 'SQL keywords are upper case: {{ keyword }}.',
      columns: 'A line of SQL has at most {{ max }} columns, and this one has {{ columns }}.',
    },
  },
  create(context) {
    const { sourceCode } = context;
    return {
      "TaggedTemplateExpression[tag.name='sql']"({ quasi }) {
        const firstLine = quasi.loc.start.line;
        const isOneLine = quasi.loc.end.line === firstLine;
        codeOf(quasi, sourceCode)
          .split('\n')
          .forEach((line, index) => {
            const loc = { line: firstLine + index, column: 0 };
            const columns = sourceCode.lines[loc.line - 1].length;
            const clauses = clausesOutsideParentheses(line);
            const keyword = LOWER_CASE_KEYWORD.exec(line)?.[0];
            if (clauses.length > 1 && !isOneLine)
              context.report({ loc, messageId: 'clauses', data: { clauses: clauses.join(', ') } });
            if (keyword) context.report({ loc, messageId: 'lowerCase', data: { keyword } });
            if (columns > MAX_COLUMNS)
              context.report({ loc, messageId: 'columns', data: { max: MAX_COLUMNS, columns } });
          });
      },
    };
  },
};

export default sqlLayout;
