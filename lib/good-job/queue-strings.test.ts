import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePools, parseQueueString, servesQueue, queueThreads } from './processes';

const only = (...queues: string[]) => ({ kind: 'only', queues, ordered: false });

describe('parseQueueString, compared with GoodJob::Job.queue_parser', () => {
  it.each([
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
    // A star among names means every queue, even after a minus.
    ['a,*', { kind: 'all' }],
    ['-*', { kind: 'all' }],
    ['-a, * ', { kind: 'all' }],
    ['+*', { kind: 'all' }],
    // A star inside a name is an ordinary character.
    ['mail*', only('mail*')],
    // An empty list excludes, or includes, no queue.
    ['-', { kind: 'except', queues: [] }],
    ['+', { kind: 'only', queues: [], ordered: true }],
    [',', only()],
    ['a,', only('a')],
    ['a,,b', only('a', '', 'b')],
    [',a', only('', 'a')],
    ['a, ,', only('a', '')],
    // A sign counts only at the start of the string.
    ['--a', { kind: 'except', queues: ['-a'] }],
    ['+-a', { kind: 'only', queues: ['-a'], ordered: true }],
    ['a,-b', only('a', '-b')],
    // Unicode spaces are part of a name.
    ['a,\u3000b', only('a', '\u3000b')],
    ['キュー,Ａ', only('キュー', 'Ａ')],
  ])('parses the queue string %j', (text, served) => {
    expect(parseQueueString(text)).toEqual(served);
  });

  it('serves a job without a queue only by pools that include all or exclude some', () => {
    expect(
      ['*', '-a', '-', 'a', '+a', ''].map((text) => servesQueue(parseQueueString(text), null)),
    ).toEqual([true, true, true, false, false, true]);
  });

  it('compares queue names exactly', () => {
    expect(['a', 'A', 'a ', 'ab'].map((name) => servesQueue(parseQueueString('a'), name))).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
});

describe('parsePools, compared with GoodJob::MultiScheduler', () => {
  const parse = (text: string) =>
    parsePools(text).map(({ queueString, maxThreads }) => [queueString, maxThreads]);

  it.each([
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
  ])('parses the pool configuration %j', (text, pools) => {
    expect(parse(text)).toEqual(pools);
  });

  it.each([';a', ':2;a'])('the pool without a queue string in %j serves no queue', (text) => {
    const [nameless, named] = parsePools(text);
    expect(
      ['a', 'default', null].map((queue) => nameless && servesQueue(nameless.served, queue)),
    ).toEqual([false, false, false]);
    expect(named && servesQueue(named.served, 'a')).toBe(true);
  });

  it('sums the threads of the pools that serve a queue', () => {
    const pools = [...parsePools('a:2;-a:3;*'), ...parsePools('a', null)];
    expect(queueThreads(pools, 'b')).toEqual({ pools: 2, threads: 8 });
    expect(queueThreads(pools, 'a')).toEqual({ pools: 3, threads: null });
    expect(queueThreads(parsePools('b'), 'a')).toEqual({ pools: 0, threads: 0 });
  });
});

it('serves the same queues as a character-by-character parser for any string', () => {
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

/** A second implementation of `GoodJob::Job.queue_string`, character by character. */
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
  const queues = names.map((name) => trim(name).join(''));
  if (queues.some((name) => name === '*')) return true;
  const isNamed = queue !== null && queues.some((name) => name === queue);
  return sign === '-' ? queue === null || !isNamed : isNamed;
}
