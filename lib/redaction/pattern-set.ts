import { randomInt } from 'node:crypto';
import { STEP_SIZE, type Steps } from '../core/steps';
import { isAsciiDigit, isBase64, isWordPart } from './scan';

/*
 * Finds many patterns in one pass: an Aho-Corasick automaton over lower-case patterns. Nodes that
 * one pattern adds are numbered in a row, so only the first edge of a row needs a hash table.
 * Building is linear in the pattern characters and matching in the text; memory is about 11 bytes
 * per character.
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
const isExact = ({ text, isEncoded }: Pattern) =>
  text.length < MIN_CASE_INSENSITIVE_LENGTH && !isEncoded;
const NODE_FACTOR = randomInt(1 << 30) * 2 + 1;
const CHAR_FACTOR = randomInt(1 << 30) * 2 + 1;
const ROOT = 0;

/** A flag of a node: its parent is the node before it. */
const FOLLOWS = 1;
/** A flag of a node: it has children in the hash table. */
const BRANCHES = 2;
/** A flag of a node: an encoded pattern ends here, or at a suffix of this node. */
const ENDS_ENCODED = 4;

/** Nodes from `start` on that one pattern added, until the start of the next row. */
interface Row {
  start: number;
  parent: number;
  /** The depth of `start`. */
  depth: number;
}

/** Calls with the span of a match. */
type Hide = (from: number, to: number) => void;

/** An immutable set of patterns. Build it with `PatternSet.build`. */
export class PatternSet {
  /** Characters of all patterns. */
  readonly size: number;
  private readonly numbers = new Set<string>();
  private longestNumber = 0;
  /** Case-sensitive patterns by node, and their length. */
  private readonly exactPatterns = new Map<number, { length: number; texts: Set<string> }>();
  /** Children of the root by character, 0: none. */
  private readonly rootChildren = new Int32Array(256);
  // Edges to the first nodes of rows: an open-addressing hash table from (node, character).
  private readonly edgeNode: Int32Array;
  private readonly edgeChar: Uint16Array;
  private readonly edgeTarget: Int32Array;
  // Indexed by node.
  private readonly char: Uint16Array;
  private readonly flags: Uint8Array;
  private readonly fail: Int32Array;
  /**
   * While building: the shortest prefix that matches. Afterwards: the length of the match that ends
   * here, or 0.
   */
  private readonly matchLength: Int32Array;
  /**
   * The nearest node of `exactPatterns`: this node or one on its chain of fail links; 0: none.
   * Empty without case-sensitive patterns.
   */
  private readonly exactNode: Int32Array;
  private nodeCount = 1;

  private constructor(readonly patterns: readonly Pattern[]) {
    this.size = patterns.reduce((sum, { text }) => sum + text.length, 0);
    let slots = 16;
    while (slots < 2 * patterns.length) slots *= 2;
    this.edgeNode = new Int32Array(slots).fill(-1);
    this.edgeChar = new Uint16Array(slots);
    this.edgeTarget = new Int32Array(slots);
    const nodes = this.size + 1;
    this.char = new Uint16Array(nodes);
    this.flags = new Uint8Array(nodes);
    this.fail = new Int32Array(nodes);
    this.matchLength = new Int32Array(nodes);
    this.exactNode = new Int32Array(patterns.some(isExact) ? nodes : 0);
  }

  /** Builds the set. Yields after every STEP_SIZE characters. */
  static *build(patterns: readonly Pattern[]): Steps<PatternSet> {
    const set = new PatternSet(patterns);
    const rows: Row[] = [];
    let untilStep = STEP_SIZE;
    for (const pattern of patterns) {
      yield* set.insert(pattern, rows);
      untilStep -= pattern.text.length;
      if (untilStep > 0) continue;
      untilStep = STEP_SIZE;
      yield;
    }
    yield* set.link(rows);
    return set;
  }

  /** A search that calls `hide` with each match. */
  search(text: string, hide: Hide): PatternSearch {
    return new PatternSearch(this, text, hide);
  }

  /** Whether the set has numbers. */
  get hasNumbers(): boolean {
    return this.numbers.size > 0;
  }

  /** Whether the set has patterns that are not numbers. */
  get hasTexts(): boolean {
    return this.nodeCount > 1;
  }

