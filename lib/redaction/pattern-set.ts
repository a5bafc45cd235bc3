import { randomInt } from 'node:crypto';
import { STEP_SIZE, type Steps } from '../core/steps';
import { isAsciiDigit, isBase64, isWordPart } from './scan';

/*
 * Finds many patterns in one pass: an Aho-Corasick automaton over lower-case patterns, its edges in
 * a hash table of typed arrays. Building is linear in the pattern characters and matching in the
 * text; memory is about 30 bytes per character.
 */

/** Shorter patterns match case-sensitively. */
const MIN_CASE_INSENSITIVE_LENGTH = 8;
/** Shorter patterns match whole words only. */
const MIN_SUBSTRING_LENGTH = 6;

export interface Pattern {
  text: string;
  /** Hexadecimal or base64. A match extends to the end of the encoded run. */
  isEncoded: boolean;
}

/** The text in lower case, with its length unchanged so that offsets stay valid. */
function foldCase(text: string): string {
  const folded = text.replaceAll('\u0130', 'i').toLowerCase().replaceAll('ς', 'σ');
  return folded.length === text.length ? folded : text;
}

/** The length from which a prefix of a pattern matches, because error messages are truncated. */
function minMatchLength({ text: { length }, isEncoded }: Pattern): number {
  return isEncoded || length < 12 ? length : Math.max(8, Math.min(24, length >> 1));
}

const isNumber = (text: string) => /^\d+$/.test(text);
const NODE_FACTOR = randomInt(1 << 30) * 2 + 1;
const CHAR_FACTOR = randomInt(1 << 30) * 2 + 1;
const ROOT = 0;

