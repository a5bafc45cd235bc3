import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright/test';
import { loadSourceBatch } from '../test/harness/good-job-database';
import { en, ja } from './support/messages';
import { useSite } from './support/site';
import { expect, test } from './support/test';

/*
 * What the product is for: GoodJob's own batch page, to the letter, from the rows it was made of. The file with the
 * lines and the one with the rows were recorded together.
 */
const BATCH = '/batches/d293ba0f-9b92-4871-a379-d32b0c1bd8bf';
const CALLBACK = '11d3b24f-b1aa-492e-a9ba-ffb6e28601cb';

const site = useSite('source batch', {
  sql: ['ALTER TABLE good_jobs DROP COLUMN lock_type'],
  seed: (_db, url) => loadSourceBatch(url),
});

/** The text as it stands on the screen, one line each; only what is outside of JSON may be indented. */
async function linesOf(page: Page): Promise<string[]> {
  return (await page.locator('main').innerText()).split('\n').map((line) => line.trimEnd());
}

const isJson = (line: string) => /^( |[{}[\]])/.test(line);

/** The recorded lines that are not on the page, in their order, after the line before them. */
function missing(recorded: string[], shown: string[]): string[] {
  let at = 0;
  return recorded.filter((line) => {
    const found = shown.findIndex(
      (candidate, n) => n >= at && (isJson(line) ? candidate : candidate.trim()) === line,
    );
    if (found >= 0) at = found + 1;
    return found < 0;
  });
}

for (const width of [1440, 390]) {
  test(`the source page's lines are all there, in their order, at ${width} px`, async ({
    page,
  }) => {
    await page.setViewportSize({ width, height: 900 });
    await site.open(page, `${BATCH}?locale=ja`);
    const folded = page.getByRole('button', { name: ja('jobs.showRaw', { id: '' }).trim() });
    await expect(folded).toHaveCount(4);
    while ((await folded.count()) > 0) await folded.first().click();
    await expect(page.locator('li[data-job] pre')).toHaveCount(4);
    const recorded = (
      await readFile(new URL('../test/fixtures/source-batch-page.ja.txt', import.meta.url), 'utf8')
    )
      .split('\n')
      .filter((line) => line.trim() !== '');
    expect(recorded.length).toBeGreaterThan(230);
    expect(missing(recorded, await linesOf(page))).toEqual([]);
  });
}

test('what is folded is not fetched, and folds again', async ({ page }) => {
  const fetched: string[] = [];
  page.on('request', (request) => request.url().includes('/raw') && fetched.push(request.url()));
  await site.open(page, `${BATCH}?locale=en`);
  expect(fetched).toEqual([]);
  await page.getByRole('button', { name: en('jobs.showRaw', { id: CALLBACK }) }).click();
  await expect(page.getByRole('group', { name: en('jobs.raw') })).toContainText(
    '"_aj_globalid": "gid://test-app/GoodJob::Batch/d293ba0f-9b92-4871-a379-d32b0c1bd8bf"',
  );
  expect(fetched).toHaveLength(1);
  await page.getByRole('button', { name: en('jobs.hideRaw', { id: CALLBACK }) }).click();
  await expect(page.getByRole('group', { name: en('jobs.raw') })).toHaveCount(0);
});

test('the raw JSON is copied as it is shown', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await site.open(page, BATCH);
  await page.getByRole('button', { name: `${en('copy.copy')}: ${en('batch.attributes')}` }).click();
  await expect(page.getByText(en('copy.copied'))).toBeVisible();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect(copied).toBe(
    await page
      .getByRole('group', { name: en('batch.attributes') })
      .locator('xpath=self::pre')
      .innerText(),
  );
});
