import { useQuery } from '@tanstack/react-query';
import { usePathname, useSearchParams } from 'next/navigation';
import { useLocale, useTranslations } from 'next-intl';
import { useEffect, useState } from 'react';
import type { PaletteMatches } from '@/lib/navigation/queries';
import { useHref } from '../application';
import { useDisplaySetting } from '../display-settings';
import { announceNavigation, useNavigate } from '../navigation';
import { usePollingSettings } from '../polling/polling-provider';
import { fetchJson } from '../requests';
import { NAV_GROUPS, type NavPage, pagePath } from '../shell/nav';
import type { IconName } from '../ui/icon';
import { setKeysOn, useKeysOn } from './keyboard';
import { usePageActions } from './page-actions';

/** A line of the palette. */
export interface PaletteItem {
  key: string;
  icon: IconName;
  text: string;
  /** A second text, such as an id. */
  detail?: string;
  /** Why the item cannot be chosen. */
  reason?: string | null;
  /** Matched too, so that English names find Japanese pages. */
  keywords?: string;
  choose: () => void;
}

export interface PaletteGroup {
  name: 'actions' | 'matches' | 'pages' | 'commands' | 'search';
  items: PaletteItem[];
}

const DEBOUNCE_MS = 120;
const MIN_CHARACTERS = 2;
const NO_MATCHES: PaletteMatches = {
  jobs: [],
  batches: [],
  classes: [],
  queues: [],
  cronKeys: [],
};

/** Returns the items for the text of the palette by group; `isLoading` while matches are read. */
export function usePaletteItems(
  text: string,
  commands: Pick<CommandOptions, 'onShowKeys' | 'onToggleLive'>,
): { groups: PaletteGroup[]; isLoading: boolean } {
  const input = text.trim();
  const { matches, isLoading } = useMatches(input);
  const all: PaletteGroup[] = [
    { name: 'actions', items: matching(useActionItems(), input) },
    { name: 'matches', items: useMatchItems(matches) },
    { name: 'pages', items: matching(usePageItems(), input) },
    { name: 'commands', items: matching(useCommandItems(commands), input) },
    { name: 'search', items: useSearchItem(input) },
  ];
  return { groups: all.filter(({ items }) => items.length > 0), isLoading };
}

const normalize = (text: string) => text.normalize('NFKC').toLowerCase();

/** The items whose text or keywords have every word of the input. */
function matching(items: PaletteItem[], input: string): PaletteItem[] {
  const words = normalize(input).split(/\s+/).filter(Boolean);
  return items.filter(({ text, keywords = '' }) => {
    const searched = normalize(`${text} ${keywords}`);
    return words.every((word) => searched.includes(word));
  });
}

function useMatches(input: string): { matches: PaletteMatches; isLoading: boolean } {
  const href = useHref();
  const [debounced, setDebounced] = useState(input);
  useEffect(() => {
    const timer = setTimeout(() => setDebounced(input), DEBOUNCE_MS);
    return () => clearTimeout(timer);
  }, [input]);
  const isLongEnough = input.length >= MIN_CHARACTERS;
  const { data, isFetching } = useQuery({
    queryKey: ['palette', debounced],
    queryFn: ({ signal }) =>
      fetchJson<PaletteMatches>(
        href(`/api/palette?${new URLSearchParams({ text: debounced })}`),
        signal,
      ),
    enabled: isLongEnough && debounced === input,
    staleTime: 10_000,
    retry: false,
    placeholderData: (previous) => previous,
  });
  return {
    matches: isLongEnough ? (data ?? NO_MATCHES) : NO_MATCHES,
    isLoading: isLongEnough && (isFetching || debounced !== input),
  };
}

function useActionItems(): PaletteItem[] {
  return usePageActions()().map(({ key, text, reason, onSelect }) => ({
    key: `action ${key}`,
    icon: 'run_now',
    text,
    reason,
    choose: onSelect,
  }));
}

