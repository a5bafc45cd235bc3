import { isFilterText } from '../text';

/** The cron key in a path, which Next hands over as it is written; null for what can be none. */
export function keyOfSegment(segment: string): string | null {
  try {
    const key = decodeURIComponent(segment);
    return key !== '' && isFilterText(key) ? key : null;
  } catch {
    return null;
  }
}
