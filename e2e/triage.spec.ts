import type { Page } from 'playwright/test';
import { DISCARDED, insertJob } from '../test/harness/rows';
import { en, ja } from './support/messages';
import { visibleIds } from './support/paging';
import { bulkBar, lastToast, rowOf } from './support/row-actions';
import { useSite } from './support/site';
import { expect, test } from './support/test';

/* The preview, the selection and the keys of the list of jobs. */
const site = useSite('triage');
test.beforeEach(() => site.db.query('DELETE FROM good_jobs'));

/** Discarded jobs, the newest first. */
async function insertDiscarded(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1)
    ids.push(
      await insertJob(site.db, {
        ...DISCARDED,
        job_class: `Job${n}`,
        error: `RuntimeError: failure ${n}`,
        finished_at: new Date(Date.UTC(2026, 10, 20, 10, 59 - n)).toISOString(),
      }),
    );
  return ids;
}

const previewOf = (page: Page, translate = en) =>
  page.getByRole('complementary', { name: translate('preview.label') });
const previewedId = (page: Page) => new URL(page.url()).searchParams.get('preview');
const countOpen = () =>
  site.value<number>('SELECT count(*)::int FROM good_jobs WHERE finished_at IS NULL');

for (const [locale, translate] of [
  ['en', en],
  ['ja', ja],
] as const)
  test(`triages ten discarded jobs with at most 40 keys in ${locale}`, async ({ page }) => {
    const ids = await insertDiscarded(10);
    await site.open(page, `/jobs?state=discarded&locale=${locale}`);
    let keys = 0;
    const press = async (key: string) => {
      keys += 1;
      await page.keyboard.press(key);
    };
    // Reads each job in the preview, and selects all but three of them.
    await press('j');
    await press(' ');
    for (const [n, id] of ids.entries()) {
      if (n > 0) await press('j');
      await expect(previewOf(page, translate)).toContainText(`failure ${n}`);
      expect(previewedId(page)).toBe(id);
      if (n % 4 !== 3 || n === 9) await press('x');
    }
    await press('r');
    const dialog = page.getByRole('dialog');
    await expect(
      dialog.getByRole('button', {
        name: translate('bulk.confirms.retry', {
          count: 8,
          number: translate('bulk.exact', { number: '8' }),
        }),
      }),
    ).toBeEnabled();
    expect(await countOpen(), 'no key acts at once').toBe(0);
    await press('Tab');
    await press('Enter');
    await expect.poll(countOpen).toBe(8);
    await expect
      .poll(() => visibleIds(page, 'job'))
      .toEqual(ids.filter((_, n) => n % 4 === 3 && n !== 9));
    expect(keys).toBeLessThanOrEqual(40);
  });

test('the preview is in the URL, and the way back closes it', async ({ page }) => {
  const [first = '', second = ''] = await insertDiscarded(2);
  await site.open(page, '/jobs?state=discarded');
  await rowOf(page, first).getByRole('link', { name: 'Job0' }).click();
  await expect(previewOf(page)).toContainText('failure 0');
  expect(previewedId(page)).toBe(first);
  await page.getByRole('button', { name: en('preview.next') }).click();
  await expect(previewOf(page)).toContainText('failure 1');
  await page.reload();
  await expect(previewOf(page)).toContainText('failure 1');
  expect(previewedId(page)).toBe(second);
  await expect(page.locator('[data-polling]')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(previewOf(page)).toHaveCount(0);
  expect(previewedId(page)).toBeNull();
  await rowOf(page, first).getByRole('link', { name: 'Job0' }).click();
  await expect(previewOf(page)).toBeVisible();
  await page.goBack();
  await expect(previewOf(page)).toHaveCount(0);
  await expect(rowOf(page, first)).toBeVisible();
});

test('a click with a modifier and Enter open the page of the job', async ({ page, context }) => {
  const [first = ''] = await insertDiscarded(1);
  await site.open(page, '/jobs');
  const [opened] = await Promise.all([
    context.waitForEvent('page'),
    rowOf(page, first)
      .getByRole('link', { name: 'Job0' })
      .click({ modifiers: ['ControlOrMeta'] }),
  ]);
  await opened.waitForURL(site.url(`/jobs/${first}`));
  await opened.close();
  await expect(previewOf(page)).toHaveCount(0);
  await rowOf(page, first).focus();
  await page.keyboard.press('Enter');
  await page.waitForURL(site.url(`/jobs/${first}`));
});

test('acts on the previewed job and keeps the preview', async ({ page }) => {
  const [first = ''] = await insertDiscarded(1);
  await site.open(page, `/jobs?preview=${first}`);
  await previewOf(page)
    .getByRole('link', { name: en('actions.retry.menu') })
    .click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: en('actions.retry.confirm'), exact: true })
    .click();
  await expect(lastToast(page)).toContainText(en('outcomes.done.retry'));
  await expect(previewOf(page)).toContainText(en('states.queued'));
  expect(await countOpen()).toBe(1);
});

