import { insertJobs } from '../test/harness/many-rows';
import { DISCARDED, SUCCEEDED, insertBatch, insertJob, insertProcess } from '../test/harness/rows';
import { en, ja } from './support/messages';
import { useSite } from './support/site';
import { expect, test } from './support/test';

const site = useSite('batch page');
const LONG = `Import ${'あ'.repeat(150)} ${'x'.repeat(150)}`;
const FINISHED = {
  finished_at: '2026-11-20T10:00:00Z',
  jobs_finished_at: '2026-11-20T10:00:00Z',
  discarded_at: '2026-11-20T09:59:00Z',
};

for (const [locale, translate] of [
  ['en', en],
  ['ja', ja],
] as const)
  test(`retries a batch with three clicks from the list in ${locale}`, async ({ page }) => {
    const id = await insertBatch(site.db, {
      description: `Supplier import ${locale}`,
      ...FINISHED,
      on_finish: 'Import::FinishJob',
    });
    for (const shape of [SUCCEEDED, DISCARDED, DISCARDED])
      await insertJob(site.db, { batch_id: id, ...shape });
    await site.open(page, `/batches?locale=${locale}`);
    await page.getByRole('link', { name: `Supplier import ${locale}` }).click();
    await page.getByRole('link', { name: translate('actions.batch_retry.menu') }).click();
    const dialog = page.getByRole('dialog');
    await expect(dialog).toContainText(
      translate('actions.batch_retry.count', { count: 2, number: '2' }),
    );
    await expect(dialog).toContainText('on_finish: Import::FinishJob');
    await dialog.getByRole('button', { name: translate('actions.batch_retry.confirm') }).click();
    await expect(page.locator('main')).toContainText(
      translate('actions.batch_retry.result', { count: 2, number: '2' }),
    );
  });

test('lists the attributes that have a value, and links callbacks to their jobs', async ({
  page,
}) => {
  const id = await insertBatch(site.db, {
    description: LONG,
    on_finish: 'Billing::DoneJob',
    serialized_properties: '{"customer": {"name": "ACME"}, "_aj_symbol_keys": ["customer"]}',
  });
  await site.open(page, `/batches/${id}`);
  const attributes = page.getByRole('region', { name: en('batch.attributes') });
  await expect(attributes.getByRole('term')).toHaveText([
    'created_at',
    'updated_at',
    'description',
    'properties',
    'on_finish',
    'enqueued_at',
  ]);
  await expect(attributes).toContainText('name: ACME');
  await expect(attributes.getByRole('link', { name: 'Billing::DoneJob' })).toHaveAttribute(
    'href',
    /\/jobs\?job_class=Billing%3A%3ADoneJob$/,
  );
  const callbacks = page.getByRole('region', { name: en('batch.callbackJobs') });
  await expect(callbacks).toContainText(
    new RegExp(`on_finish\\s*Billing::DoneJob\\s*${en('batch.callbackNotRun')}`),
  );
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('folds the JSON after 12 lines and unfolds it', async ({ page }) => {
    const id = await insertBatch(site.db);
    await page.goto(site.url(`/batches/${id}`));
    const json = page.getByRole('group', { name: en('batch.attributes') });
    const isCut = () => json.evaluate((pre) => pre.scrollHeight > pre.clientHeight + 20);
    await expect.poll(isCut).toBe(true);
    await page.getByText(en('batch.showAllLines', { number: '16' })).click();
    await expect.poll(isCut).toBe(false);
    await page.getByText(en('batch.showFewerLines')).click();
    await expect.poll(isCut).toBe(true);
  });

  test('the retry page says how many jobs will be retried', async ({ page }) => {
    const id = await insertBatch(site.db, FINISHED);
    await insertJob(site.db, { batch_id: id, ...DISCARDED });
    await page.goto(site.url(`/batches/${id}`));
    await page.getByRole('link', { name: en('actions.batch_retry.menu') }).click();
    await expect(page.locator('main')).toContainText(
      en('actions.batch_retry.count', { count: 1, number: '1' }),
    );
    await page.goto(site.url(`/batches/${id}/retry?locale=ja`));
    await expect(page.locator('main')).toContainText(
      ja('actions.batch_retry.count', { count: 1, number: '1' }),
    );
  });
});

test('shows the timeline of the jobs on wide screens only', async ({ page }) => {
  const id = await insertBatch(site.db, FINISHED);
  for (let n = 0; n < 12; n += 1)
    await insertJob(site.db, { batch_id: id, ...(n === 3 ? DISCARDED : SUCCEEDED) });
  const requests: string[] = [];
  page.on('request', (request) => {
    if (request.url().includes('/timeline')) requests.push(request.url());
  });
  await page.setViewportSize({ width: 1440, height: 900 });
  await site.open(page, `/batches/${id}`);
  const timeline = page.getByRole('region', { name: en('batch.timeline.title') });
  await expect(timeline).toBeHidden();
  expect(requests).toEqual([]);
  await page.setViewportSize({ width: 1920, height: 1080 });
  await expect(timeline.locator('rect')).toHaveCount(12);
  await expect(timeline.getByRole('img')).toHaveAccessibleName(/^12 jobs/);
  await expect(timeline.getByRole('link')).toHaveCount(3);
  expect(requests).toHaveLength(1);
});

test('joins the jobs of a large batch into bars of several jobs', async ({ page }) => {
  const id = await insertBatch(site.db, FINISHED);
  await insertJobs(site.db, 1_000, { batch_id: `'${id}'` });
  await page.setViewportSize({ width: 1920, height: 1080 });
  await site.open(page, `/batches/${id}?locale=ja`);
  const timeline = page.getByRole('region', { name: ja('batch.timeline.title') });
  await expect(timeline).toContainText(
    ja('batch.timeline.grouped', { number: '1,000', size: '4' }),
  );
  await expect(timeline.locator('rect')).toHaveCount(250);
});

for (const width of [390, 1024, 1280, 1920])
  test(`fits a long description and long properties at ${width} px`, async ({ page }) => {
    const worker = await insertProcess(site.db);
    const id = await insertBatch(site.db, {
      description: LONG,
      on_finish: `Billing::${'Long'.repeat(70)}Job`,
      serialized_properties: JSON.stringify({ ['k'.repeat(120)]: 'v'.repeat(400) }),
    });
    await page.setViewportSize({ width, height: 900 });
    for (const path of [`/batches/${id}`, '/batches', `/batches/${id}/retry`])
      for (const locale of ['ja', 'en']) {
        await site.open(page, `${path}?locale=${locale}`);
        const overflow = await page.evaluate(
          () => document.documentElement.scrollWidth - window.innerWidth,
        );
        expect(overflow, `${path} ${locale}`).toBeLessThanOrEqual(0);
      }
    await site.db.query('DELETE FROM good_job_processes WHERE id = $1', [worker]);
  });
