import type { Locator, Page } from 'playwright/test';
import { DISCARDED, insertBatch, insertJob, readRow } from '../test/harness/rows';
import { findAxeViolations } from './support/axe';
import { en, ja } from './support/messages';
import { useSite } from './support/site';
import { expect, test } from './support/test';

/* The palette, the sheet of keys and the keys of all pages. */
const JOB = 'c0ffee00-0000-4000-8000-00000000000a';
const BATCH = 'ba7c4000-0000-4000-8000-00000000000b';

const site = useSite('keyboard', {
  async seed(db) {
    await insertBatch(db, { id: BATCH, description: '請求書 November' });
    await insertJob(db, {
      id: JOB,
      ...DISCARDED,
      job_class: 'InvoiceJob',
      queue_name: 'invoices',
      cron_key: 'invoice_run',
      cron_at: '2026-11-20T10:00:00Z',
      batch_id: BATCH,
      error: 'E: x',
    });
  },
});

/** Opens a page that polls, and waits until its effects, and so its keys, are active. */
async function open(page: Page, path: string): Promise<void> {
  await site.open(page, path);
  await expect(page.locator('[data-polling]')).toBeVisible();
}
const combobox = (page: Page) => page.getByRole('dialog').getByRole('combobox');
const option = (page: Page, name: string | RegExp) => page.getByRole('option', { name });
const openPalette = async (page: Page) => {
  await page.keyboard.press('Control+k');
  await expect(combobox(page)).toBeFocused();
};
const heading = (page: Page) => page.getByRole('heading', { level: 1 });

for (const [locale, t] of [
  ['en', en],
  ['ja', ja],
] as const) {
  test.describe(locale, () => {
    test.use({ locale });

    test(`the palette finds pages and goes there in ${locale}`, async ({ page }) => {
      await open(page, '/jobs');
      await openPalette(page);
      expect(await findAxeViolations(page), 'palette').toEqual([]);
      await combobox(page).fill(t('nav.performance'));
      await expect(option(page, t('nav.performance')).first()).toHaveAttribute(
        'aria-selected',
        'true',
      );
      await page.keyboard.press('Enter');
      await expect(heading(page)).toHaveText(t('performance.title'));
      expect(page.url()).toBe(site.url('/performance'));
      await expect(page.getByRole('dialog')).toHaveCount(0);
    });

    test(`the palette finds jobs, batches and names in ${locale}`, async ({ page }) => {
      await open(page, '/queues');
      for (const [text, name, path] of [
        [JOB.slice(0, 8), 'InvoiceJob', `/jobs/${JOB}`],
        [BATCH, '請求書 November', `/batches/${BATCH}`],
        ['november', '請求書 November', `/batches/${BATCH}`],
        ['voicejob', 'InvoiceJob', '/jobs?job_class=InvoiceJob'],
        ['invoices', 'invoices', '/jobs?queue_name=invoices'],
        ['invoice_', 'invoice_run', '/cron_entries/invoice_run'],
      ] as const) {
        await openPalette(page);
        await combobox(page).fill(text);
        await option(page, new RegExp(`^${name}`))
          .first()
          .click();
        await page.waitForURL(site.url(path));
      }
    });

    test(`the sheet lists all keys in ${locale}`, async ({ page }) => {
      await open(page, '/queues');
      await page.keyboard.press('?');
      const sheet = page.getByRole('dialog', { name: t('keys.title') });
      await expect(sheet).toBeVisible();
      for (const text of [t('keys.theme'), t('nav.batches'), t('keys.listKeys.reschedule')])
        await expect(sheet).toContainText(text);
      expect(await findAxeViolations(page), 'sheet').toEqual([]);
      await page.keyboard.press('Escape');
      await expect(sheet).toHaveCount(0);
    });

    test(`an action of the palette opens its dialog in ${locale}`, async ({ page }) => {
      await open(page, `/jobs/${JOB}`);
      await openPalette(page);
      await combobox(page).fill(t('actions.retry.menu').replace('…', ''));
      await page.keyboard.press('Enter');
      await expect(page.getByRole('dialog')).toContainText(t('actions.retry.title'));
      expect((await readRow(site.db, 'good_jobs', JOB)).finished_at).not.toBeNull();
      await page.keyboard.press('Escape');
      await expect(page.getByRole('dialog')).toHaveCount(0);
    });
  });
}

