import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/*
 * The words and signs that the code's own scanners know, read from its source: a pattern or a list of keywords that is
 * added tomorrow is attacked tomorrow, without anybody listing it here.
 */

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
/** Folders with code that reads job data in JavaScript. */
const CODE = ['lib', 'components'];
/** Strings of these are keywords; elsewhere a string is a message or a name of the code's own. */
const KEYWORD_FOLDERS = ['lib/redaction', 'lib/search'];
const WORD_LENGTH = 40;

/** The source of each pattern, and the words of each keyword list. */
export interface SourceWords {
  /** Literal runs of two characters or more, of every regular expression. */
  patternWords: string[];
  /** Words of the strings in lib/redaction. */
  keywords: string[];
  /** Signs that a regular expression or a comparison names. */
  signs: string[];
}

let cached: SourceWords | null = null;

/** Reads all source files, once. Throws if there are none: then the folders have moved. */
export function sourceWords(): SourceWords {
  return (cached ??= readSourceWords());
}

function readSourceWords(): SourceWords {
  const patternWords = new Set<string>();
  const keywords = new Set<string>();
  const signs = new Set<string>();
  const files = CODE.flatMap((folder) => sourceFiles(path.join(PROJECT, folder)));
  if (files.length === 0) throw new Error(`There is no source in ${CODE.join(' and ')}.`);
  for (const file of files) {
    const isKeywordFile = KEYWORD_FOLDERS.some((folder) =>
      path.relative(PROJECT, file).startsWith(folder),
    );
    forEachLiteral(file, ({ text, isPattern }) => {
      if (isPattern)
        for (const run of literalRuns(text)) (run.length > 1 ? patternWords : signs).add(run);
      else if (/^[^\p{L}\p{N}]{1,2}$/u.test(text)) signs.add(text);
      else if (isKeywordFile)
        for (const word of text.split(/[\s|]+/))
          if (word.length > 1 && word.length <= WORD_LENGTH) keywords.add(word);
    });
  }
  const sorted = (words: Set<string>) => [...words].sort();
  return {
    patternWords: sorted(patternWords),
    keywords: sorted(keywords),
    signs: sorted(signs),
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
  use: (literal: { text: string; isPattern: boolean }) => void,
): void {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest);
  const isPatternFactory = (node: ts.Node) =>
    (ts.isNewExpression(node) && node.expression.getText(source) === 'RegExp') ||
    (ts.isTaggedTemplateExpression(node) && node.tag.getText(source) === 'String.raw');
  const visit = (node: ts.Node, inPattern: boolean): void => {
    if (ts.isImportDeclaration(node)) return;
    if (ts.isRegularExpressionLiteral(node))
      use({ text: node.text.slice(1, node.text.lastIndexOf('/')), isPattern: true });
    else if (ts.isStringLiteralLike(node)) use({ text: node.text, isPattern: inPattern });
    else if (ts.isTemplateHead(node) || ts.isTemplateMiddle(node) || ts.isTemplateTail(node))
      use({ text: node.text, isPattern: inPattern });
    const isInside = inPattern || isPatternFactory(node);
    ts.forEachChild(node, (child) => visit(child, isInside));
  };
  visit(source, false);
}

/** The texts that a pattern holds literally: `/token:\s*(\w+)/` has `token:`. */
export function literalRuns(pattern: string): string[] {
  const runs = new Set<string>();
  let run = '';
  const end = () => {
    if (run !== '' && run.length <= WORD_LENGTH) runs.add(run);
    run = '';
  };
  for (let at = 0; at < pattern.length; at += 1) {
    const char = pattern.charAt(at);
    if (char === '\\') {
      at += 1;
      const escaped = pattern.charAt(at);
      if (/[A-Za-z0-9]/.test(escaped)) {
        end();
        at = endOfEscape(pattern, at);
      } else run += escaped;
    } else if (char === '[') {
      end();
      const close = endOfClass(pattern, at);
      for (const sign of pattern.slice(at + 1, close))
        if (/[^\p{L}\p{N}\\]/u.test(sign)) runs.add(sign);
      at = close;
    } else if (char === '{') {
      end();
      at = Math.max(at, pattern.indexOf('}', at));
    } else if (char === '(') {
      end();
      at +=
        /^\((?:\?(?:<[A-Za-z]\w*>|<?[=!]|:))?/.exec(pattern.slice(at, at + 40))?.[0].length ?? 1;
      at -= 1;
    } else if (/[|)*+?^$.]/.test(char)) end();
    else run += char;
  }
  end();
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
