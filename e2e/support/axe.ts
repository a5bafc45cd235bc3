import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright/test';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/**
 * Violations of WCAG 2.2 AA and best practices in the light theme, and of colour contrast in the
 * dark one. `floating`: an open menu or panel may be outside of landmarks and cover targets.
 */
export async function findAxeViolations(page: Page, { floating = false } = {}): Promise<string[]> {
  // Legacy mode avoids a new tab per analysis; no page has a cross-origin frame.
  const analyze = async (axe: AxeBuilder, theme: string) => {
    const { violations: results } = await axe.setLegacyMode().analyze();
    return results.flatMap(({ id, nodes }) =>
      nodes.map(
        (node) => `${theme}: ${id}: ${node.html.slice(0, 160)} ${node.failureSummary ?? ''}`,
      ),
    );
  };
  const builder = new AxeBuilder({ page }).withTags(TAGS);
  await page.emulateMedia({ colorScheme: 'light' });
  const light = await analyze(
    floating ? builder.disableRules(['region', 'target-size']) : builder,
    'light',
  );
  await page.emulateMedia({ colorScheme: 'dark' });
  const dark = await analyze(new AxeBuilder({ page }).withRules(['color-contrast']), 'dark');
  await page.emulateMedia({ colorScheme: 'light' });
  return [...light, ...dark];
}
