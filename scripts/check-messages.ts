import { type MessageFormatElement, TYPE, parse } from '@formatjs/icu-messageformat-parser';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

/*
 * Fails on a key that is missing or extra in one language, out of order, untranslated, not used anywhere, or
 * whose two messages take different arguments or tags.
 */
type Tree = { [key: string]: string | Tree };
const root = process.cwd();
const problems: string[] = [];

/** Names and signs, which hold no word to translate. */
const SAME = new Set([
  'app.name',
  'audit.inRole',
  'batch.expectedIn',
  'batches.onDiscard',
  'batches.onFinish',
  'batches.onSuccess',
  'door.heading',
  'processes.memory',
  'processes.notTold',
  'time.never',
]);

function load(locale: string): Map<string, string> {
  const flat = new Map<string, string>();
  const walk = (tree: Tree, prefix: string) => {
    const keys = Object.keys(tree);
    const sorted = [...keys].sort();
    if (keys.join() !== sorted.join())
      problems.push(`${locale}: the keys of "${prefix || 'the file'}" are not sorted`);
    for (const [key, value] of Object.entries(tree)) {
      const full = prefix ? `${prefix}.${key}` : key;
      if (typeof value === 'string') flat.set(full, value);
      else walk(value, full);
    }
  };
  walk(JSON.parse(readFileSync(path.join(root, 'messages', `${locale}.json`), 'utf8')) as Tree, '');
  return flat;
}

/** Names of arguments and tags a message takes. */
function takes(message: string): string {
  const names = new Set<string>();
  const walk = (elements: MessageFormatElement[]) => {
    for (const element of elements) {
      if (element.type !== TYPE.literal && element.type !== TYPE.pound)
        names.add(element.type === TYPE.tag ? `<${element.value}>` : element.value);
      if (element.type === TYPE.tag) walk(element.children);
      if (element.type === TYPE.plural || element.type === TYPE.select)
        Object.values(element.options).forEach((option) => walk(option.value));
    }
  };
  walk(parse(message));
  return [...names].sort().join(' ');
}

/** All sources in one text: a key counts as used when its last part stands in it as a word. */
function sources(): string {
  const texts: string[] = [];
  const walk = (folder: string) => {
    for (const entry of readdirSync(path.join(root, folder), { withFileTypes: true })) {
      const file = `${folder}/${entry.name}`;
      if (entry.isDirectory()) walk(file);
      else if (/\.tsx?$/.test(entry.name) && !entry.name.includes('.test.'))
        texts.push(readFileSync(path.join(root, file), 'utf8'));
    }
  };
  ['app', 'components', 'lib', 'server'].forEach(walk);
  return texts.join('\n');
}

const [en, ja, code] = [load('en'), load('ja'), sources()];
for (const key of en.keys()) if (!ja.has(key)) problems.push(`ja lacks ${key}`);
for (const key of ja.keys()) if (!en.has(key)) problems.push(`en lacks ${key}`);
for (const [key, english] of en) {
  const japanese = ja.get(key);
  if (japanese === undefined) continue;
  if (english.trim() === '' || japanese.trim() === '') problems.push(`${key} is empty`);
  if (!SAME.has(key) && !/[\u3040-\u30ff\u4e00-\u9fff]/.test(japanese))
    problems.push(`${key} is not translated: "${japanese}"`);
  if (/[\u3040-\u30ff\u4e00-\u9fff]/.test(english))
    problems.push(`${key} holds Japanese in English: "${english}"`);
  // An argument that only one language's grammar needs (a plural's count) is no fault.
  const [a, b] = [takes(english), takes(japanese)].map((names) =>
    names
      .split(' ')
      .filter((name) => name !== 'count')
      .join(' '),
  );
  if (a !== b) problems.push(`${key} takes {${a}} in English and {${b}} in Japanese`);
  const last = key.split('.').at(-1) ?? '';
  if (!new RegExp(`\\b${last}\\b`).test(code)) problems.push(`${key} is used nowhere`);
}
for (const problem of problems) console.error(problem);
console.log(`messages: ${en.size} keys in 2 languages, ${problems.length} problems`);
process.exit(problems.length > 0 ? 1 : 0);
