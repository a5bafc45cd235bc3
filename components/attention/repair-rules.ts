import type { Repair } from '@/lib/attention/types';
import type { Permission } from '@/lib/auth/roles';

/** Mirrors the permission that each repair's mutation enforces. */
export const REPAIR_PERMISSIONS = {
  check_batches: 'batch.check',
  release_jobs: 'job.release',
  unpause: 'pause.unpause',
  drop_end: 'pause.drop_end',
} as const satisfies Record<Repair, Permission>;
