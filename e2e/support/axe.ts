import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright/test';

/**
 * What axe finds against WCAG 2.2 AA and its best practices. `floating`: a menu or panel floats over the page, perhaps
 * outside of every landmark; what it covers by half is no target.
 */
export async function violations(page: Page, { floating = false } = {}): Promise<string[]> {
  const axe = new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']);
  const { violations: found } = await (floating ? axe.disableRules(['region', 'target-size']) : axe).analyze();
  return found.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 160)} ${node.failureSummary ?? ''}`));
}
