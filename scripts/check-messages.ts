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
  'bulk.progress',
  'duration.ms',
  'gateway.heading',
  'job.argumentsJson',
  'overview.heat.from',
  'processes.cron',
  'processes.memory',
  'processes.no',
  'processes.notReported',
  'preview.position',
  'processes.yes',
  'time.never',
]);

/** Words that docs/copy.md replaces by one word per concept. */
const REPLACED_WORDS = [
  ...['taken up', 'left alone', 'heed', 'mend', 'worked off', 'on record', 'may not ', 'nobody'],
  ...[
    '確保',
    '解放',
    '定期報告',
    '最終報告',
    '報告遅延',
    '標本',
    '推計',
    '伏せ',
    'アドレス',
    '問い合わせ番号',
  ],
  ...['今すぐ実行する状態', 'プロキシー', 'ワーカー消失', '何もしません'],
];

/** Titles, and parts of a sentence. */
const UNENDED_KEYS = new Set([
  'attention.nothing',
  'attention.processMissing',
  'errors.title',
  'navCounts.findings',
  'notFound.title',
  'performance.unknownClass',
  'tooLarge.text',
]);

/** Whether a Japanese text of です or ます style lacks its full stop. */
const isUnendedSentence = (japanese: string) =>
  /(?:です|ます|ません|ました|でした|ください)$/.test(japanese);

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
  if (!UNENDED_KEYS.has(key) && isUnendedSentence(japanese))
    problems.push(`${key} ends without 。: "${japanese}"`);
  for (const word of REPLACED_WORDS)
    if (english.toLowerCase().includes(word) || japanese.includes(word))
      problems.push(`${key} says "${word}"; docs/copy.md has the word for it`);
  if (key !== 'palette.commands.language' && /[\u3040-\u30ff\u4e00-\u9fff]/.test(english))
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
