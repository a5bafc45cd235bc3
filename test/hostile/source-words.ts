import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/*
 * Extracts the words and symbols that the project's parsers match from their source, so that new
 * patterns and keywords are tested without a list to maintain.
 */

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
/** Folders with code that reads job data in JavaScript. */
const SOURCE_FOLDERS = ['lib', 'components'];
/** Strings in these folders count as keywords; elsewhere they are messages or internal names. */
const KEYWORD_FOLDERS = ['lib/redaction', 'lib/search'];
const MAX_WORD_LENGTH = 40;

/** The literals of all regular expressions and keyword lists, sorted. */
interface SourceWords {
  /** Literal runs of at least two characters in regular expressions. */
  patternWords: string[];
  /** Words of the strings in KEYWORD_FOLDERS. */
  keywords: string[];
  /** Symbols in regular expressions and comparisons. */
  symbols: string[];
}

let cached: SourceWords | null = null;

/** The words of all source files, cached. Throws if the folders contain no source. */
export function sourceWords(): SourceWords {
  cached ??= readSourceWords();
  return cached;
}

function readSourceWords(): SourceWords {
  const patternWords = new Set<string>();
  const keywords = new Set<string>();
  const symbols = new Set<string>();
  const files = SOURCE_FOLDERS.flatMap((folder) => sourceFiles(path.join(PROJECT, folder)));
  if (files.length === 0) throw new Error(`There is no source in ${SOURCE_FOLDERS.join(' and ')}.`);
  for (const file of files) {
    const isKeywordFile = KEYWORD_FOLDERS.some((folder) =>
      path.relative(PROJECT, file).startsWith(folder),
    );
    forEachLiteral(file, ({ text, isPattern }) => {
      if (isPattern)
        for (const run of literalRuns(text)) (run.length > 1 ? patternWords : symbols).add(run);
      else if (/^[^\p{L}\p{N}]{1,2}$/u.test(text)) symbols.add(text);
      else if (isKeywordFile)
        for (const word of text.split(/[\s|]+/))
          if (word.length > 1 && word.length <= MAX_WORD_LENGTH) keywords.add(word);
    });
  }
  const sorted = (words: Set<string>) => [...words].sort();
  return {
    patternWords: sorted(patternWords),
    keywords: sorted(keywords),
    symbols: sorted(symbols),
  };
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter(
      (entry) =>
        entry.isFile() && /\.tsx?$/.test(entry.name) && !/\.(?:test|d)\.tsx?$/.test(entry.name),
    )
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
}

function forEachLiteral(
  file: string,
  callback: (literal: { text: string; isPattern: boolean }) => void,
): void {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest);
  const isPatternFactory = (node: ts.Node) =>
    (ts.isNewExpression(node) && node.expression.getText(source) === 'RegExp') ||
    (ts.isTaggedTemplateExpression(node) && node.tag.getText(source) === 'String.raw');
  const visit = (node: ts.Node, inPattern: boolean): void => {
    if (ts.isImportDeclaration(node)) return;
    if (ts.isRegularExpressionLiteral(node))
      callback({ text: node.text.slice(1, node.text.lastIndexOf('/')), isPattern: true });
    else if (ts.isStringLiteralLike(node)) callback({ text: node.text, isPattern: inPattern });
    else if (ts.isTemplateHead(node) || ts.isTemplateMiddle(node) || ts.isTemplateTail(node))
      callback({ text: node.text, isPattern: inPattern });
    const isInside = inPattern || isPatternFactory(node);
    ts.forEachChild(node, (child) => visit(child, isInside));
  };
  visit(source, false);
}

/** The literal runs of a pattern: `token:` for `/token:\s*(\w+)/`. */
export function literalRuns(pattern: string): string[] {
  const runs = new Set<string>();
  let run = '';
  const endRun = () => {
    if (run !== '' && run.length <= MAX_WORD_LENGTH) runs.add(run);
    run = '';
  };
  for (let at = 0; at < pattern.length; at += 1) {
    const char = pattern.charAt(at);
    if (char === '\\') {
      at += 1;
      const escaped = pattern.charAt(at);
      if (/[A-Za-z0-9]/.test(escaped)) {
        endRun();
        at = endOfEscape(pattern, at);
      } else run += escaped;
    } else if (char === '[') {
      endRun();
      const close = endOfClass(pattern, at);
      for (const symbol of pattern.slice(at + 1, close))
        if (/[^\p{L}\p{N}\\]/u.test(symbol)) runs.add(symbol);
      at = close;
    } else if (char === '{') {
      endRun();
      at = Math.max(at, pattern.indexOf('}', at));
    } else if (char === '(') {
      endRun();
      at +=
        /^\((?:\?(?:<[A-Za-z]\w*>|<?[=!]|:))?/.exec(pattern.slice(at, at + 40))?.[0].length ?? 1;
      at -= 1;
    } else if (/[|)*+?^$.]/.test(char)) endRun();
    else run += char;
  }
  endRun();
  return [...runs];
}

function endOfEscape(pattern: string, at: number): number {
  if (pattern.charAt(at + 1) === '{') return Math.max(at, pattern.indexOf('}', at));
  if (pattern.charAt(at) === 'u') return at + 4;
  return pattern.charAt(at) === 'x' ? at + 2 : at;
}

function endOfClass(pattern: string, from: number): number {
  for (let at = from + 1; at < pattern.length; at += 1) {
    if (pattern.charAt(at) === '\\') at += 1;
    else if (pattern.charAt(at) === ']') return at;
  }
  return pattern.length;
}
