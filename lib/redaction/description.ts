import { parseJson } from '../good-job/json';
import { READ_BEYOND, redaction } from './redaction';
import { SecretRegistry } from './secret-registry';

/** A batch's description as it is shown, of which READ_BEYOND more was read: without what its properties hide either. */
export function redactDescription(
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
export function secretsOfProperties(properties: string | null): SecretRegistry {
  const secrets = new SecretRegistry();
  if (properties) redaction().redactJson(parseJson(properties), { secrets });
  return secrets;
}
