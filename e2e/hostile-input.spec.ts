import type pg from 'pg';
import type { Page } from 'playwright/test';
import { DISCARDED, RUNNING, insertBatch, insertExecution, insertJob } from '../test/harness/rows';
import { en, ja } from './support/messages';
import { lastToast } from './support/row-actions';
import { useSite } from './support/site';
import { expect, test } from './support/test';

/* Hostile text in class names, labels, errors and arguments never runs and is never altered. */
const SCRIPT = `<script>window.__xss=1</script>`;
const EVIL = `"><img src=x onerror="window.__xss=1"><svg onload=window.__xss=1>${SCRIPT}{{7*7}}\${7*7}'--`;
const JOB = 'c0ffee00-0000-4000-8000-00000000000a';
const BATCH = 'c0ffee00-0000-4000-8000-00000000000b';
const NUMBERS = 'c0ffee00-0000-4000-8000-00000000000c';
const LARGE = 'c0ffee00-0000-4000-8000-00000000000d';

/** JSON that JSON.parse would change or reorder; it must be preserved verbatim. */
const LOSSLESS =
  '{"job_class": "NumbersJob", "job_id": "x", "arguments": [12345678901234567890, 1.10, -0.0, ' +
  '1e400, "\\u202eabc", {"2": "b", "1": "a", "10": "c", "__proto__": {"x": 1}, "": null}], ' +
  '"executions": 0}';

async function seed(db: pg.Client): Promise<void> {
  const hash = JSON.stringify({
    [EVIL]: EVIL,
    nested: [EVIL, { [SCRIPT]: SCRIPT }],
    _aj_symbol_keys: [EVIL],
  });
  const payload = JSON.stringify({
    job_class: EVIL,
    job_id: EVIL,
    queue_name: EVIL,
    priority: EVIL,
    arguments: [EVIL, { [EVIL]: EVIL }],
    executions: 0,
    locale: EVIL,
    timezone: EVIL,
    enqueued_at: EVIL,
    scheduled_at: EVIL,
    [EVIL]: EVIL,
  });
  await insertBatch(db, {
    id: BATCH,
    description: EVIL,
    serialized_properties: hash,
    on_finish: EVIL,
    on_success: EVIL,
    on_discard: EVIL,
    callback_queue_name: EVIL,
    discarded_at: '2026-11-20T10:00:00Z',
  });
  const texts = {
    job_class: EVIL,
    queue_name: EVIL,
    concurrency_key: EVIL,
    cron_key: EVIL,
    labels: [EVIL, null, SCRIPT],
    serialized_params: payload,
  };
  await insertJob(db, { id: JOB, batch_id: BATCH, ...DISCARDED, ...texts, error: EVIL });
  await insertJob(db, { batch_id: BATCH, ...RUNNING, ...texts, cron_key: null });
  await insertJob(db, { batch_callback_id: BATCH, ...texts, cron_key: null });
  await insertExecution(db, JOB, {
    job_class: EVIL,
    queue_name: EVIL,
    serialized_params: payload,
    error: EVIL,
    error_backtrace: [EVIL, null, `/gems/${EVIL}`],
    finished_at: '2026-11-20T10:00:00Z',
    error_event: 5,
  });
  await db.query(
    `INSERT INTO good_job_processes (created_at, updated_at, state) VALUES (now(), now(), $1)`,
    [hash],
  );
  await db.query(
    `INSERT INTO good_job_settings (created_at, updated_at, key, value)
      VALUES (now(), now(), 'pauses', $1), (now(), now(), $2, $3)`,
    [JSON.stringify({ queues: [EVIL], job_classes: [EVIL], labels: [SCRIPT] }), EVIL, hash],
  );
  await insertJob(db, {
    id: NUMBERS,
    ...DISCARDED,
    job_class: 'NumbersJob',
    serialized_params: LOSSLESS,
  });
  await insertJob(db, {
    id: LARGE,
    ...DISCARDED,
    job_class: 'LargeJob',
    error: 'x'.repeat(300_000),
    serialized_params: JSON.stringify({
      job_class: 'LargeJob',
      arguments: [`${'長い引数'.repeat(75_000)}END`],
    }),
  });
}

