import { parseJson } from '../good-job/json';
import { READ_BEYOND, redaction } from './redaction';
import { Secrets } from './secrets';

/** A batch's description as it is shown, of which READ_BEYOND more was read: without what its properties hide either. */
export function shownDescription(
  description: string,
  properties: string | null,
  shown: number,
): string {
  return redaction().excerpt(description, {
    read: shown + READ_BEYOND,
    shown,
    secrets: secretsOfProperties(properties),
  });
}

/** What is hidden of a batch's properties. */
export function secretsOfProperties(properties: string | null): Secrets {
  const secrets = new Secrets();
  if (properties) redaction().json(parseJson(properties), { secrets });
  return secrets;
}