test('the visible button opens the palette, and Escape returns the focus to it', async ({
  page,
}) => {
  await open(page, '/queues');
  const button = page.locator('.sidebar').getByRole('button', { name: en('nav.search') });
  await button.click();
  await expect(combobox(page)).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await expect(button).toBeFocused();
  await page.setViewportSize({ width: 390, height: 844 });
  await page.getByRole('button', { name: en('nav.more') }).click();
  await page
    .locator('.bottom-bar')
    .getByRole('button', { name: en('nav.search') })
    .click();
  await expect(combobox(page)).toBeFocused();
});

test('the arrow keys move through the options of the palette and wrap', async ({ page }) => {
  await open(page, '/queues');
  await openPalette(page);
  const options = page.getByRole('option');
  const active = async (which: Locator) => {
    await expect(which).toHaveAttribute('aria-selected', 'true');
    await expect(combobox(page)).toHaveAttribute(
      'aria-activedescendant',
      (await which.getAttribute('id')) ?? '',
    );
  };
  await active(options.first());
  await page.keyboard.press('ArrowDown');
  await active(options.nth(1));
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowUp');
  await active(options.last());
  await page.keyboard.press('ArrowDown');
  await active(options.first());
});

test('the Enter of an input method does not choose an option', async ({ page }) => {
  await open(page, '/queues');
  await openPalette(page);
  await combobox(page).fill('せいきゅう');
  await combobox(page).evaluate((input) => {
    for (const init of [{ isComposing: true }, { keyCode: 229 }])
      input.dispatchEvent(
        new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...init }),
      );
  });
  await expect(combobox(page)).toBeVisible();
  expect(page.url()).toBe(site.url('/queues'));
});

test('the palette changes theme, row height, live updates and language', async ({ page }) => {
  await open(page, '/jobs');
  const run = async (text: string) => {
    await openPalette(page);
    await combobox(page).fill(text);
    await page.keyboard.press('Enter');
    await expect(page.getByRole('dialog')).toHaveCount(0);
  };
  await run(en('palette.commands.theme', { theme: en('prefs.themes.dark') }));
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await run(en('palette.commands.compact'));
  await expect(page.locator('html')).toHaveAttribute('data-density', 'compact');
  await run(en('palette.commands.liveOff'));
  await expect(page.locator('[data-polling]')).toHaveAttribute('data-polling', 'off');
  await run(en('palette.commands.language'));
  await expect(heading(page)).toHaveText(ja('jobs.title'));
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await expect(page.locator('html')).toHaveAttribute('data-density', 'compact');
});

test('a text without a match searches jobs', async ({ page }) => {
  await open(page, '/queues');
  await openPalette(page);
  await combobox(page).fill('zzz yyy');
  await page.keyboard.press('Enter');
  await page.waitForURL(site.url('/jobs?q=zzz+yyy'));
});

test('single keys go to pages, focus the search, and change theme and live updates', async ({
  page,
}) => {
  await open(page, '/jobs');
  for (const [key, path] of [
    ['b', '/batches'],
    ['q', '/queues'],
    ['a', '/attention'],
    ['c', '/cron_entries'],
    ['p', '/processes'],
    ['f', '/cleaner'],
    ['j', '/jobs'],
  ] as const) {
    await page.keyboard.press('g');
    await page.keyboard.press(key);
    await page.waitForURL(site.url(path));
  }
  await page.keyboard.press('/');
  await expect(page.getByRole('combobox', { name: en('search.label') })).toBeFocused();
  await page.keyboard.press('t');
  await expect(page.getByRole('combobox', { name: en('search.label') })).toHaveValue('t');
  await page.keyboard.press('Backspace');
  await page.keyboard.press('Escape');
  await heading(page).click();
  await page.keyboard.press('t');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await page.keyboard.press('t');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'light');
  await page.keyboard.press('l');
  await expect(page.locator('[data-polling]')).toHaveAttribute('data-polling', 'off');
  await page.keyboard.press('l');
  await expect(page.locator('[data-polling]')).toHaveAttribute('data-polling', 'on');
});

