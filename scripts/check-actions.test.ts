import { describe, expect, it } from 'vitest';
import { findActionProblems, findManifestProblems, findFileProblems } from './check-actions';

const check = (text: string) =>
  findFileProblems('x.ts', text).map((line) => line.replace(/^x\.ts:/, ''));

it('findActionProblems finds no problem in the project', () => {
  expect(findActionProblems(process.cwd())).toEqual([]);
});

describe('findFileProblems', () => {
  it.each([
    [`'use server';\nexport async function act(given: unknown) { return given; }`],
    [`'use server';\nimport x from 'y';\nexport type T = 1;\nexport interface I {}\nconst a = 1;`],
    [`'use server';\nasync function inner() {}\nexport async function act() { return inner(); }`],
    [`'use client';\nexport const text = 'use server';`],
  ])('findFileProblems accepts %j', (text) => expect(check(text)).toEqual([]));

  it.each([
    ['an inline action', `export function Page() { async function act() { 'use server'; } }`, 1],
    ['an inline arrow', `const act = async () => {\n 'use server';\n};`, 1],
    ['an inline method', `const o = { async act() { 'use strict'; 'use server'; } };`, 1],
    ['an exported arrow', `'use server';\nexport const act = async () => {};`, 2],
    ['an exported closure', `'use server';\nexport const act = make(secret);`, 2],
    ['a re-export', `'use server';\nexport { act } from './other';`, 2],
    ['an export list', `'use server';\nasync function act() {}\nexport { act };`, 3],
    ['a default export', `'use server';\nexport default make();`, 2],
    ['a bound action', `const bound = act.bind(null, id);`, 1],
    ['an optional bind', `const bound = act?.bind(null, id);`, 1],
    ['bind by name', `const bound = act['bind'](null, id);`, 1],
    ['bind by destructuring', `const { bind: make } = act;`, 1],
    ['a loose schema', `'use server';\nconst input = z.object({ id: z.string() });`, 2],
  ])('findFileProblems rejects %s', (_, text, line) => {
    const problems = check(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^${line}: `));
  });

  it('findManifestProblems reports an inline action in the build manifest', () => {
    const manifest = (exportedName: string) =>
      JSON.stringify({ node: { a: { filename: 'app/page.tsx', exportedName } }, edge: {} });
    expect(findManifestProblems(manifest('$$RSC_SERVER_ACTION_0'))).toHaveLength(1);
    expect(findManifestProblems(manifest('changeJob'))).toEqual([]);
  });
});