const site = useSite('hostile', { seed });

async function expectHarmless(page: Page): Promise<void> {
  expect(await page.evaluate(() => (window as { __xss?: number }).__xss)).toBeUndefined();
  expect(await page.locator('main img, main script').count()).toBe(0);
}

test('renders markup of every text column as text on every page', async ({ page }) => {
  for (const path of [
    '/jobs',
    `/jobs?label=${encodeURIComponent(EVIL)}&queue_name=${encodeURIComponent(EVIL)}`,
    `/jobs/${JOB}`,
    `/jobs/${JOB}?raw=1`,
    `/jobs/${JOB}/retry`,
    `/jobs/${JOB}/destroy`,
    '/batches',
    `/batches/${BATCH}`,
    `/batches/${BATCH}?job_class=${encodeURIComponent(EVIL)}`,
    `/batches/${BATCH}/retry`,
  ]) {
    const response = await site.open(page, path);
    expect(response.status(), path).toBe(200);
    await expect(page.locator('main'), path).toContainText(EVIL);
    await expectHarmless(page);
  }
});

test('renders markup as text in menus, dialogs, tooltips and raw JSON', async ({ page }) => {
  await site.open(page, `/batches/${BATCH}`);
  await page.getByRole('button', { name: en('jobs.showRaw', { id: JOB }) }).click();
  await expect(page.getByRole('group', { name: en('jobs.raw') })).toContainText(
    JSON.stringify(EVIL),
  );
  await page.locator(`[data-job="${JOB}"] button.job-attempts`).hover();
  await expect(page.getByRole('tooltip')).toContainText(EVIL);
  await page.getByRole('button', { name: en('jobs.menu', { id: JOB }) }).click();
  await page.getByRole('menuitem', { name: en('actions.destroy.menu') }).click();
  await expect(page.getByRole('dialog')).toContainText(EVIL);
  await page.keyboard.press('Escape');
  await page.getByRole('link', { name: en('actions.batch_retry.menu') }).click();
  await expect(page.getByRole('dialog')).toContainText(`on_finish: ${EVIL}`);
  await expectHarmless(page);
});

test('refuses a retry of a job with parameters of a wrong type', async ({ page }) => {
  await site.open(page, `/jobs/${JOB}`);
  await page.getByRole('link', { name: en('actions.retry.menu'), exact: true }).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: en('actions.retry.confirm'), exact: true })
    .click();
  await expect(lastToast(page)).toContainText(en('outcomes.refused.params_of_wrong_type'));
  await expectHarmless(page);
});

test('shows and preserves numbers and keys verbatim', async ({ page }) => {
  const storedArguments = () =>
    site.value<string>(
      `SELECT (serialized_params -> 'arguments')::text FROM good_jobs WHERE id = $1`,
      NUMBERS,
    );
  const before = await storedArguments();
  await site.open(page, `/jobs/${NUMBERS}?raw=1`);
  const tree = page.locator('[data-tree]');
  for (const part of ['12345678901234567890', '1.10', '0.0', '"\\u202eabc"', '__proto__'])
    await expect(tree).toContainText(part);
  await page.getByText(en('job.argumentsJson'), { exact: true }).click();
  for (const block of [
    page.locator('#raw pre'),
    page.locator('section[aria-labelledby="arguments"] pre'),
  ]) {
    const text = await block.innerText();
    for (const part of [
      '12345678901234567890',
      '1.10',
      `1${'0'.repeat(400)}`,
      '"__proto__": {',
      '"": null',
    ])
      expect(text).toContain(part);
    // A bidirectional control is shown escaped, which is the same JSON.
    const escaped = before.replaceAll('\u202e', '\\u202e');
    expect(text.replaceAll(/\s+/g, '')).toContain(escaped.slice(1, -1).replaceAll(/\s+/g, ''));
  }
  await page.getByRole('link', { name: en('actions.retry.menu'), exact: true }).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: en('actions.retry.confirm'), exact: true })
    .click();
  await expect(lastToast(page)).toContainText(en('outcomes.done.retry'));
  expect(await storedArguments()).toBe(before);
});

