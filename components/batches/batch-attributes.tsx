import { useTranslations } from 'next-intl';
import type { BatchAttributes as Attributes, BatchField, PropertyNode } from '@/lib/batches/types';
import { nameParams } from '@/lib/jobs/links';
import { CopyButton } from '../copy-button';
import { Link } from '../navigation';
import { useCount } from '../quantities';
import { AbsoluteTime } from '../time';
import { useByteSize } from '../too-large';
import { buttonClass } from '../ui/button';
import { RubyClassName } from '../ui/code';

/** Lines of JSON that are visible before it is unfolded. */
const FOLDED_LINES = 12;

/**
 * The attributes of a batch: those with a value as a list, and beside it all of them as JSON, or
 * their size if they are too large. `allHref` is null if the page already reads up to the size
 * limit.
 */
export function BatchAttributes({
  attributes: { json, fields, bytes },
  allHref,
}: {
  attributes: Attributes;
  allHref: string | null;
}) {
  const t = useTranslations('batch');
  const size = useByteSize();
  return (
    <section aria-labelledby="attributes" className="mt-5">
      <h2 id="attributes" className="mb-2 text-lg font-semibold">
        {t('attributes')}
      </h2>
      {json === null ? (
        <p className="flex flex-wrap items-center gap-x-3 gap-y-1 text-soft">
          {t('attributesTooLarge', { size: size(bytes) })}
          {allHref && (
            <Link href={allHref} prefetch={false} className={buttonClass()}>
              {t('attributesShowAll')}
            </Link>
          )}
        </p>
      ) : (
        <div className="card grid gap-x-6 gap-y-3 p-4 lg:grid-cols-[minmax(0,1fr)_minmax(0,26rem)]">
          <dl className="grid content-start gap-x-6 gap-y-2.5 sm:grid-cols-2 min-[100rem]:grid-cols-3">
            {fields.map((field) => (
              <Field key={field.name} field={field} />
            ))}
          </dl>
          <FoldedJson json={json} />
        </div>
      )}
    </section>
  );
}

function Field({ field }: { field: BatchField }) {
  const isWide = field.kind === 'tree' || (field.kind === 'text' && field.text.length > 60);
  return (
    <div className={`min-w-0 ${isWide ? 'sm:col-span-full' : ''}`}>
      <dt lang="en" className="font-mono text-xs text-soft">
        {field.name}
      </dt>
      <dd className="any-break">
        <FieldValue field={field} />
      </dd>
    </div>
  );
}

function FieldValue({ field }: { field: BatchField }) {
  switch (field.kind) {
    case 'text':
      return field.text;
    case 'time':
      return <AbsoluteTime iso={field.text} />;
    case 'class':
      return <CallbackClass name={field.text} />;
    case 'tree':
      return <Tree nodes={field.nodes} omitted={field.omitted} />;
  }
}

/** The class of a callback, as a link to its jobs. */
export function CallbackClass({ name }: { name: string }) {
  return (
    <Link
      href={`/jobs?${new URLSearchParams(nameParams({ class: name }))}`}
      prefetch={false}
      className="font-mono text-ink no-underline hover:text-accent hover:underline any-break"
    >
      <RubyClassName name={name} />
    </Link>
  );
}

function Tree({ nodes, omitted }: { nodes: PropertyNode[]; omitted: number }) {
  const t = useTranslations('batch');
  const count = useCount();
  return (
    <ul className="border-l border-line pl-3">
      {nodes.map((node, n) => (
        <li key={n}>
          {node.key !== null && <span className="font-mono text-xs text-soft">{node.key}: </span>}
          {node.text === null ? (
            <Tree nodes={node.children} omitted={node.omitted} />
          ) : (
            <span className="any-break">{node.text}</span>
          )}
        </li>
      ))}
      {omitted > 0 && (
        <li className="text-soft">{t('omitted', { count: omitted, number: count(omitted) })}</li>
      )}
    </ul>
  );
}

/**
 * JSON of which the first lines are visible. The text is complete also while it is folded, so that
 * the page's search and copying find it; <details> only changes the height.
 */
function FoldedJson({ json }: { json: string }) {
  const t = useTranslations('batch');
  const count = useCount();
  const lines = json.split('\n');
  const folds = lines.length > FOLDED_LINES;
  return (
    <div className="min-w-0 [&:has(details:not([open]))>pre]:max-h-52">
      <div className="mb-1 flex items-center justify-between gap-2 text-soft">
        {folds ? (
          <details className="[&:not([open])>summary>:last-child]:hidden [&[open]>summary>:first-child]:hidden">
            <summary className="min-h-6 hover:text-ink">
              <span>{t('showAllLines', { number: count(lines.length) })}</span>
              <span>{t('showFewerLines')}</span>
            </summary>
          </details>
        ) : (
          <span />
        )}
        <CopyButton sourceId="attributes-json" label={t('attributes')} />
      </div>
      <pre
        id="attributes-json"
        tabIndex={0}
        aria-label={t('attributes')}
        role="group"
        className={
          'overflow-auto rounded-md bg-sunken px-3 py-2 font-mono text-xs break-words ' +
          'whitespace-pre-wrap any-break'
        }
      >
        {json}
      </pre>
    </div>
  );
}
