import { type Locator, type Page, expect } from 'playwright/test';
import type { JobAction } from '../../lib/good-job/types';
import { en } from './messages';

export const rowOf = (page: Page, id: string): Locator => page.locator(`[data-job="${id}"]`);

/** The result of the viewer's last action. */
export const lastToast = (page: Page): Locator => page.locator('[data-toast]').last();

/** The bar of a selection, with the progress of its action. */
export const bulkBar = (page: Page, translate = en): Locator =>
  page.getByRole('region', { name: translate('bulk.bar') });

/** Selects the first row and from there everything that the list's filter matches. */
export async function selectEverything(page: Page, translate = en): Promise<void> {
  await page.locator('[data-job] input').first().check();
  const texts = [
    'selectEverything',
    'selectEverythingOf',
    'selectAllJobs',
    'selectAllJobsOf',
  ] as const;
  const pattern = texts
    .map((text) => translate(`bulk.${text}`, { number: '#' }).replace('#', '\\S+'))
    .join('|');
  await bulkBar(page, translate)
    .getByRole('button', { name: new RegExp(`^(${pattern})$`) })
    .click();
}

/** Opens the dialog of an action on everything that the list's filter matches. */
export async function openBulkDialog(
  page: Page,
  action: 'retry' | 'reschedule' | 'discard' | 'destroy',
  translate = en,
): Promise<void> {
  await selectEverything(page, translate);
  await bulkBar(page, translate)
    .getByRole('button', { name: translate(`actions.${action}.menu`) })
    .click();
}

/** Opens the dialog of an action from the menu of a row. */
export async function openActionDialog(
  page: Page,
  id: string,
  action: JobAction,
): Promise<Locator> {
  await page.getByRole('button', { name: en('jobs.menu', { id }) }).click();
  // A press before the menu has its place would dismiss it.
  await expect(page.locator('.floating', { has: page.getByRole('menu') })).toHaveCSS(
    'opacity',
    '1',
  );
  await page.getByRole('menuitem', { name: en(`actions.${action}.menu`), exact: true }).click();
  return page.getByRole('dialog', { name: en(`actions.${action}.title`) });
}

/** Runs an action from the menu of a row, including its confirmation. */
export async function runAction(page: Page, id: string, action: JobAction): Promise<void> {
  const dialog = await openActionDialog(page, id, action);
  await dialog.getByRole('button', { name: en(`actions.${action}.confirm`), exact: true }).click();
}

/** Returns the link of an action on the page of a job, after opening the panel that contains it. */
export async function jobPageLink(page: Page, action: JobAction): Promise<Locator> {
  const link = page
    .locator('#actions')
    .getByRole('link', { name: en(`actions.${action}.menu`), exact: true });
  if (action !== 'retry')
    await page
      .locator('#actions')
      .getByRole('button', { name: en('job.moreActions') })
      .click();
  return link;
}
