import { matchesGlob } from './glob';
import type { ClassRule } from './config';

/** A part of a path, of a rule or of a value: `*` in a rule is any one key or index, `**` any number of them. */
function fits(pattern: string, part: string): boolean {
  // `#>` counts a negative index from the end: it may be any.
  return pattern === '*' || pattern === part || (/^-\d+$/.test(part) && /^\d+$/.test(pattern));
}

/** Whether the path is what the rule names, or below it. A `**` is tried at one place more at a time, and never again at an earlier one. */
export function isWithin(rule: readonly string[], path: readonly string[]): boolean {
  let [part, at] = [0, 0];
  let [star, starAt] = [-1, 0];
  while (part < rule.length) {
    const pattern = rule[part] ?? '';
    if (pattern === '**') {
      if (part === rule.length - 1) return at < path.length;
      [star, starAt] = [part, at];
      part += 1;
    } else if (at < path.length && fits(pattern, path[at] ?? '')) {
      part += 1;
      at += 1;
    } else if (star >= 0 && starAt < path.length) {
      starAt += 1;
      [part, at] = [star + 1, starAt];
    } else return false;
  }
  return true;
}

/** The rules of a job's class: what they hide and what they show of its arguments. */
export interface PathRules {
  hide: string[][];
  show: string[][];
}

export function rulesOf(classes: readonly ClassRule[], jobClass: string | null): PathRules {
  const own = classes.filter((one) => jobClass !== null && matchesGlob(one.jobClass, jobClass));
  return { hide: own.flatMap(({ hide }) => hide), show: own.flatMap(({ show }) => show) };
}

/** Whether a rule of any class hides this path; one that begins with a key is tried on each argument. */
export function isHiddenForSome(classes: readonly ClassRule[], path: readonly string[]): boolean {
  const starts = /^-?\d+$/.test(path[0] ?? '')
    ? [path]
    : [path, ...classes.flatMap(({ hide }) => hide).map(([first = '0']) => [first, ...path])];
  return classes.some(({ hide }) =>
    hide.some((rule) => starts.some((start) => isWithin(rule, start))),
  );
}
