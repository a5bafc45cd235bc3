import 'server-only';
import { database, detected, detectAgainAfter } from '../ctx';
import { env } from '../env';
import type { RevocationStore } from './revocation';
import { createRevocationTable } from './revocation-table';

/** The table of revoked sessions in the database of this process. */
export function createProcessRevocationTable(): RevocationStore {
  return createRevocationTable({
    db: database(),
    detect: detected,
    detectAgainAfter,
    readOnly: env().readOnly,
  });
}
