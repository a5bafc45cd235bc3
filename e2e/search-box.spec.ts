import type pg from 'pg';
import type { Page } from 'playwright/test';
import { DISCARDED, SUCCEEDED, insertJob, serializedParams } from '../test/harness/rows';
import { findAxeViolations } from './support/axe';
import { en } from './support/messages';
import { visibleIds } from './support/paging';
import { useSite } from './support/site';
import { expect, test } from './support/test';

const INVOICE = 'c0ffee00-0000-4000-8000-0000000000a1';
const REPORT = 'c0ffee00-0000-4000-8000-0000000000a2';
const QUEUED = 'c0ffee00-0000-4000-8000-0000000000a3';

async function seed(db: pg.Client): Promise<void> {
  await insertJob(db, {
    id: INVOICE,
    ...DISCARDED,
    job_class: 'InvoiceMailerJob',
    labels: ['bulk', '請求'],
    serialized_params: serializedParams(INVOICE, { arguments: [{ note: '請求書の再送' }] }),
  });
  await insertJob(db, {
    id: REPORT,
    ...SUCCEEDED,
    job_class: 'InvoiceReportJob',
    queue_name: 'reports',
  });
  await insertJob(db, { id: QUEUED, job_class: 'CleanUpJob', queue_name: 'low priority' });
}

const site = useSite('search box', { seed });
const box = (page: Page) => page.getByRole('combobox', { name: en('search.label') });
const chips = (page: Page) =>
  page.getByRole('list', { name: en('search.conditions') }).locator('[data-chip]');
const q = (page: Page) => new URL(page.url()).searchParams.get('q');

test('turns conditions into chips and filters the list', async ({ page }) => {
  await site.open(page, '/jobs?limit=50');
  await box(page).fill('class:Invoice* -label:bulk');
  await page.keyboard.press('Enter');
  await expect(chips(page)).toHaveText(['class:Invoice*', '-label:bulk']);
  await expect.poll(() => visibleIds(page, 'job')).toEqual([REPORT]);
  expect(q(page)).toBe('class:Invoice* -label:bulk');
  expect(new URL(page.url()).searchParams.get('limit')).toBe('50');
  await expect(box(page)).toBeFocused();
  await expect(box(page)).toHaveValue('');
  await page.goBack();
  await expect(chips(page)).toHaveCount(0);
});

test('edits and removes chips by keyboard', async ({ page }) => {
  await site.open(page, `/jobs?q=${encodeURIComponent('class:Invoice* label:bulk')}`);
  await box(page).focus();
  await page.keyboard.press('Backspace');
  await expect(box(page)).toHaveValue('label:bulk');
  await expect(chips(page)).toHaveText(['class:Invoice*']);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await expect(chips(page)).toHaveText(['class:Invoice*', 'label:bulk']);
  await page.keyboard.press('ArrowLeft');
  await expect(chips(page).nth(1)).toBeFocused();
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Enter');
  await expect(box(page)).toHaveValue('class:Invoice*');
  await box(page).fill('queue:default');
  await page.keyboard.press('Enter');
  await expect.poll(() => q(page)).toBe('queue:default label:bulk');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Delete');
  await expect.poll(() => q(page)).toBe('queue:default');
  await page.getByRole('button', { name: en('search.remove', { term: 'queue:default' }) }).click();
  await expect.poll(() => q(page)).toBeNull();
});

test('shows parameters of GoodJob as chips that can be removed one by one', async ({ page }) => {
  await site.open(page, '/jobs?state=discarded&job_class=InvoiceMailerJob&label=bulk&sort=created');
  await expect(chips(page)).toHaveText(['class:InvoiceMailerJob', 'label:bulk']);
  await page.getByRole('button', { name: en('search.remove', { term: 'label:bulk' }) }).click();
  await expect
    .poll(() => page.url())
    .toBe(site.url('/jobs?state=discarded&job_class=InvoiceMailerJob&sort=created'));
  await chips(page).first().click();
  await expect(box(page)).toHaveValue('class:InvoiceMailerJob');
  await box(page).fill('class:InvoiceM*');
  await page.keyboard.press('Enter');
  await expect
    .poll(() => new URL(page.url()).searchParams.toString())
    .toBe('state=discarded&sort=created&q=class%3AInvoiceM*');
  expect(await visibleIds(page, 'job')).toEqual([INVOICE]);
});

