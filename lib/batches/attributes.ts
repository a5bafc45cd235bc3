import 'server-only';
import type { Ctx } from '../context/types';
import { type Json, compactJson, prettyJsonInSteps, stringOf } from '../core/json';
import { escapeBidi, truncateText } from '../core/text';
import { MAX_FULL_TEXT_BYTES } from '../db/text-limit';
import { type RawBatch, readRawBatch } from '../good-job/raw-rows';
import { redaction } from '../redaction/redaction';
import type { BatchAttributes, BatchField, PropertyNode } from './types';

/** Nodes of one tree; the JSON beside it has all of them. */
const MAX_NODES = 60;
/** Levels of a tree; a container below them is printed as JSON. */
const MAX_LEVELS = 4;
const MAX_TEXT_CHARACTERS = 300;
const TIME = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC$/;
const CALLBACKS = new Set(['on_finish', 'on_success', 'on_discard']);

/** The attributes of a batch up to MAX_FULL_TEXT_BYTES; null if it does not exist. */
export async function getRawBatch(ctx: Ctx, id: string): Promise<BatchAttributes | null> {
  const raw = await ctx.db.read((tx) => readRawBatch(tx, ctx.tables, id, MAX_FULL_TEXT_BYTES));
  return raw && redactAttributes(raw);
}

/** The attributes with what redaction hides, as JSON and as the fields that have a value. */
export async function redactAttributes({ json, bytes }: RawBatch): Promise<BatchAttributes> {
  if (!json) return { json: null, fields: [], bytes };
  const redacted = await redaction().redactJsonInSteps(json);
  return { json: await prettyJsonInSteps(redacted), fields: fieldsOf(redacted), bytes };
}

function fieldsOf(json: Json): BatchField[] {
  if (json.kind !== 'object') return [];
  return json.entries.flatMap(({ key, value }) => (key === 'id' ? [] : fieldOf(key, value)));
}

function fieldOf(name: string, value: Json): BatchField[] {
  if (value.kind !== 'scalar') {
    const limit = { nodes: MAX_NODES };
    const tree = childrenOf(value, 1, limit);
    return tree.children.length > 0
      ? [{ name, kind: 'tree', nodes: tree.children, omitted: tree.omitted }]
      : [];
  }
  const text = textOf(value);
  if (value.text === 'null' || text.trim() === '') return [];
  const [, day, time] = TIME.exec(text) ?? [];
  if (day && time) return [{ name, kind: 'time', text: `${day}T${time}Z` }];
  return [{ name, kind: CALLBACKS.has(name) ? 'class' : 'text', text }];
}

/** The children of a container, as many as `limit` allows; each child uses one of its nodes. */
function childrenOf(
  json: Json,
  level: number,
  limit: { nodes: number },
): Pick<PropertyNode, 'children' | 'omitted'> {
  if (json.kind === 'scalar') return { children: [], omitted: 0 };
  const entries =
    json.kind === 'object' ? json.entries : json.items.map((value) => ({ key: null, value }));
  const children: PropertyNode[] = [];
  for (const { key, value } of entries) {
    if (limit.nodes <= 0) break;
    limit.nodes -= 1;
    const isPrinted = value.kind === 'scalar' || level >= MAX_LEVELS || isEmpty(value);
    children.push({
      key: key === null ? null : truncateText(escapeBidi(key), MAX_TEXT_CHARACTERS),
      text: isPrinted ? textOf(value) : null,
      ...(isPrinted ? { children: [], omitted: 0 } : childrenOf(value, level + 1, limit)),
    });
  }
  return { children, omitted: entries.length - children.length };
}

const isEmpty = (json: Json): boolean =>
  (json.kind === 'object' && json.entries.length === 0) ||
  (json.kind === 'array' && json.items.length === 0);

/** A string without its quotes, or any other value as JSON. */
function textOf(json: Json): string {
  const text = stringOf(json) ?? compactJson(json);
  return truncateText(escapeBidi(text), MAX_TEXT_CHARACTERS);
}
