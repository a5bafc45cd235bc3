import type { Page } from 'playwright/test';
import { MIGRATIONS } from '../lib/console-schema/setup';
import { DISCARDED, insertJob } from '../test/harness/rows';
import { en } from './support/messages';
import { lastToast, openActionDialog } from './support/row-actions';
import { startSite } from './support/site';
import { expect, test } from './support/test';

/* Consoles with AUDIT_REASON=required or without a current console schema. */

const entries = (page: Page) => page.locator('[data-audit]');

test(
  'with AUDIT_REASON=required, refuses and records an action without a reason',
  { tag: '@any-path' },
  async ({ page, basePath, problems }) => {
    const strictSite = await startSite('audit reason', basePath, {
      env: { AUDIT_REASON: 'required' },
    });
    try {
      const id = await insertJob(strictSite.db, DISCARDED);
      await strictSite.open(page, '/jobs');
      const dialog = await openActionDialog(page, id, 'retry');
      const reason = dialog.getByLabel(en('actions.reason.required'));
      await expect(reason).toHaveAttribute('required', '');
      await reason.fill('   ');
      await dialog.getByRole('button', { name: en('actions.retry.confirm'), exact: true }).click();
      await expect(lastToast(page)).toContainText(en('errors.reason_required'));
      await strictSite.open(page, `/audit?target=${id}`);
      await expect(entries(page)).toContainText(en('audit.outcomes.refused'));
      await expect(entries(page)).toContainText(en('errors.reason_required'));
      // A malformed request gets a 400 and is recorded without its content.
      problems.allowStatus(400);
      await page.goto(strictSite.url(`/jobs/${id}/retry`));
      await page.locator('input[name="id"]').evaluate((input: HTMLInputElement) => {
        input.value = 'no-such-id';
      });
      await page.getByLabel(en('actions.reason.required')).fill('x');
      await page.getByRole('button', { name: en('actions.retry.confirm'), exact: true }).click();
      await expect(page.locator('main').getByRole('alert')).toHaveText(
        en('errors.console_updated'),
      );
      await expect(page.getByLabel(en('actions.reason.required'))).toHaveValue('x');
      await expect
        .poll(() =>
          strictSite.value(
            `SELECT jsonb_build_object('outcome', outcome, 'error', error, 'details', details)
              FROM good_job_console.audit_events
              WHERE action = 'unreadable'`,
          ),
        )
        .toEqual({ outcome: 'refused', error: 'bad_request', details: { action: 'changeJob' } });
      await page.goto('about:blank');
    } finally {
      await strictSite.stop();
    }
  },
);

test(
  'without a current console schema, shows the command to run and logs actions',
  { tag: '@any-path' },
  async ({ page, basePath }) => {
    const oldSchemaSql = [
      'CREATE SCHEMA good_job_console',
      ...MIGRATIONS.filter(({ version }) => version < 5).map(({ statements }) => statements),
    ];
    for (const [name, sql, message] of [
      ['none', [], 'needsSchema'],
      ['older', oldSchemaSql, 'needsNewerSchema'],
    ] as const) {
      const siteWithoutSchema = await startSite(`audit ${name}`, basePath, {
        consoleSchema: false,
        sql: [...sql],
      });
      try {
        const id = await insertJob(siteWithoutSchema.db, DISCARDED);
        await siteWithoutSchema.open(page, '/audit');
        await expect(page.locator('main')).toContainText(en(`audit.${message}`));
        if (name === 'older')
          await expect(page.locator('main')).toContainText(en('banners.outdatedConsoleSchema'));
        await siteWithoutSchema.open(page, '/jobs');
        const dialog = await openActionDialog(page, id, 'retry');
        await dialog.getByLabel(en('actions.reason.label')).fill('printed reason');
        await dialog
          .getByRole('button', { name: en('actions.retry.confirm'), exact: true })
          .click();
        await expect(lastToast(page)).toContainText(en('outcomes.done.retry'));
        const line =
          siteWithoutSchema.server
            .output()
            .split('\n')
            .find((text) => text.startsWith('{"audit":') && text.includes(id)) ?? '{}';
        expect(JSON.parse(line)).toMatchObject({
          audit: {
            viewer: 'local',
            action: 'job.retry',
            outcome: 'done',
            reason: 'printed reason',
            targetIds: [id],
          },
        });
        await siteWithoutSchema.open(page, `/jobs/${id}`);
        await expect(page.getByRole('region', { name: en('audit.history.title') })).toBeVisible();
        await page.goto('about:blank');
      } finally {
        await siteWithoutSchema.stop();
      }
    }
  },
);