test('a selection survives the preview, other pages and the way back', async ({ page }) => {
  const ids = await insertDiscarded(30);
  await site.open(page, '/jobs?state=discarded');
  for (const id of ids.slice(0, 2)) await rowOf(page, id).getByRole('checkbox').check();
  await rowOf(page, ids[2] ?? '')
    .getByRole('link', { name: 'Job2' })
    .click();
  await expect(previewOf(page)).toBeVisible();
  await page.keyboard.press('Escape');
  await page.getByRole('link', { name: en('paging.older') }).click();
  await rowOf(page, ids[29] ?? '')
    .getByRole('checkbox')
    .check();
  await expect(bulkBar(page)).toContainText(en('jobs.selected', { count: 3, number: '3' }));
  await rowOf(page, ids[28] ?? '').focus();
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/jobs\/[0-9a-f-]{36}$/);
  await page.goBack();
  await expect(bulkBar(page)).toContainText(en('jobs.selected', { count: 3, number: '3' }));
  await page.reload();
  await expect(bulkBar(page)).toContainText(en('jobs.selected', { count: 3, number: '3' }));
  await bulkBar(page)
    .getByRole('button', { name: en('actions.retry.menu') })
    .click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: en('bulk.confirms.retry', { count: 3, number: '3' }) })
    .click();
  await expect.poll(countOpen).toBe(3);
  await site.open(page, '/jobs?state=discarded&q=class:Job1*');
  await expect(bulkBar(page), 'another filter has a selection of its own').toHaveCount(0);
});

test('the list is one tab stop, and its keys move, select and copy', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const ids = await insertDiscarded(5);
  const [first = '', second = ''] = ids;
  await site.open(page, '/jobs?state=discarded');
  expect(
    await page
      .getByRole('grid')
      .evaluate(
        (grid) =>
          [...grid.querySelectorAll<HTMLElement>('a, button, input, [tabindex]')].filter(
            ({ tabIndex }) => tabIndex === 0,
          ).length,
      ),
  ).toBe(1);
  await rowOf(page, first).focus();
  await page.keyboard.press('ArrowDown');
  await expect(rowOf(page, second)).toBeFocused();
  await page.keyboard.press('k');
  await expect(rowOf(page, first)).toBeFocused();
  await page.keyboard.press('ArrowRight');
  await expect(rowOf(page, first).getByRole('checkbox')).toBeFocused();
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('x');
  await page.keyboard.press('End');
  await page.keyboard.press('Shift+X');
  const selectedRows = page.locator('[data-job] input:checked');
  await expect(selectedRows).toHaveCount(5);
  await page.keyboard.press('x');
  await expect(selectedRows).toHaveCount(4);
  await page.keyboard.press('ControlOrMeta+a');
  await expect(selectedRows).toHaveCount(5);
  await page.keyboard.press('Home');
  await page.keyboard.press('c');
  await expect(lastToast(page)).toContainText(en('jobs.idCopied', { id: first.slice(0, 8) }));
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(first);
});

test('a key says why an action is not possible for the row', async ({ page }) => {
  const [first = ''] = await insertDiscarded(1);
  await site.open(page, '/jobs');
  await rowOf(page, first).focus();
  await page.keyboard.press('d');
  await expect(lastToast(page)).toContainText(en('actions.why.finished'));
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await page.keyboard.press('r');
  await expect(page.getByRole('dialog', { name: en('actions.retry.title') })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(rowOf(page, first)).toBeFocused();
});

test('the next row gets the focus when an action removes one', async ({ page }) => {
  const [first = '', second = '', third = ''] = await insertDiscarded(3);
  await site.open(page, '/jobs?state=discarded');
  await rowOf(page, first).focus();
  await page.keyboard.press('r');
  await expect(
    page
      .getByRole('dialog')
      .getByRole('button', { name: en('actions.retry.confirm'), exact: true }),
  ).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(rowOf(page, first)).toHaveCount(0);
  await expect(rowOf(page, second)).toBeFocused();
  await page.keyboard.press('j');
  await expect(rowOf(page, third)).toBeFocused();
});

test('letters do nothing in fields, and nowhere when keys are off', async ({ page }) => {
  const [first = ''] = await insertDiscarded(1);
  await site.open(page, '/jobs');
  await page.getByRole('combobox', { name: en('search.label') }).fill('');
  await page.keyboard.type('x r');
  await expect(page.locator('[data-job] input:checked')).toHaveCount(0);
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await page.evaluate(() => localStorage.setItem('gjc_keys', 'off'));
  await rowOf(page, first).focus();
  await page.keyboard.press('x');
  await expect(page.locator('[data-job] input:checked')).toHaveCount(0);
  // Space and the arrow keys are no characters that speech input could type.
  await page.keyboard.press(' ');
  await expect(previewOf(page)).toBeVisible();
});

test('the preview covers a phone and takes the focus', async ({ page }) => {
  const [first = ''] = await insertDiscarded(1);
  await page.setViewportSize({ width: 390, height: 844 });
  await site.open(page, '/jobs');
  await rowOf(page, first).getByRole('link', { name: 'Job0' }).click();
  await expect(previewOf(page)).toContainText('failure 0');
  expect(await previewOf(page).boundingBox()).toEqual({ x: 0, y: 0, width: 390, height: 844 });
  await expect(page.getByRole('link', { name: en('preview.close') })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(previewOf(page)).toHaveCount(0);
  await expect(rowOf(page, first)).toBeFocused();
});
