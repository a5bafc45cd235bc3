import { type MessageFormatElement, TYPE, parse } from '@formatjs/icu-messageformat-parser';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { createMessageProgram, findMessageUsage } from './message-usage';

/*
 * Fails if a message key is missing in one language, unsorted, untranslated or unused, or if its
 * messages have different arguments or tags. TypeScript reports a key that no message has.
 */
type Tree = { [key: string]: string | Tree };
const tree: z.ZodType<Tree> = z.record(
  z.string(),
  z.lazy(() => z.union([z.string(), tree])),
);
const root = process.cwd();
const problems: string[] = [];

/** Keys whose messages contain no translatable word. */
const UNTRANSLATED_KEYS = new Set([
  'app.name',
  'audit.inRole',
  'batch.expectedIn',
  'batches.onFinish',
  'gateway.heading',
  'processes.memory',
  'processes.notReported',
  'time.never',
]);

function load(locale: string): Map<string, string> {
  const flat = new Map<string, string>();
  const visit = (node: Tree, prefix: string) => {
    const keys = Object.keys(node);
    const sorted = [...keys].sort();
    if (keys.join() !== sorted.join())
      problems.push(`${locale}: the keys of "${prefix || 'the file'}" are not sorted`);
    for (const [key, value] of Object.entries(node)) {
      const full = prefix ? `${prefix}.${key}` : key;
      if (typeof value === 'string') flat.set(full, value);
      else visit(value, full);
    }
  };
  const text = readFileSync(path.join(root, 'messages', `${locale}.json`), 'utf8');
  visit(tree.parse(JSON.parse(text)), '');
  return flat;
}

/** The sorted names of the arguments and tags of a message. */
function argumentNames(message: string): string {
  const names = new Set<string>();
  const visit = (elements: MessageFormatElement[]) => {
    for (const element of elements) {
      if (element.type !== TYPE.literal && element.type !== TYPE.pound)
        names.add(element.type === TYPE.tag ? `<${element.value}>` : element.value);
      if (element.type === TYPE.tag) visit(element.children);
      if (element.type === TYPE.plural || element.type === TYPE.select)
        Object.values(element.options).forEach((option) => visit(option.value));
    }
  };
  visit(parse(message));
  // Only English needs the count of a plural.
  return [...names]
    .filter((name) => name !== 'count')
    .sort()
    .join(' ');
}

const en = load('en');
const ja = load('ja');
const usage = findMessageUsage(createMessageProgram(root));
problems.push(...usage.problems);
for (const key of en.keys()) if (!ja.has(key)) problems.push(`ja lacks ${key}`);
for (const key of ja.keys()) if (!en.has(key)) problems.push(`en lacks ${key}`);
for (const [key, english] of en) {
  const japanese = ja.get(key);
  if (japanese === undefined) continue;
  if (english.trim() === '' || japanese.trim() === '') problems.push(`${key} is empty`);
  if (!UNTRANSLATED_KEYS.has(key) && !/[\u3040-\u30ff\u4e00-\u9fff]/.test(japanese))
    problems.push(`${key} is not translated: "${japanese}"`);
  if (/[\u3040-\u30ff\u4e00-\u9fff]/.test(english))
    problems.push(`${key} holds Japanese in English: "${english}"`);
  const englishNames = argumentNames(english);
  const japaneseNames = argumentNames(japanese);
  if (englishNames !== japaneseNames)
    problems.push(`${key} takes {${englishNames}} in English and {${japaneseNames}} in Japanese`);
  const group = key.slice(0, key.lastIndexOf('.'));
  if (!usage.keys.has(key) && !usage.groups.has(group)) problems.push(`${key} is not used`);
}
for (const problem of problems) console.error(problem);
console.log(`messages: ${en.size} keys in 2 languages, ${problems.length} problems`);
process.exit(problems.length > 0 ? 1 : 0);