test('truncates an argument of 300 kB and links to all of it', async ({ page }) => {
  const response = await site.open(page, `/jobs/${LARGE}`);
  expect((await response.body()).length).toBeLessThan(200_000);
  const args = page.locator('section[aria-labelledby="arguments"]');
  await expect(args).not.toContainText('END');
  await args.getByRole('link', { name: en('job.showAllTexts') }).click();
  await page.waitForURL(/all=1/);
  await expect(args).toContainText('END');
  await site.open(page, '/jobs');
  await expect(page.locator(`[data-job="${LARGE}"]`)).toBeVisible();
});

test('answers 404 for an invalid id in the language of the viewer', async ({ page, problems }) => {
  problems.allowStatus(404);
  for (const path of [
    '/jobs/1',
    '/jobs/null',
    `/jobs/${JOB}x`,
    `/jobs/${JOB.replaceAll('-', '')}`,
    '/jobs/00000000-0000-0000-0000-000000000000',
    `/jobs/${JOB}/explode`,
    '/batches/%3Cscript%3E',
    `/batches/${'9'.repeat(36)}`,
    `/batches/${JOB}/retry`,
    `/batches/${encodeURIComponent("' OR 1=1 --")}`,
    `/${'a'.repeat(5000)}`,
  ]) {
    for (const [locale, translate] of [
      ['ja', ja],
      ['en', en],
    ] as const) {
      const response = await page.request.get(site.url(`${path}?locale=${locale}`));
      expect(response.status(), path).toBe(404);
      expect(await response.text(), path).toContain(translate('notFound.text'));
    }
  }
  await site.open(page, '/batches/%3Cscript%3E?locale=ja');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(ja('notFound.title'));
  for (const path of [
    '/api/jobs/1/raw',
    `/api/batches/x/status`,
    `/api/executions/${JOB}/raw`,
    `/api/batches/${JOB}/status`,
  ])
    expect((await page.request.get(site.url(path))).status(), path).toBe(404);
});

test('job and batch lists show an invalid filter and no rows', async ({ page }) => {
  for (const [query, name] of [
    ['state=bogus', 'state'],
    ['after_id=1', 'after_id'],
    ['before_id=%3Cscript%3E', 'before_id'],
    [`after_id=${JOB}&after_at=yesterday`, 'after_'],
    ['limit=100000', 'limit'],
    [`job_class=${'x'.repeat(10_000)}`, 'job_class'],
    [`state=${encodeURIComponent(EVIL)}`, 'state'],
    ['q=state%3A', 'state:'],
  ] as const) {
    for (const list of name === 'state' ? ['/jobs', `/batches/${BATCH}`] : ['/jobs']) {
      const response = await page.goto(site.url(`${list}?${query}`));
      expect(response?.status(), query).toBe(200);
      await expect(page.locator('main').getByRole('alert'), query).toContainText(
        en('filter.notUnderstoodHint'),
      );
      await expect(page.locator('main').getByRole('alert'), query).toContainText(name);
      await expect(
        page.locator(
          list === '/jobs' ? '[data-job]' : 'section[aria-labelledby="batched-jobs"] [data-job]',
        ),
        query,
      ).toHaveCount(0);
    }
  }
  await site.open(page, '/batches?state=bogus');
  await expect(page.locator('[data-batch]')).toHaveCount(0);
  await page.getByRole('link', { name: en('filter.remove', { name: 'state' }) }).click();
  await expect(page.locator('[data-batch]')).toHaveCount(1);
});

test('ignores repeated, empty and unknown parameters', async ({ page }) => {
  await site.open(
    page,
    '/jobs?state=queued&state=discarded&job_class=&utm_source=mail&__proto__=1&constructor=x',
  );
  await expect(page.locator(`[data-job="${LARGE}"]`)).toBeVisible();
  await site.open(page, `/jobs/${LARGE}?did=%3Cscript%3E&outcome=done`);
  await expect(page.getByRole('status')).toHaveCount(0);
  await site.open(page, `/jobs/${LARGE}?did=retry&outcome=${encodeURIComponent(EVIL)}`);
  await expect(page.getByRole('status')).toHaveCount(0);
  await expectHarmless(page);
});
