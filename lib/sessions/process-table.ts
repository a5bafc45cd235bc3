import 'server-only';
import { env } from '../config/environment';
import { database, detectAgainAfter, detected } from '../context/detection';
import { type RevocationStore, createRevocationTable } from './revocation';

/** The table of revoked sessions in the database of this process. */
export function createProcessRevocationTable(): RevocationStore {
  return createRevocationTable({
    db: database(),
    detect: detected,
    detectAgainAfter,
    readOnly: env().readOnly,
  });
}