test('completes names and values by keyboard and pointer', async ({ page }) => {
  await site.open(page, '/jobs');
  await box(page).pressSequentially('cl');
  const list = page.getByRole('listbox', { name: en('search.suggestions') });
  await expect(list.getByRole('option').first()).toHaveText(`class:${en('search.fields.class')}`);
  await page.keyboard.press('ArrowDown');
  const active = await box(page).getAttribute('aria-activedescendant');
  await expect(page.locator(`[id="${active}"]`)).toHaveAttribute('aria-selected', 'true');
  await page.keyboard.press('Enter');
  await expect(box(page)).toHaveValue('class:');
  await page.keyboard.type('Inv');
  await expect(list.getByRole('option')).toHaveText(['InvoiceMailerJob', 'InvoiceReportJob']);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(box(page)).toHaveValue('class:InvoiceReportJob ');
  expect(page.url(), 'a completion does not start the search').toBe(site.url('/jobs'));
  await page.keyboard.type('queue:low');
  await list.getByRole('option', { name: '"low priority"' }).click();
  await expect(box(page)).toHaveValue('class:InvoiceReportJob queue:"low priority" ');
  await expect(list).toHaveCount(0);
  await page.keyboard.type('sta');
  await expect(list).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(list).toHaveCount(0);
});

test('ignores keys during an IME composition', { tag: '@any-path' }, async ({ page, context }) => {
  await site.open(page, '/jobs');
  const requests: string[] = [];
  page.on(
    'request',
    (request) => /completion|[?&]q=/.test(request.url()) && requests.push(request.url()),
  );
  const browser = await context.newCDPSession(page);
  await box(page).focus();
  for (const text of ['せ', 'せい', 'せいきゅうしょ'])
    await browser.send('Input.imeSetComposition', {
      text,
      selectionStart: text.length,
      selectionEnd: text.length,
    });
  await expect(box(page)).toHaveValue('せいきゅうしょ');
  await browser.send('Input.imeSetComposition', {
    text: '請求書',
    selectionStart: 3,
    selectionEnd: 3,
  });
  // The events for the Enter key that ends a composition.
  for (const type of ['rawKeyDown', 'keyUp'] as const)
    await browser.send('Input.dispatchKeyEvent', {
      type,
      key: 'Process',
      code: 'Enter',
      windowsVirtualKeyCode: 229,
    });
  // Longer than the completion waits for more text.
  await page.waitForTimeout(400);
  expect(requests).toEqual([]);
  await expect(chips(page)).toHaveCount(0);
  await browser.send('Input.insertText', { text: '請求書' });
  await browser.send('Input.dispatchKeyEvent', {
    type: 'rawKeyDown',
    key: 'Enter',
    code: 'Enter',
    windowsVirtualKeyCode: 229,
  });
  await expect(box(page)).toHaveValue('請求書');
  expect(page.url()).toBe(site.url('/jobs'));
  await page.keyboard.press('Enter');
  await expect.poll(() => q(page)).toBe('請求書');
  await expect.poll(() => visibleIds(page, 'job')).toEqual([INVOICE]);
});

