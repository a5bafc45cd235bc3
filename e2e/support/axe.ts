import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright/test';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/**
 * What axe finds against WCAG 2.2 AA and its best practices, in the light theme and, of what a theme changes, in the
 * dark one. `floating`: a menu or panel floats over the page, perhaps outside of every landmark; what it covers by half
 * is no target.
 */
export async function violations(page: Page, { floating = false } = {}): Promise<string[]> {
  // Legacy mode: no page has a frame of another origin, and each look would open a tab of its own.
  const look = async (axe: AxeBuilder, theme: string) => {
    const { violations: found } = await axe.setLegacyMode().analyze();
    return found.flatMap(({ id, nodes }) =>
      nodes.map(
        (node) => `${theme}: ${id}: ${node.html.slice(0, 160)} ${node.failureSummary ?? ''}`,
      ),
    );
  };
  const all = new AxeBuilder({ page }).withTags(TAGS);
  await page.emulateMedia({ colorScheme: 'light' });
  const light = await look(floating ? all.disableRules(['region', 'target-size']) : all, 'light');
  await page.emulateMedia({ colorScheme: 'dark' });
  const dark = await look(new AxeBuilder({ page }).withRules(['color-contrast']), 'dark');
  await page.emulateMedia({ colorScheme: 'light' });
  return [...light, ...dark];
}
