import { useTimeZone, useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { AUDIT_OUTCOMES } from '@/lib/audit/types';
import { AUDIT_ACTIONS, type AuditFilter, localTime } from '@/lib/audit-log/filters';
import { currentApplication } from '@/lib/context/request-context';
import { href, PAGE_SIZE } from '@/lib/core/urls';
import { Link } from '../navigation';
import { Button, buttonClass } from '../ui/button';

const field = (label: string, control: ReactNode) => (
  <label className="flex min-w-0 flex-col gap-0.5">
    <span className="text-sm text-soft">{label}</span>
    {control}
  </label>
);

const text = (name: string, value: string | null, list?: string) => (
  <input
    name={name}
    defaultValue={value ?? ''}
    list={list}
    autoComplete="off"
    spellCheck={false}
    className="control w-full"
  />
);

/** A plain GET form, so that it works without JavaScript. `viewers` are suggestions. */
export function AuditFilterForm({ filter, viewers }: { filter: AuditFilter; viewers: string[] }) {
  const t = useTranslations();
  const zone = useTimeZone() ?? 'UTC';
  const select = (name: string, value: string | null, options: [value: string, text: string][]) => (
    <select name={name} defaultValue={value ?? ''} className="control w-full">
      <option value="">{t('audit.filter.any')}</option>
      {options.map(([option, optionText]) => (
        <option key={option} value={option}>
          {optionText}
        </option>
      ))}
    </select>
  );
  const time = (name: 'from' | 'to') =>
    field(
      t(`audit.filter.${name}`, { zone }),
      <input
        type="datetime-local"
        name={name}
        defaultValue={localTime(filter[name], zone)}
        className="control w-full"
      />,
    );
  const { viewer, action, outcome, target, requestId, from, to, limit } = filter;
  const isFiltered = (viewer ?? action ?? outcome ?? target ?? requestId ?? from ?? to) !== null;
  return (
    <details open={isFiltered} className="mb-3">
      <summary className="w-fit text-soft">{t('audit.filter.label')}</summary>
      <form
        action={href(currentApplication(), '/audit')}
        aria-label={t('audit.filter.label')}
        className={
          'mt-2 grid grid-cols-2 items-end gap-2 sm:grid-cols-3 ' +
          'lg:grid-cols-[repeat(4,minmax(0,1fr))] xl:grid-cols-[repeat(7,minmax(0,1fr))_auto]'
        }
      >
        {field(t('audit.filter.viewer'), text('viewer', viewer, 'audit-viewers'))}
        {field(
          t('audit.filter.action'),
          select(
            'action',
            action,
            AUDIT_ACTIONS.map((name) => [name, t(`audit.actions.${name}`)]),
          ),
        )}
        {field(
          t('audit.filter.outcome'),
          select(
            'outcome',
            outcome,
            AUDIT_OUTCOMES.map((name) => [name, t(`audit.outcomes.${name}`)]),
          ),
        )}
        {field(t('audit.filter.target'), text('target', target))}
        {time('from')}
        {time('to')}
        {field(t('audit.filter.requestId'), text('request_id', requestId))}
        <datalist id="audit-viewers">
          {viewers.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        {limit !== PAGE_SIZE && <input type="hidden" name="limit" value={limit} />}
        <div className="flex gap-2">
          <Button type="submit">{t('filter.apply')}</Button>
          {isFiltered && (
            <Link href="/audit" prefetch={false} className={buttonClass('quiet')}>
              {t('filter.clear')}
            </Link>
          )}
        </div>
      </form>
    </details>
  );
}