test('marks invalid conditions, lists nothing, and removes them one by one', async ({ page }) => {
  await site.open(page, '/jobs');
  await box(page).fill('colour:red class:Invoice* created:soon');
  await page.keyboard.press('Enter');
  await expect(chips(page).first()).toHaveText(`${en('search.notUnderstood')} colour:red`);
  await expect(page.locator('main').getByRole('alert')).toContainText(en('search.problems.field'));
  await expect(page.locator('main').getByRole('alert')).toContainText(en('search.problems.value'));
  expect(await visibleIds(page, 'job')).toEqual([]);
  await expect(page.getByRole('region', { name: en('bulk.bar') })).toHaveCount(0);
  for (const term of ['colour:red', 'created:soon'])
    await page.getByRole('button', { name: en('search.remove', { term }) }).click();
  await expect.poll(() => visibleIds(page, 'job')).toEqual([INVOICE, REPORT].sort().reverse());
});

test(
  'relative, daily and exact time filters replace each other',
  { tag: '@any-path' },
  async ({ page }) => {
    await site.open(page, '/jobs?q=queue%3Adefault');
    const button = page.getByRole('button', { name: en('search.time.label'), exact: true });
    await button.click();
    await page.getByRole('button', { name: en('search.spans.day') }).click();
    await expect.poll(() => q(page)).toBe('queue:default created:>24h');
    await expect(button).toBeFocused();
    await button.click();
    await page.getByRole('button', { name: en('search.time.today') }).click();
    await expect.poll(() => q(page)).toMatch(/^queue:default created:>=\d{4}-\d\d-\d\dT00:00Z$/);
    await button.click();
    await page.getByRole('button', { name: en('search.time.yesterday') }).click();
    const midnight = (daysAgo: number) =>
      `${new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 10)}T00:00Z`;
    await expect.poll(() => q(page)).toBe(`queue:default created:${midnight(1)}..${midnight(0)}`);
    await button.click();
    await page.getByRole('button', { name: en('search.time.apply') }).click();
    await expect(page.getByText(en('search.time.bad'))).toBeVisible();
    await page.getByLabel(en('search.time.field')).selectOption('finished');
    await page.getByLabel(en('search.time.from', { zone: 'UTC' })).fill('2026-11-01T09:00:00');
    await page.getByLabel(en('search.time.to', { zone: 'UTC' })).fill('2026-11-02T09:30:30');
    await page.getByRole('button', { name: en('search.time.apply') }).click();
    await expect.poll(() => q(page)).toContain('finished:2026-11-01T09:00Z..2026-11-02T09:30:30Z');
    await button.click();
    await page.keyboard.press('Escape');
    await expect(page.getByLabel(en('search.time.field'))).toHaveCount(0);
  },
);

test(
  'the time filter preselects the field of the state',
  { tag: '@any-path' },
  async ({ page }) => {
    const button = page.getByRole('button', { name: en('search.time.label'), exact: true });
    for (const [path, field] of [
      ['/jobs', 'created'],
      ['/jobs?state=discarded', 'finished'],
      ['/jobs?state=retried', 'scheduled'],
      ['/jobs?state=running', 'performed'],
    ] as const) {
      await site.open(page, path);
      await button.click();
      await expect(page.getByLabel(en('search.time.field'))).toHaveValue(field);
    }
  },
);

test('the search box, its list and its panels pass axe', { tag: '@any-path' }, async ({ page }) => {
  await site.open(page, `/jobs?q=${encodeURIComponent('class:Invoice* colour:red')}`);
  expect(await findAxeViolations(page)).toEqual([]);
  await site.open(page, '/jobs?q=class%3AInvoice*');
  await box(page).pressSequentially('c');
  await page.keyboard.press('ArrowDown');
  await expect(page.getByRole('listbox')).toBeVisible();
  expect(await findAxeViolations(page, { floating: true }), 'completion').toEqual([]);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: en('search.time.label'), exact: true }).click();
  await expect(page.getByLabel(en('search.time.field'))).toBeVisible();
  expect(await findAxeViolations(page, { floating: true }), 'times').toEqual([]);
  await page.getByRole('button', { name: en('search.help') }).click();
  await expect(page.getByText(en('searchHelp.intro'))).toBeVisible();
  expect(await findAxeViolations(page, { floating: true }), 'help').toEqual([]);
});