/** An immutable set of patterns. Build it with `PatternSet.build`. */
export class PatternSet {
  /** Characters of all patterns. */
  readonly size: number;
  private readonly numbers = new Set<string>();
  private longestNumber = 0;
  /** Case-sensitive patterns by node. */
  private readonly exactPatterns = new Map<number, Set<string>>();
  /** 1 for the low byte of each pattern's first character. */
  private readonly firstBytes = new Uint8Array(256);
  // Edges: an open-addressing hash table from (node, character) to node.
  private readonly edgeNode: Int32Array;
  private readonly edgeChar: Uint16Array;
  private readonly edgeTarget: Int32Array;
  // Indexed by node.
  private readonly parent: Int32Array;
  private readonly depth: Int32Array;
  private readonly char: Uint16Array;
  private readonly fail: Int32Array;
  /**
   * While building: the shortest prefix that matches. Afterwards: the length of the match that ends
   * here, or 0.
   */
  private readonly matchLength: Int32Array;
  /** The nearest node of `exactPatterns`: this node or one on its chain of fail links; 0: none. */
  private readonly exactNode: Int32Array;
  private readonly endsEncoded: Uint8Array;
  private nodeCount = 1;

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
    this.matchLength = new Int32Array(nodes);
    this.exactNode = new Int32Array(nodes);
    this.endsEncoded = new Uint8Array(nodes);
  }

  /** Builds the set. Yields after every STEP_SIZE characters. */
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

  /**
   * Calls `hide` with each match. The matches of texts are disjoint and in order, after those of
   * numbers.
   */
  *match(text: string, hide: (from: number, to: number) => void): Steps<void> {
    if (this.numbers.size > 0) yield* this.matchNumbers(text, hide);
    if (this.nodeCount === 1) return;
    const folded = foldCase(text);
    const stack: number[] = [];
    let node = ROOT;
    let runEnd = 0;
    for (let at = 0; at < folded.length; at += 1) {
      if (at % STEP_SIZE === STEP_SIZE - 1) yield;
      const code = folded.charCodeAt(at);
      if (node === ROOT && this.firstBytes[code & 255] === 0) continue;
      node = this.nextNode(node, code);
      if (node === ROOT) continue;
      const exactLength = this.exactMatchLength(text, at + 1, node);
      const length = Math.max(this.matchLength[node] ?? 0, exactLength);
      if (length === 0) continue;
      let to = at + 1;
      if (this.endsEncoded[node] === 1) {
        if (runEnd < to) {
          runEnd = to;
          while (isBase64(text.charCodeAt(runEnd))) runEnd += 1;
        }
        to = runEnd;
      }
      pushSpan(stack, at + 1 - length, to);
    }
    for (let n = 0; n < stack.length; n += 2) hide(stack[n] ?? 0, stack[n + 1] ?? 0);
  }

  /**
   * `482133` never matches inside `4821330`, and inside a word only from MIN_SUBSTRING_LENGTH
   * digits on.
   */
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
      if (at - from >= MIN_SUBSTRING_LENGTH || !isPartOfWord) hide(from, at);
    }
  }

  private *insert(pattern: Pattern): Steps<void> {
    const { text, isEncoded } = pattern;
    if (isNumber(text)) {
      this.numbers.add(text);
      this.longestNumber = Math.max(this.longestNumber, text.length);
      return;
    }
    const isExact = text.length < MIN_CASE_INSENSITIVE_LENGTH && !isEncoded;
    const minLength = minMatchLength(pattern);
    const folded = foldCase(text);
    let node = ROOT;
    for (let at = 0; at < folded.length; at += 1) {
      if (at % STEP_SIZE === STEP_SIZE - 1) yield;
      node = this.addChild(node, folded.charCodeAt(at));
      if (isExact) continue;
      const current = this.matchLength[node] ?? 0;
      if (current === 0 || minLength < current) this.matchLength[node] = minLength;
    }
    this.firstBytes[folded.charCodeAt(0) & 255] = 1;
    if (isEncoded) this.endsEncoded[node] = 1;
    if (!isExact) return;
    const patterns = this.exactPatterns.get(node) ?? new Set();
    this.exactPatterns.set(node, patterns.add(text));
  }

  /**
   * Sets the fail links, parents first. Each points to the longest proper suffix that is a node.
   */
  private *link(): Steps<void> {
    const order = yield* nodesByDepth(this.depth, this.nodeCount);
    for (let n = 1; n < this.nodeCount; n += 1) {
      if (n % STEP_SIZE === 0) yield;
      const node = order[n] ?? 0;
      const parent = this.parent[node] ?? 0;
      const suffix =
        parent === ROOT ? ROOT : this.nextNode(this.fail[parent] ?? 0, this.char[node] ?? 0);
      this.fail[node] = suffix;
      const minLength = this.matchLength[node] ?? 0;
      const depth = this.depth[node] ?? 0;
      this.matchLength[node] =
        minLength > 0 && depth >= minLength ? depth : (this.matchLength[suffix] ?? 0);
      this.exactNode[node] = this.exactPatterns.has(node) ? node : (this.exactNode[suffix] ?? 0);
      if (this.endsEncoded[suffix] === 1) this.endsEncoded[node] = 1;
    }
  }

  /**
   * The length of the longest case-sensitive match that ends here, or 0. The loop tries at most
   * four lengths.
   */
  private exactMatchLength(text: string, to: number, node: number): number {
    let candidate = this.exactNode[node] ?? 0;
    while (candidate !== ROOT) {
      const from = to - (this.depth[candidate] ?? 0);
      if (
        this.exactPatterns.get(candidate)?.has(text.slice(from, to)) === true &&
        (to - from >= MIN_SUBSTRING_LENGTH ||
          !(isWordPart(text.charCodeAt(from - 1)) || isWordPart(text.charCodeAt(to))))
      )
        return to - from;
      candidate = this.exactNode[this.fail[candidate] ?? 0] ?? 0;
    }
    return 0;
  }

  /** The slot of this edge in the hash table, or the free slot where it belongs. */
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

  private addChild(node: number, code: number): number {
    const slot = this.slotOf(node, code);
    if (this.edgeNode[slot] !== -1) return this.edgeTarget[slot] ?? 0;
    const child = this.nodeCount;
    this.nodeCount += 1;
    this.edgeNode[slot] = node;
    this.edgeChar[slot] = code;
    this.edgeTarget[slot] = child;
    this.parent[child] = node;
    this.char[child] = code;
    this.depth[child] = (this.depth[node] ?? 0) + 1;
    return child;
  }

  private nextNode(from: number, code: number): number {
    for (let node = from; ; node = this.fail[node] ?? 0) {
      const slot = this.slotOf(node, code);
      if (this.edgeNode[slot] !== -1) return this.edgeTarget[slot] ?? 0;
      if (node === ROOT) return ROOT;
    }
  }
}

/**
 * Adds a span that ends after all others, and merges it with the spans that it overlaps or touches.
 */
function pushSpan(stack: number[], from: number, to: number): void {
  let start = from;
  let end = to;
  while (stack.length > 0 && (stack[stack.length - 1] ?? 0) >= start) {
    end = Math.max(end, stack.pop() ?? 0);
    start = Math.min(start, stack.pop() ?? 0);
  }
  stack.push(start, end);
}

/** The nodes in order of depth, the root first, by counting sort. */
function* nodesByDepth(depth: Int32Array, nodes: number): Steps<Int32Array> {
  const next = new Int32Array(nodes + 2);
  const add = (level: number, count: number) => {
    next[level] = (next[level] ?? 0) + count;
  };
  for (let node = 0; node < nodes; node += 1) add((depth[node] ?? 0) + 1, 1);
  yield;
  for (let level = 1; level < next.length; level += 1) add(level, next[level - 1] ?? 0);
  yield;
  const order = new Int32Array(nodes);
  for (let node = 0; node < nodes; node += 1) {
    const level = depth[node] ?? 0;
    order[next[level] ?? 0] = node;
    add(level, 1);
  }
  yield;
  return order;
}
