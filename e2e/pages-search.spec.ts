import type { Page } from 'playwright/test';
import { DISCARDED, insertJob } from '../test/harness/rows';
import { en } from './support/messages';
import { useSite } from './support/site';
import { expect, test } from './support/test';

const site = useSite('pages search', { env: { GOOD_JOB_APP_NAME: '' } });
const useTokyoTime = (page: Page) =>
  page
    .context()
    .addCookies([{ name: 'gjc_time_zone', value: 'Asia/Tokyo', url: site.server.origin }]);

test.beforeEach(() =>
  site.db.query(
    'DELETE FROM good_jobs; DELETE FROM good_job_executions; DELETE FROM good_job_batches',
  ),
);

test("searches read days in the viewer's zone and add its offset to the URL", async ({ page }) => {
  const at = (time: string) => insertJob(site.db, { created_at: time });
  const inDay = await at('2026-11-29T15:00:00Z');
  await at('2026-11-30T15:00:00Z');
  await useTokyoTime(page);
  await site.open(
    page,
    `/jobs?${new URLSearchParams({ q: 'created:2026-11-30', state: 'queued' })}`,
  );
  expect(new URL(page.url()).searchParams.get('q')).toBe('created:2026-11-30+09:00');
  expect(new URL(page.url()).searchParams.get('state')).toBe('queued');
  const jobRows = () => page.locator('[data-job]');
  await expect(jobRows()).toHaveCount(1);
  await expect(jobRows()).toHaveAttribute('data-job', inDay);
  const box = page.getByRole('combobox', { name: en('search.label') });
  await box.fill('scheduled:>2020-01-01');
  await box.press('Enter');
  await expect
    .poll(() => new URL(page.url()).searchParams.get('q'))
    .toBe('created:2026-11-30+09:00 scheduled:>=2020-01-02+09:00');
  await expect(jobRows()).toHaveCount(1);

  const ids = async (query: Record<string, string>) => {
    const response = await page.request.get(site.url(`/api/jobs?${new URLSearchParams(query)}`));
    return ((await response.json()) as { rows: { id: string }[] }).rows.map((job) => job.id);
  };
  const q = 'created:2026-11-30';
  expect(await ids({ q }), 'the API reads it in UTC').not.toContain(inDay);
  expect(await ids({ q, time_zone: 'Asia/Tokyo' }), 'or in the zone of the request').toEqual([
    inDay,
  ]);
  expect(await ids({ q, time_zone: 'Mars/Base' })).toEqual([]);
});

test('a star in a search matches any characters', async ({ page }) => {
  const id = await insertJob(site.db, { ...DISCARDED, error: 'Net::ReadTimeout: slow' });
  await site.open(page, `/jobs?${new URLSearchParams({ q: 'net::*slow' })}`);
  await expect(page.locator(`[data-job="${id}"]`)).toBeVisible();
  await site.open(page, `/jobs?${new URLSearchParams({ query: 'net::*slow' })}`);
  await expect(page.locator('[data-job]')).toHaveCount(0);
});

test('reports an invalid search once', async ({ page }) => {
  await insertJob(site.db);
  await site.open(page, '/jobs?q=statee:x');
  await expect(page.getByText('statee:x').locator('visible=true')).toHaveCount(1);
  await expect(page.getByRole('main').getByRole('alert')).toContainText(
    en('search.problems.field'),
  );
  await expect(page.locator('[data-job]')).toHaveCount(0);
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('without JavaScript, shows an invalid search with a link that removes it', async ({
    page,
  }) => {
    await page.goto(site.url('/jobs?q=statee:x'));
    await expect(page.getByRole('alert')).toContainText(
      en('filter.notUnderstoodTerm', { value: 'statee:x' }),
    );
  });
});
