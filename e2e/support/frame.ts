import { type Locator, type Page, expect } from 'playwright/test';
import { en } from './messages';

type Translate = typeof en;

/** The visible frame of a wide window; phones have a copy of its foot. */
const sidebar = (page: Page) => page.locator('.sidebar');

/** Opens the settings of theme, row height and keys; returns their button. */
export async function openDisplaySettings(page: Page, t: Translate = en): Promise<Locator> {
  const button = sidebar(page).getByRole('button', { name: t('prefs.label') });
  await button.click();
  return button;
}

/** Opens the choice of the time zone. */
export async function openZones(page: Page, t: Translate = en): Promise<void> {
  await sidebar(page)
    .getByRole('button', { name: t('prefs.zoneButton', { zone: '' }) })
    .click();
}

/** The select of the polling interval, in a closed panel. */
export const intervalSelect = (page: Page): Locator => page.locator('[data-polling] select');

/** Chooses the polling interval by the text of its option. */
export async function chooseInterval(page: Page, option: string): Promise<void> {
  await page.locator('[data-polling] button').click();
  await intervalSelect(page).selectOption(option);
  await page.keyboard.press('Escape');
  await expect(intervalSelect(page)).toBeHidden();
}
