import { insertJob, readRow } from '../test/harness/rows';
import { en, ja } from './support/messages';
import { useSite } from './support/site';
import { expect, test } from './support/test';

const site = useSite('journey reschedule');

for (const [locale, translate] of [
  ['en', en],
  ['ja', ja],
] as const)
  test(`reschedules a job to tomorrow morning with three clicks (${locale})`, async ({
    page,
    context,
  }) => {
    await context.addCookies([
      { name: 'gjc_time_zone', value: 'Asia/Tokyo', url: site.server.origin },
    ]);
    await page.addInitScript(() => {
      let clicks = 0;
      addEventListener('pointerdown', () => {
        clicks += 1;
        document.documentElement.dataset.clicks = String(clicks);
      });
    });
    const id = await insertJob(site.db);
    await site.open(page, `/jobs/${id}?locale=${locale}`);
    await page.getByRole('link', { name: translate('actions.reschedule.menu') }).click();
    const dialog = page.getByRole('dialog');
    await expect(dialog).toContainText(translate('actions.reschedule.effect'));
    await dialog
      .getByRole('radio', { name: translate('actions.reschedule.presets.tomorrow') })
      .click();
    await dialog.getByRole('button', { name: translate('actions.reschedule.confirm') }).click();
    await expect(page.locator('[data-toast]')).toContainText('09:00:00 JST');
    await expect(page.locator('html')).toHaveAttribute('data-clicks', '3');
    expect(String((await readRow(site.db, 'good_jobs', id)).scheduled_at)).toMatch(/T00:00:00$/);
  });