  /** Whether this run of digits is a number of the set. */
  hasNumber(text: string, from: number, to: number): boolean {
    return to - from <= this.longestNumber && this.numbers.has(text.slice(from, to));
  }

  /** Whether an encoded pattern ends at this node. */
  endsEncoded(node: number): boolean {
    return ((this.flags[node] ?? 0) & ENDS_ENCODED) !== 0;
  }

  /** The length of the longest match that ends at this node and offset, or 0. */
  lengthOfMatch(node: number, text: string, to: number): number {
    const length = this.matchLength[node] ?? 0;
    return this.exactNode.length === 0
      ? length
      : Math.max(length, this.exactMatchLength(text, to, node));
  }

  private *insert(pattern: Pattern, rows: Row[]): Steps<void> {
    const { text, isEncoded } = pattern;
    if (isNumber(text)) {
      this.numbers.add(text);
      this.longestNumber = Math.max(this.longestNumber, text.length);
      return;
    }
    const minLength = isExact(pattern) ? Infinity : minMatchLength(pattern);
    const folded = foldCase(text);
    let node = ROOT;
    for (let at = 0; at < folded.length; at += 1) {
      if (at % STEP_SIZE === STEP_SIZE - 1) yield;
      const code = folded.charCodeAt(at);
      node = this.childOf(node, code) || this.addChild(node, code, at + 1, rows);
      const current = this.matchLength[node] ?? 0;
      if (minLength < (current || Infinity)) this.matchLength[node] = minLength;
    }
    if (isEncoded) this.flags[node] = (this.flags[node] ?? 0) | ENDS_ENCODED;
    if (!isExact(pattern)) return;
    const exact = this.exactPatterns.get(node) ?? { length: text.length, texts: new Set() };
    exact.texts.add(text);
    this.exactPatterns.set(node, exact);
  }

  /** Sets the fail links, by depth. Each points to the longest proper suffix that is a node. */
  private *link(rows: Row[]): Steps<void> {
    const waiting = rows.map((row, n) => ({ ...row, end: rows[n + 1]?.start ?? this.nodeCount }));
    waiting.sort((a, b) => b.depth - a.depth);
    const active: typeof waiting = [];
    let untilStep = STEP_SIZE;
    for (let depth = 1; waiting.length > 0 || active.length > 0; depth += 1) {
      while (waiting.at(-1)?.depth === depth) active.push(...waiting.splice(-1));
      let count = 0;
      for (const row of active) {
        const node = row.start + depth - row.depth;
        this.linkNode(node, node === row.start ? row.parent : node - 1, depth);
        if (node + 1 < row.end) {
          active[count] = row;
          count += 1;
        }
        untilStep -= 1;
        if (untilStep > 0) continue;
        untilStep = STEP_SIZE;
        yield;
      }
      active.length = count;
    }
  }

  private linkNode(node: number, parent: number, depth: number): void {
    const suffix =
      parent === ROOT ? ROOT : this.nextNode(this.fail[parent] ?? 0, this.char[node] ?? 0);
    this.fail[node] = suffix;
    const minLength = this.matchLength[node] ?? 0;
    this.matchLength[node] =
      minLength > 0 && depth >= minLength ? depth : (this.matchLength[suffix] ?? 0);
    this.flags[node] = (this.flags[node] ?? 0) | ((this.flags[suffix] ?? 0) & ENDS_ENCODED);
    if (this.exactNode.length > 0)
      this.exactNode[node] = this.exactPatterns.has(node) ? node : (this.exactNode[suffix] ?? 0);
  }

