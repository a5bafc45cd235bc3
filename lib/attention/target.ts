import type { Params } from '../filter-params';
import { PAUSE_KINDS } from '../good-job/settings';
import { isUuid } from '../text';
import { REPAIRS, type RepairTarget } from './types';

/** The query of /attention/repair. */
export function repairParams(target: RepairTarget): Record<string, string> {
  const { repair } = target;
  if (repair === 'unpause') return { repair, by: target.by, name: target.name };
  return target.ids === null ? { repair } : { repair, id: target.ids.join(',') };
}

/** Reads it; null when it cannot be read: never a wider target. */
export function readRepairTarget(params: Params): RepairTarget | null {
  const repair = REPAIRS.find((one) => one === params.get('repair'));
  if (!repair) return null;
  if (repair === 'unpause') {
    const [by, name] = [PAUSE_KINDS.find((kind) => kind === params.get('by')), params.get('name')];
    return by && name ? { repair, by, name } : null;
  }
  const id = params.get('id');
  if (id === null) return { repair, ids: null };
  const ids = id.split(',');
  return ids.every(isUuid) ? { repair, ids } : null;
}
