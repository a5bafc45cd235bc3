import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePools, parseQueueString, servesQueue, threadsFor } from './process-state';

const only = (...queues: string[]) => ({ kind: 'only', queues, ordered: false });

describe('a queue string, as GoodJob::Job.queue_parser reads it', () => {
  test.each([
    ['*', { kind: 'all' }],
    ['', { kind: 'all' }],
    [' \t\n ', { kind: 'all' }],
    ['\u3000', { kind: 'all' }],
    ['a', only('a')],
    ['first,second', only('first', 'second')],
    [' first , second ', only('first', 'second')],
    ['-first,second', { kind: 'except', queues: ['first', 'second'] }],
    ['- first', { kind: 'except', queues: ['first'] }],
    ['+first,second', { kind: 'only', queues: ['first', 'second'], ordered: true }],
    // A star among names is every queue, also where they were to be left out.
    ['a,*', { kind: 'all' }],
    ['-*', { kind: 'all' }],
    ['-a, * ', { kind: 'all' }],
    ['+*', { kind: 'all' }],
    // A star inside a name is a letter.
    ['mail*', only('mail*')],
    // Nothing is left out; nothing is served.
    ['-', { kind: 'except', queues: [] }],
    ['+', { kind: 'only', queues: [], ordered: true }],
    [',', only()],
    ['a,', only('a')],
    ['a,,b', only('a', '', 'b')],
    [',a', only('', 'a')],
    ['a, ,', only('a', '')],
    // Only the first sign is one, and only of the whole string.
    ['--a', { kind: 'except', queues: ['-a'] }],
    ['+-a', { kind: 'only', queues: ['-a'], ordered: true }],
    ['a,-b', only('a', '-b')],
    // Unicode's spaces are part of a name.
    ['a,\u3000b', only('a', '\u3000b')],
    ['キュー,Ａ', only('キュー', 'Ａ')],
  ])('%j', (text, served) => {
    expect(parseQueueString(text)).toEqual(served);
  });

  test('a job without a queue is taken by those that name none', () => {
    expect(
      ['*', '-a', '-', 'a', '+a', ''].map((text) => servesQueue(parseQueueString(text), null)),
    ).toEqual([true, true, true, false, false, true]);
  });

  test('names are compared as they are', () => {
    expect(['a', 'A', 'a ', 'ab'].map((name) => servesQueue(parseQueueString('a'), name))).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
});

describe('a configuration, as GoodJob::MultiScheduler reads it', () => {
  const read = (text: string) =>
    parsePools(text).map(({ queueString, maxThreads }) => [queueString, maxThreads]);

  test.each([
    ['*', [['*', 5]]],
    ['', [['*', 5]]],
    [
      'a:2;b:1',
      [
        ['a', 2],
        ['b', 1],
      ],
    ],
    [
      ' a , c : 2 ; -b ;+c,d:10',
      [
        ['a , c', 2],
        ['-b', 5],
        ['+c,d', 10],
      ],
    ],
    ['a:2;', [['a', 2]]],
    ['a:2:3', [['a', 2]]],
    ['a:', [['a', 5]]],
    ['a: ', [['a', 5]]],
    ['a:2_0x', [['a', 20]]],
    ['a:many', [['a', 0]]],
  ])('%j', (text, pools) => {
    expect(read(text)).toEqual(pools);
  });

  test.each([';a', ':2;a'])('%j: a pool without a name serves nothing', (text) => {
    const [nameless, named] = parsePools(text);
    expect(
      ['a', 'default', null].map((queue) => nameless && servesQueue(nameless.served, queue)),
    ).toEqual([false, false, false]);
    expect(named && servesQueue(named.served, 'a')).toBe(true);
  });

  test('threads are those of the pools that serve the queue', () => {
    const pools = [...parsePools('a:2;-a:3;*'), ...parsePools('a', null)];
    expect(threadsFor(pools, 'b')).toEqual({ pools: 2, threads: 8 });
    expect(threadsFor(pools, 'a')).toEqual({ pools: 3, threads: null });
    expect(threadsFor(parsePools('b'), 'a')).toEqual({ pools: 0, threads: 0 });
  });
});

test('any string serves what a reading letter by letter says', () => {
  const queues = ['a', 'b', 'ab', 'ba', 'aa', '', '*', '-a', '+a', 'a b', null];
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', '*', '-', '+', ',', ' ', '\t'),
    maxLength: 9,
  });
  fc.assert(
    fc.property(
      text,
      fc.constantFrom(...queues),
      (string, queue) => servesQueue(parseQueueString(string), queue) === oracle(string, queue),
    ),
    { numRuns: 20_000 },
  );
});

/** Job.queue_string without a parser's cleverness: letters are collected into names. */
function oracle(text: string, queue: string | null): boolean {
  const isSpace = (letter: string) => letter === ' ' || letter === '\t';
  const trim = (letters: string[]) => {
    while (letters[0] !== undefined && isSpace(letters[0])) letters.shift();
    while (letters.length > 0 && isSpace(letters[letters.length - 1] ?? '')) letters.pop();
    return letters;
  };
  const letters = trim([...text]);
  if (letters.length === 0) return true;
  const sign = letters[0] === '-' || letters[0] === '+' ? letters.shift() : '';
  const names: string[][] = [[]];
  for (const letter of letters) {
    if (letter === ',') names.push([]);
    else names[names.length - 1]?.push(letter);
  }
  while (names.length > 0 && names[names.length - 1]?.length === 0) names.pop();
  const found = names.map((name) => trim(name).join(''));
  if (found.some((name) => name === '*')) return true;
  const isNamed = queue !== null && found.some((name) => name === queue);
  return sign === '-' ? queue === null || !isNamed : isNamed;
}