test('single keys do nothing with modifiers, in dialogs, or during composition', async ({
  page,
}) => {
  await open(page, `/jobs/${JOB}`);
  const theme = await page.locator('html').getAttribute('data-theme');
  for (const key of ['Control+t', 'Alt+t', 'Meta+t'])
    await page.evaluate(
      ([name]) =>
        document.body.dispatchEvent(
          new KeyboardEvent('keydown', {
            key: 't',
            bubbles: true,
            ctrlKey: name === 'Control+t',
            altKey: name === 'Alt+t',
            metaKey: name === 'Meta+t',
          }),
        ),
      [key],
    );
  await page.evaluate(() =>
    document.body.dispatchEvent(
      new KeyboardEvent('keydown', { key: 't', bubbles: true, isComposing: true }),
    ),
  );
  await page.locator(`main a[href$="/jobs/${JOB}/retry"]`).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: en('actions.cancel') }).focus();
  await page.keyboard.press('t');
  await page.keyboard.press('?');
  await page.keyboard.press('Control+k');
  await expect(page.getByRole('dialog')).toHaveCount(1);
  await expect(dialog).toContainText(en('actions.retry.title'));
  expect(await page.locator('html').getAttribute('data-theme')).toBe(theme);
});

test('single keys can be switched off; the palette still opens', async ({ page }) => {
  await open(page, '/queues');
  await page.keyboard.press('?');
  const sheet = page.getByRole('dialog', { name: en('keys.title') });
  await sheet.getByRole('checkbox', { name: en('keys.switch') }).uncheck();
  await page.keyboard.press('Escape');
  await expect(sheet).toHaveCount(0);
  const theme = await page.locator('html').getAttribute('data-theme');
  await page.keyboard.press('t');
  await page.keyboard.press('?');
  await openPalette(page);
  expect(await page.locator('html').getAttribute('data-theme')).toBe(theme);
  await page.keyboard.press('Escape');
  await page.reload();
  await page
    .locator('.sidebar')
    .getByRole('button', { name: en('prefs.label') })
    .click();
  const checkbox = page.getByRole('checkbox', { name: en('prefs.keys') });
  await expect(checkbox).not.toBeChecked();
  await checkbox.check();
  await page.keyboard.press('Escape');
  await heading(page).click();
  await page.keyboard.press('?');
  await expect(sheet).toBeVisible();
});

/** Milliseconds from the next click or key to the progress bar, measured in the page. */
async function measureReaction(page: Page): Promise<() => Promise<number>> {
  await page.evaluate(() => {
    const state = window as Window & { reaction?: Promise<number> };
    state.reaction = new Promise((resolve) => {
      let startedAt = 0;
      for (const type of ['click', 'keydown'])
        window.addEventListener(type, (event) => (startedAt = event.timeStamp), {
          capture: true,
        });
      new MutationObserver((_, observer) => {
        if (!document.querySelector('.navigation-progress')) return;
        observer.disconnect();
        resolve(performance.now() - startedAt);
      }).observe(document.body, { childList: true, subtree: true });
    });
  });
  return () =>
    page.evaluate(() => (window as Window & { reaction?: Promise<number> }).reaction ?? -1);
}

/** Holds the answers to navigations until the returned function is called. */
async function holdNavigations(page: Page): Promise<() => void> {
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  await page.route(
    (url) => url.searchParams.has('_rsc'),
    async (route) => {
      await released;
      await route.continue();
    },
  );
  return release;
}

test('a click on a link shows a reaction within 100 ms while the server is slow', async ({
  page,
}) => {
  await open(page, '/jobs');
  const release = await holdNavigations(page);
  const reaction = await measureReaction(page);
  const link = page.locator('.sidebar').getByRole('link', { name: en('nav.batches') });
  await link.click();
  expect(await reaction()).toBeLessThan(100);
  await expect(page.getByRole('progressbar')).toBeVisible();
  await expect(link).toHaveAttribute('data-pending', '');
  release();
  await expect(heading(page)).toHaveText(en('batches.title'));
  await expect(page.getByRole('progressbar')).toHaveCount(0);
  await expect(link).not.toHaveAttribute('data-pending');
});

test('a search shows a reaction within 100 ms while the server is slow', async ({ page }) => {
  await open(page, '/jobs');
  const release = await holdNavigations(page);
  await page.getByRole('combobox', { name: en('search.label') }).fill('InvoiceJob');
  const reaction = await measureReaction(page);
  await page.keyboard.press('Enter');
  expect(await reaction()).toBeLessThan(100);
  release();
  await page.waitForURL(site.url('/jobs?q=InvoiceJob'));
  await expect(page.getByRole('progressbar')).toHaveCount(0);
});
