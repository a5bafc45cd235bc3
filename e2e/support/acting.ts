import type { Locator, Page } from 'playwright/test';
import type { JobAction } from '../../lib/good-job/actions';
import { en } from './messages';

export const rowOf = (page: Page, id: string): Locator => page.locator(`[data-job="${id}"]`);

/** Chooses an action in a row's menu; its dialog is open afterwards. */
export async function choose(page: Page, id: string, action: JobAction): Promise<Locator> {
  await page.getByRole('button', { name: en('jobs.menu', { id }) }).click();
  await page.getByRole('menuitem', { name: en(`actions.${action}.menu`), exact: true }).click();
  return page.getByRole('dialog', { name: en(`actions.${action}.title`) });
}

/** Chooses an action in a row's menu and confirms it. */
export async function act(page: Page, id: string, action: JobAction): Promise<void> {
  const dialog = await choose(page, id, action);
  await dialog.getByRole('button', { name: en(`actions.${action}.confirm`), exact: true }).click();
}
