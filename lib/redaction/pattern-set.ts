import { randomInt } from 'node:crypto';
import { STEP_SIZE, type Steps } from '../core/steps';
import { isAsciiDigit, isBase64, isWordPart } from './scan';

/*
 * Finds many patterns in a text at once: the automaton of Aho and Corasick over the patterns in lower case, its edges in
 * one hash table of typed arrays. To build it is linear in the characters of the patterns and to match is linear in the
 * text, whatever the patterns have in common and however often they overlap. About 30 bytes a character of the patterns.
 */

/** Shorter patterns are found in their own case only. */
const ANY_CASE_LENGTH = 8;
/** Shorter patterns are found as whole words only. */
const INSIDE_LENGTH = 6;

export interface Pattern {
  text: string;
  /** In hexadecimal or base64: what continues it is hidden with it. */
  isEncoded: boolean;
}

/** In lower case, with the length that it had. */
export function foldCase(text: string): string {
  const folded = text.replaceAll('\u0130', 'i').toLowerCase().replaceAll('ς', 'σ');
  return folded.length === text.length ? folded : text;
}

/** Characters from which on a pattern is found although its end is missing, because error messages are cut. */
function prefixLength({ text: { length }, isEncoded }: Pattern): number {
  return isEncoded || length < 12 ? length : Math.max(8, Math.min(24, length >> 1));
}

const isNumber = (text: string) => /^\d+$/.test(text);
const NODE_FACTOR = randomInt(1 << 30) * 2 + 1;
const CHAR_FACTOR = randomInt(1 << 30) * 2 + 1;
const ROOT = 0;

export class PatternSet {
  /** Characters of all patterns. */
  readonly size: number;
  private readonly numbers = new Set<string>();
  private longestNumber = 0;
  /** Patterns that are found in their own case only, by node. */
  private readonly exact = new Map<number, Set<string>>();
  private readonly isFirst = new Uint8Array(256);
  // Edges: an open-addressing hash table from (node, character) to node.
  private readonly edgeNode: Int32Array;
  private readonly edgeChar: Uint16Array;
  private readonly edgeTarget: Int32Array;
  // By node.
  private readonly parent: Int32Array;
  private readonly depth: Int32Array;
  private readonly char: Uint16Array;
  private readonly fail: Int32Array;
  /** The shortest prefix that counts as found, while it is built; then the length that is found here, or 0. */
  private readonly found: Int32Array;
  /** The nearest node of `exact` at this node or behind its fail links; 0: none. */
  private readonly exactNode: Int32Array;
  private readonly endsEncoded: Uint8Array;
  private nodes = 1;

  private constructor(readonly patterns: readonly Pattern[]) {
    this.size = patterns.reduce((sum, { text }) => sum + text.length, 0);
    let slots = 16;
    while (slots < 2 * this.size) slots *= 2;
    this.edgeNode = new Int32Array(slots).fill(-1);
    this.edgeChar = new Uint16Array(slots);
    this.edgeTarget = new Int32Array(slots);
    const nodes = this.size + 1;
    this.parent = new Int32Array(nodes);
    this.depth = new Int32Array(nodes);
    this.char = new Uint16Array(nodes);
    this.fail = new Int32Array(nodes);
    this.found = new Int32Array(nodes);
    this.exactNode = new Int32Array(nodes);
    this.endsEncoded = new Uint8Array(nodes);
  }

  static *build(patterns: readonly Pattern[]): Steps<PatternSet> {
    const set = new PatternSet(patterns);
    let untilStep = STEP_SIZE;
    for (const pattern of patterns) {
      yield* set.insert(pattern);
      untilStep -= pattern.text.length;
      if (untilStep > 0) continue;
      untilStep = STEP_SIZE;
      yield;
    }
    yield* set.link();
    return set;
  }

  /** Calls `hide` for disjoint spans of the text, in order. */
  *match(text: string, hide: (from: number, to: number) => void): Steps<void> {
    if (this.numbers.size > 0) yield* this.matchNumbers(text, hide);
    if (this.nodes === 1) return;
    const folded = foldCase(text);
    const stack: number[] = [];
    let node = ROOT;
    let runEnd = 0;
    for (let at = 0; at < folded.length; at += 1) {
      if (at % STEP_SIZE === STEP_SIZE - 1) yield;
      const code = folded.charCodeAt(at);
      if (node === ROOT && this.isFirst[code & 255] === 0) continue;
      node = this.next(node, code);
      if (node === ROOT) continue;
      const length = Math.max(this.found[node] ?? 0, this.exactLength(text, at + 1, node));
      if (length === 0) continue;
      let to = at + 1;
      if (this.endsEncoded[node] === 1) {
        if (runEnd < to) for (runEnd = to; isBase64(text.charCodeAt(runEnd));) runEnd += 1;
        to = runEnd;
      }
      push(stack, at + 1 - length, to);
    }
    for (let n = 0; n < stack.length; n += 2) hide(stack[n] ?? 0, stack[n + 1] ?? 0);
  }

  /** `482133` is not found in `4821330`; inside a word it is found from INSIDE_LENGTH digits on. */
  private *matchNumbers(text: string, hide: (from: number, to: number) => void): Steps<void> {
    let nextStep = STEP_SIZE;
    for (let at = 0; at < text.length; at += 1) {
      if (at > nextStep) {
        nextStep = at + STEP_SIZE;
        yield;
      }
      if (!isAsciiDigit(text.charCodeAt(at))) continue;
      const from = at;
      while (isAsciiDigit(text.charCodeAt(at))) at += 1;
      if (at - from > this.longestNumber || !this.numbers.has(text.slice(from, at))) continue;
      const isPartOfWord = isWordPart(text.charCodeAt(from - 1)) || isWordPart(text.charCodeAt(at));
      if (at - from >= INSIDE_LENGTH || !isPartOfWord) hide(from, at);
    }
  }

