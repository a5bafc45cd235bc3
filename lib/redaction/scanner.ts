import { type Steps, runToEnd } from '../core/steps';
import { assignments } from './assignments';
import type { Keys } from './key-names';
import { labelledElements, tags } from './markup';
import { fixedForms, japaneseSentences, sentences } from './prose';
import { Rule, Span, SpanMask } from './scan';
import { commandLines, credentialsBeforeHost, sqlLists, urlUserInfo } from './statements';
import { viewsOf } from './text-view';
import {
  cardNumbers,
  fixedShapes,
  knownTokens,
  markedTokens,
  signedMessages,
  webTokens,
} from './tokens';

/*
 * Secrets inside a text. Each rule reads each view of the text (as it is, and with its escapes decoded) once from left to
 * right, so the time is linear in the text, whatever it holds.
 */

const RULES: readonly Rule[] = [
  knownTokens,
  webTokens,
  markedTokens,
  fixedShapes,
  signedMessages,
  cardNumbers,
  urlUserInfo,
  credentialsBeforeHost,
  assignments,
  sentences,
  japaneseSentences,
  fixedForms,
  tags,
  labelledElements,
  sqlLists,
  commandLines,
];

/** The parts of the text to hide: in order, without overlaps. */
export function* secretSpanSteps(text: string, keys: Keys): Steps<Span[]> {
  const mask = new SpanMask(text.length);
  const names = keys.ofText(text.length);
  for (const view of viewsOf(text)) {
    if (!view) {
      yield;
      continue;
    }
    const scan = {
      text: view.text,
      keys: names,
      hide: (from: number, to: number) => {
        if (from < to) mask.add(view.sourceOffset(from), view.sourceOffset(to));
      },
    };
    for (const rule of RULES) yield* rule(scan);
  }
  return mask.spans();
}

export const secretSpans = (text: string, keys: Keys): Span[] =>
  runToEnd(secretSpanSteps(text, keys));