function useMatchItems({
  jobs,
  batches,
  classes,
  queues,
  cronKeys,
}: PaletteMatches): PaletteItem[] {
  const t = useTranslations('palette');
  const navigate = useNavigate();
  const item = (icon: IconName, text: string, detail: string, path: string): PaletteItem => ({
    key: path,
    icon,
    text,
    detail,
    choose: () => navigate(path),
  });
  const query = (name: string, value: string) => `/jobs?${new URLSearchParams({ [name]: value })}`;
  return [
    ...jobs.map(({ id, jobClass }) =>
      item('jobs', jobClass ?? id, t('jobWithId', { id: id.slice(0, 8) }), `/jobs/${id}`),
    ),
    ...batches.map(({ id, description }) =>
      item(
        'batches',
        description ?? id,
        t('batchWithId', { id: id.slice(0, 8) }),
        `/batches/${id}`,
      ),
    ),
    ...classes.map((name) => item('jobs', name, t('jobsOfClass'), query('job_class', name))),
    ...queues.map((name) => item('queues', name, t('jobsOfQueue'), query('queue_name', name))),
    ...cronKeys.map((name) =>
      item('cron_entries', name, t('cronEntry'), `/cron_entries/${encodeURIComponent(name)}`),
    ),
  ];
}

const PAGES: readonly NavPage[] = NAV_GROUPS.flatMap<NavPage>(({ pages }) => pages);

function usePageItems(): PaletteItem[] {
  const t = useTranslations('nav');
  const navigate = useNavigate();
  return [
    ...PAGES.map((page) => ({
      key: page,
      icon: page,
      text: t(page),
      keywords: page,
      choose: () => navigate(pagePath(page)),
    })),
    {
      key: 'pauses',
      icon: 'paused',
      text: t('pauses'),
      keywords: 'pauses',
      choose: () => navigate('/pauses'),
    },
  ];
}

interface CommandOptions {
  onShowKeys: () => void;
  onToggleLive: () => void;
}

function useCommandItems({ onShowKeys, onToggleLive }: CommandOptions): PaletteItem[] {
  const t = useTranslations('palette.commands');
  const themes = useTranslations('prefs.themes');
  const [theme, setTheme] = useDisplaySetting('theme', 'auto');
  const [density, setDensity] = useDisplaySetting('density', 'comfortable');
  const { seconds } = usePollingSettings();
  const areKeysOn = useKeysOn();
  const switchLanguage = useSwitchLanguage();
  const otherThemes = (['light', 'dark', 'auto'] as const).filter((name) => name !== theme);
  return [
    ...otherThemes.map((name) => ({
      key: `theme ${name}`,
      icon: 'theme' as const,
      text: t('theme', { theme: themes(name) }),
      keywords: `theme ${name}`,
      choose: () => setTheme(name),
    })),
    {
      key: 'density',
      icon: 'density',
      text: t(density === 'compact' ? 'comfortable' : 'compact'),
      keywords: 'density',
      choose: () => setDensity(density === 'compact' ? 'comfortable' : 'compact'),
    },
    {
      key: 'live',
      icon: seconds > 0 ? 'paused' : 'running',
      text: t(seconds > 0 ? 'liveOff' : 'liveOn'),
      keywords: 'live',
      choose: onToggleLive,
    },
    {
      key: 'language',
      icon: 'language',
      text: t('language'),
      keywords: 'language english japanese 日本語',
      choose: switchLanguage,
    },
    {
      key: 'keys',
      icon: 'keyboard',
      text: t('keys'),
      keywords: 'keyboard shortcuts help',
      choose: onShowKeys,
    },
    {
      key: 'keys switch',
      icon: 'keyboard',
      text: t(areKeysOn ? 'keysOff' : 'keysOn'),
      keywords: 'keyboard shortcuts',
      choose: () => setKeysOn(!areKeysOn),
    },
  ];
}

function useSwitchLanguage(): () => void {
  const href = useHref();
  const locale = useLocale();
  const pathname = usePathname();
  const params = useSearchParams();
  return () => {
    const next = new URLSearchParams(params);
    next.delete('locale');
    next.set('_locale', locale === 'ja' ? 'en' : 'ja');
    announceNavigation();
    window.location.assign(href(`${pathname}?${next}`));
  };
}

function useSearchItem(input: string): PaletteItem[] {
  const t = useTranslations('palette');
  const navigate = useNavigate();
  if (input === '') return [];
  return [
    {
      key: 'search',
      icon: 'search',
      text: t('searchJobs', { text: input }),
      choose: () => navigate(`/jobs?${new URLSearchParams({ q: input })}`),
    },
  ];
}
