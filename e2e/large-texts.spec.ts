import { DISCARDED, insertBatch, insertJob, serializedParams } from '../test/harness/rows';
import { en, ja } from './support/messages';
import { lastToast, openActionDialog } from './support/row-actions';
import { useSite } from './support/site';
import { expect, test } from './support/test';

const SECRET = 'zq7kxw9vjt3m';
const batch = crypto.randomUUID();
const job = crypto.randomUUID();

const site = useSite('large-texts', {
  async seed(db) {
    await insertBatch(db, {
      id: batch,
      description: `Import for ${SECRET}`,
      serialized_properties: JSON.stringify({ note: 'x'.repeat(70_000), password: SECRET }),
    });
    await insertJob(db, {
      id: job,
      ...DISCARDED,
      error: `Login: ${SECRET} refused ${'word '.repeat(20_000)}`,
      serialized_params: serializedParams(job, {
        arguments: ['x'.repeat(70_000), { password: SECRET }],
      }),
    });
    await db.query(
      `INSERT INTO good_job_settings (key, value, created_at, updated_at)
       VALUES (
         'pauses',
         jsonb_build_object('queues', jsonb_build_array(repeat('q', 1000000))),
         now(),
         now()
       )`,
    );
  },
});

test('failures, batches, pauses and the audit log mark texts that are too large', async ({
  page,
}) => {
  await site.open(page, '/jobs');
  const dialog = await openActionDialog(page, job, 'retry');
  await dialog.getByRole('button', { name: en('actions.retry.confirm'), exact: true }).click();
  await expect(lastToast(page)).toContainText(en('outcomes.done.retry'));
  await site.db.query(
    'UPDATE good_jobs SET finished_at = now(), performed_at = now() WHERE id = $1',
    [job],
  );
  for (const [locale, text] of [
    ['en', en],
    ['ja', ja],
  ] as const) {
    await site.open(page, `/cleaner?locale=${locale}`);
    await expect(page.locator('[data-failure]')).toContainText(text('tooLarge.text'));
    await site.open(page, `/cleaner?by=exception&locale=${locale}`);
    await expect(page.locator('[data-table="exception"]')).toContainText('Login');
    await site.open(page, `/batches?locale=${locale}`);
    await expect(page.locator('main')).toContainText(text('tooLarge.text'));
    await site.open(page, `/batches/${batch}?locale=${locale}`);
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(text('tooLarge.text'));
    await expect(
      page.getByRole('link', { name: text('batch.attributesShowAll'), exact: true }),
    ).toHaveAttribute('href', /attributes=all#attributes$/);
    await site.open(page, `/batches/${batch}?attributes=all&locale=${locale}`);
    await expect(page.getByRole('group', { name: text('batch.attributes') })).toContainText('xxxx');
    await expect(page.locator('body')).not.toContainText(SECRET);
    await site.open(page, `/pauses?locale=${locale}`);
    await expect(page.locator('main')).toContainText(text('pauses.tooLarge'));
    await site.open(page, `/audit?locale=${locale}`);
    await page.locator('[data-audit] summary').first().click();
    await expect(page.locator('[data-audit]').first()).toContainText(text('audit.notRecorded'));
    await expect(page.locator('body')).not.toContainText(SECRET);
  }
});
