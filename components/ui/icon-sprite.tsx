import {
  ArrowUpDown,
  Ban,
  CalendarClock,
  ChartColumn,
  ChartLine,
  Check,
  ChevronDown,
  ChevronUp,
  CircleQuestionMark,
  CircleUserRound,
  CircleX,
  Clock,
  Columns3,
  Contrast,
  Copy,
  Cpu,
  Download,
  Ellipsis,
  ExternalLink,
  Eye,
  Flag,
  History,
  Hourglass,
  House,
  type IconNode,
  Info,
  Keyboard,
  Languages,
  Layers,
  List,
  ListChecks,
  Pause,
  Play,
  RotateCw,
  Rows3,
  Search,
  Server,
  Settings2,
  Timer,
  Trash2,
  TriangleAlert,
  Undo2,
  X,
  Zap,
} from 'lucide';

/** The icons of the console by what they mean; all are Lucide's. */
const ICONS = {
  // Pages
  overview: House,
  attention: TriangleAlert,
  jobs: List,
  batches: Layers,
  cron_entries: CalendarClock,
  queues: Server,
  processes: Cpu,
  cleaner: CircleX,
  performance: ChartLine,
  bulk: ListChecks,
  audit: History,
  // States
  scheduled: Clock,
  retried: RotateCw,
  queued: Hourglass,
  running: Play,
  succeeded: Check,
  discarded: X,
  paused: Pause,
  lost: TriangleAlert,
  // Actions and controls
  retry: RotateCw,
  reschedule: Timer,
  discard: Ban,
  destroy: Trash2,
  run_now: Zap,
  resume: Play,
  undo: Undo2,
  more: Ellipsis,
  unfold: ChevronDown,
  fold: ChevronUp,
  copy: Copy,
  warning: TriangleAlert,
  info: Info,
  settings: Settings2,
  sort: ArrowUpDown,
  search: Search,
  columns: Columns3,
  clock: Clock,
  help: CircleQuestionMark,
  chart: ChartColumn,
  close: X,
  download: Download,
  external: ExternalLink,
  preview: Eye,
  keyboard: Keyboard,
  theme: Contrast,
  density: Rows3,
  language: Languages,
  viewer: CircleUserRound,
  flag: Flag,
} satisfies Record<string, IconNode>;

export type IconName = keyof typeof ICONS;

const printNode = ([tag, attributes]: IconNode[number]) =>
  `<${tag} ${Object.entries(attributes)
    .map(([name, value]) => `${name}="${value}"`)
    .join(' ')}/>`;

const SPRITE = Object.entries(ICONS)
  .map(
    ([name, nodes]) =>
      `<symbol id="icon-${name}" viewBox="0 0 24 24">${nodes.map(printNode).join('')}</symbol>`,
  )
  .join('');

/** Defines all icons once per page; each use is a reference, which keeps pages small. */
export function IconSprite() {
  // eslint-disable-next-line react/no-danger -- made of constants of this file only
  return <svg aria-hidden="true" className="hidden" dangerouslySetInnerHTML={{ __html: SPRITE }} />;
}
