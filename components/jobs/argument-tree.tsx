import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { type Json, parseJson, stringOf } from '@/lib/core/json';
import { escapeBidi } from '@/lib/core/text';
import { argumentHref, argumentPath } from '@/lib/jobs/links';
import type { JobDetail } from '@/lib/jobs/types';
import { CopyButton } from '../copy-button';
import { Link } from '../navigation';
import { Icon } from '../ui/icon';

/** Larger arguments are shown as text: each value of a tree has controls. */
const MAX_TREE_VALUES = 400;
const MAX_TREE_CHARS = 64 * 1024;
/** Children of one value that are not folded. */
const MAX_OPEN_CHILDREN = 12;
/** Of a value with more children, the first are not folded. */
const FIRST_CHILDREN = 10;
/** A nested value with more lines is folded. */
const MAX_OPEN_LINES = 12;
const MAX_OPEN_CHARS = 300;

type Path = readonly string[];

/** The number of scalars, empty arrays and empty objects of a value. */
function countValues(json: Json): number {
  const children = childrenOf(json);
  if (children.length === 0) return 1;
  return children.reduce((sum, [, child]) => sum + countValues(child), 0);
}

function childrenOf(json: Json): [string, Json][] {
  if (json.kind === 'array') return json.items.map((item, n) => [String(n), item]);
  return json.kind === 'object' ? json.entries.map(({ key, value }) => [key, value]) : [];
}

function linesOf(json: Json): number {
  return childrenOf(json).reduce((sum, [, child]) => sum + linesOf(child), 1);
}

/**
 * Returns the decoded arguments of a job as a tree, in which each value can be searched and its
 * path copied; null if they are incomplete, empty or have too many values.
 */
export function renderArgumentTree({ argumentsJson, argumentsLength }: JobDetail): ReactNode {
  if (argumentsJson === null || argumentsJson.length < argumentsLength) return null;
  if (argumentsLength > MAX_TREE_CHARS) return null;
  const json = parseJson(argumentsJson);
  const isTree = childrenOf(json).length > 0 && countValues(json) <= MAX_TREE_VALUES;
  return isTree ? <ArgumentTree json={json} /> : null;
}

function ArgumentTree({ json }: { json: Json }) {
  return (
    <div className="font-mono text-xs" data-tree="">
      <Children json={json} path={[]} />
    </div>
  );
}

function Children({ json, path }: { json: Json; path: Path }) {
  const t = useTranslations('job');
  const children = childrenOf(json);
  const openCount = children.length > MAX_OPEN_CHILDREN ? FIRST_CHILDREN : children.length;
  const renderList = (list: [string, Json][]): ReactNode => (
    <ul className={path.length > 0 ? 'ml-1.5 border-l border-line pl-3' : ''}>
      {list.map(([key, value], n) => (
        <Value key={n} name={key} json={value} path={[...path, key]} />
      ))}
    </ul>
  );
  const folded = children.slice(openCount);
  return (
    <>
      {renderList(children.slice(0, openCount))}
      {folded.length > 0 && (
        <details>
          <summary className="min-h-6 font-sans text-soft">
            {t('moreValues', { count: folded.length })}
          </summary>
          {renderList(folded)}
        </details>
      )}
    </>
  );
}

function Value({ name, json, path }: { name: string; json: Json; path: Path }) {
  const t = useTranslations('job');
  const children = childrenOf(json);
  if (children.length === 0) return <Leaf name={name} json={json} path={path} />;
  const size =
    json.kind === 'array'
      ? t('items', { count: children.length })
      : t('keys', { count: children.length });
  const isArgument = path.length === 1;
  return (
    <li>
      <details open={isArgument || linesOf(json) <= MAX_OPEN_LINES}>
        <summary className="min-h-6 leading-6">
          <span className="text-soft any-break">{escapeBidi(name)}</span>{' '}
          <span className="font-sans text-faint">{size}</span>
        </summary>
        <Children json={json} path={path} />
      </details>
    </li>
  );
}

function printLeaf(json: Json): { text: string; plain: string } {
  if (json.kind === 'array') return { text: '[]', plain: '' };
  if (json.kind === 'object') return { text: '{}', plain: '' };
  return { text: json.text, plain: stringOf(json) ?? json.text };
}

function Leaf({ name, json, path }: { name: string; json: Json; path: Path }) {
  const t = useTranslations('job');
  const { text, plain } = printLeaf(json);
  const pathText = argumentPath(path);
  const pathLabel = escapeBidi(pathText);
  const href = json.kind === 'scalar' ? argumentHref(path, plain) : null;
  return (
    <li className="group flex min-h-6 items-start gap-x-2 leading-6 hover:bg-sunken">
      <span className="max-w-[40%] shrink-0 text-soft any-break">{escapeBidi(name)}</span>
      {text.length > MAX_OPEN_CHARS ? (
        <details className="min-w-0 flex-1">
          <summary className="any-break">{text.slice(0, MAX_OPEN_CHARS)}…</summary>
          <span className="whitespace-pre-wrap any-break">{text}</span>
        </details>
      ) : (
        <span className="min-w-0 flex-1 whitespace-pre-wrap any-break">{text}</span>
      )}
      <span
        className={
          'flex shrink-0 pointer-fine:opacity-0 pointer-fine:group-focus-within:opacity-100 ' +
          'pointer-fine:group-hover:opacity-100'
        }
      >
        {href !== null && (
          <Link
            href={href}
            prefetch={false}
            aria-label={t('searchValue', { path: pathLabel })}
            title={t('searchValue', { path: pathLabel })}
            className="inline-flex size-6 items-center justify-center rounded text-soft hover:bg-raised hover:text-ink"
          >
            <Icon name="search" className="size-3.5" />
          </Link>
        )}
        <CopyButton text={pathText} label={t('copyPath', { path: pathLabel })} isIcon />
      </span>
    </li>
  );
}