  private *insert(pattern: Pattern): Steps<void> {
    const { text, isEncoded } = pattern;
    if (isNumber(text)) {
      this.numbers.add(text);
      this.longestNumber = Math.max(this.longestNumber, text.length);
      return;
    }
    const isExact = text.length < ANY_CASE_LENGTH && !isEncoded;
    const shortest = prefixLength(pattern);
    const folded = foldCase(text);
    let node = ROOT;
    for (let at = 0; at < folded.length; at += 1) {
      if (at % STEP_SIZE === STEP_SIZE - 1) yield;
      node = this.child(node, folded.charCodeAt(at));
      if (isExact) continue;
      const known = this.found[node] ?? 0;
      if (known === 0 || shortest < known) this.found[node] = shortest;
    }
    this.isFirst[folded.charCodeAt(0) & 255] = 1;
    if (isEncoded) this.endsEncoded[node] = 1;
    if (!isExact) return;
    const known = this.exact.get(node) ?? new Set();
    this.exact.set(node, known.add(text));
  }

  /** Fail links, parents first: each node's link is to its longest proper suffix that is a node. */
  private *link(): Steps<void> {
    const order = yield* nodesByDepth(this.depth, this.nodes);
    for (let n = 1; n < this.nodes; n += 1) {
      if (n % STEP_SIZE === 0) yield;
      const node = order[n] ?? 0;
      const parent = this.parent[node] ?? 0;
      const suffix =
        parent === ROOT ? ROOT : this.next(this.fail[parent] ?? 0, this.char[node] ?? 0);
      this.fail[node] = suffix;
      const shortest = this.found[node] ?? 0;
      const depth = this.depth[node] ?? 0;
      this.found[node] = shortest > 0 && depth >= shortest ? depth : (this.found[suffix] ?? 0);
      this.exactNode[node] = this.exact.has(node) ? node : (this.exactNode[suffix] ?? 0);
      if (this.endsEncoded[suffix] === 1) this.endsEncoded[node] = 1;
    }
  }

  /** The longest pattern in its own case that ends here; there are at most four lengths of them. */
  private exactLength(text: string, to: number, node: number): number {
    let own = this.exactNode[node] ?? 0;
    while (own !== ROOT) {
      const from = to - (this.depth[own] ?? 0);
      if (
        this.exact.get(own)?.has(text.slice(from, to)) === true &&
        (to - from >= INSIDE_LENGTH ||
          !(isWordPart(text.charCodeAt(from - 1)) || isWordPart(text.charCodeAt(to))))
      )
        return to - from;
      own = this.exactNode[this.fail[own] ?? 0] ?? 0;
    }
    return 0;
  }

  private slotOf(node: number, code: number): number {
    const mask = this.edgeNode.length - 1;
    let hash = Math.imul(node, NODE_FACTOR) ^ Math.imul(code, CHAR_FACTOR);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    let slot = (hash ^ (hash >>> 13)) & mask;
    while (
      this.edgeNode[slot] !== -1 &&
      (this.edgeNode[slot] !== node || this.edgeChar[slot] !== code)
    )
      slot = (slot + 1) & mask;
    return slot;
  }

  private child(node: number, code: number): number {
    const slot = this.slotOf(node, code);
    if (this.edgeNode[slot] !== -1) return this.edgeTarget[slot] ?? 0;
    const child = this.nodes;
    this.nodes += 1;
    this.edgeNode[slot] = node;
    this.edgeChar[slot] = code;
    this.edgeTarget[slot] = child;
    this.parent[child] = node;
    this.char[child] = code;
    this.depth[child] = (this.depth[node] ?? 0) + 1;
    return child;
  }

  private next(from: number, code: number): number {
    for (let node = from; ; node = this.fail[node] ?? 0) {
      const slot = this.slotOf(node, code);
      if (this.edgeNode[slot] !== -1) return this.edgeTarget[slot] ?? 0;
      if (node === ROOT) return ROOT;
    }
  }
}

/** Adds a span that ends behind all others, and joins it with those that it touches. */
function push(stack: number[], from: number, to: number): void {
  let [start, end] = [from, to];
  while (stack.length > 0 && (stack[stack.length - 1] ?? 0) >= start) {
    end = Math.max(end, stack.pop() ?? 0);
    start = Math.min(start, stack.pop() ?? 0);
  }
  stack.push(start, end);
}

/** The root first; a counting sort. */
function* nodesByDepth(depth: Int32Array, nodes: number): Steps<Int32Array> {
  const next = new Int32Array(nodes + 2);
  for (let node = 0; node < nodes; node += 1) next[(depth[node] ?? 0) + 1]! += 1;
  yield;
  for (let level = 1; level < next.length; level += 1) next[level]! += next[level - 1] ?? 0;
  yield;
  const order = new Int32Array(nodes);
  for (let node = 0; node < nodes; node += 1) {
    const level = depth[node] ?? 0;
    order[next[level] ?? 0] = node;
    next[level]! += 1;
  }
  yield;
  return order;
}