  /**
   * The length of the longest case-sensitive match that ends here, or 0. The loop tries at most
   * four lengths.
   */
  private exactMatchLength(text: string, to: number, node: number): number {
    let candidate = this.exactNode[node] ?? 0;
    while (candidate !== ROOT) {
      const { length = 0, texts } = this.exactPatterns.get(candidate) ?? {};
      const from = to - length;
      if (
        texts?.has(text.slice(from, to)) === true &&
        (length >= MIN_SUBSTRING_LENGTH ||
          !(isWordPart(text.charCodeAt(from - 1)) || isWordPart(text.charCodeAt(to))))
      )
        return length;
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

  private addChild(node: number, code: number, depth: number, rows: Row[]): number {
    const child = this.nodeCount;
    this.nodeCount += 1;
    this.char[child] = code;
    if (node !== ROOT && node === child - 1) {
      this.flags[child] = FOLLOWS;
      return child;
    }
    rows.push({ start: child, parent: node, depth });
    if (node === ROOT && code < this.rootChildren.length) {
      this.rootChildren[code] = child;
      return child;
    }
    const slot = this.slotOf(node, code);
    this.edgeNode[slot] = node;
    this.edgeChar[slot] = code;
    this.edgeTarget[slot] = child;
    this.flags[node] = (this.flags[node] ?? 0) | BRANCHES;
    return child;
  }

  /** The child of the node with this character, or ROOT. */
  private childOf(node: number, code: number): number {
    const next = node + 1;
    if (this.char[next] === code && ((this.flags[next] ?? 0) & FOLLOWS) !== 0) return next;
    if (node === ROOT && code < this.rootChildren.length) return this.rootChildren[code] ?? 0;
    if (((this.flags[node] ?? 0) & BRANCHES) === 0) return ROOT;
    const slot = this.slotOf(node, code);
    return this.edgeNode[slot] === -1 ? ROOT : (this.edgeTarget[slot] ?? 0);
  }

  /** The node after this character. */
  nextNode(from: number, code: number): number {
    for (let node = from; ; node = this.fail[node] ?? 0) {
      const child = this.childOf(node, code);
      if (child !== ROOT || node === ROOT) return child;
    }
  }
}

/** A search in one text. The matches are reported at its end. */
class PatternSearch {
  private readonly folded: string;
  private at = 0;
  /** The end of the last number that was read. */
  private numberEnd = 0;
  private node = ROOT;
  private runEnd = 0;
  private readonly spans: number[] = [];

  constructor(
    private readonly set: PatternSet,
    private readonly text: string,
    private readonly hide: Hide,
  ) {
    this.folded = set.hasTexts ? foldCase(text) : text;
  }

  /** Reads the next STEP_SIZE characters. False at the end of the text. */
  advance(): boolean {
    const to = Math.min(this.text.length, this.at + STEP_SIZE);
    if (this.set.hasNumbers) this.readNumbers(to);
    if (this.set.hasTexts) this.readTexts(to);
    this.at = to;
    if (to < this.text.length) return true;
    for (let n = 0; n < this.spans.length; n += 2)
      this.hide(this.spans[n] ?? 0, this.spans[n + 1] ?? 0);
    return false;
  }

  private readTexts(to: number): void {
    const { set, text, folded } = this;
    let { node } = this;
    for (let { at } = this; at < to; at += 1) {
      node = set.nextNode(node, folded.charCodeAt(at));
      if (node === ROOT) continue;
      const length = set.lengthOfMatch(node, text, at + 1);
      if (length > 0)
        pushSpan(
          this.spans,
          at + 1 - length,
          set.endsEncoded(node) ? this.endOfRun(at + 1) : at + 1,
        );
    }
    this.node = node;
  }

  /** The end of the run of encoded characters at this offset. Runs are read once. */
  private endOfRun(from: number): number {
    if (this.runEnd < from) {
      this.runEnd = from;
      while (isBase64(this.text.charCodeAt(this.runEnd))) this.runEnd += 1;
    }
    return this.runEnd;
  }

  /**
   * `482133` never matches inside `4821330`, and inside a word only from MIN_SUBSTRING_LENGTH
   * digits on.
   */
  private readNumbers(to: number): void {
    const { text, set } = this;
    for (let at = Math.max(this.at, this.numberEnd); at < to; at += 1) {
      if (!isAsciiDigit(text.charCodeAt(at))) continue;
      const from = at;
      while (isAsciiDigit(text.charCodeAt(at))) at += 1;
      this.numberEnd = at;
      if (!set.hasNumber(text, from, at)) continue;
      const isPartOfWord = isWordPart(text.charCodeAt(from - 1)) || isWordPart(text.charCodeAt(at));
      if (at - from >= MIN_SUBSTRING_LENGTH || !isPartOfWord) this.hide(from, at);
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
