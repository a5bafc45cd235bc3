import { execFrom } from './scan';

/*
 * Words that are secret names by themselves, but are none where they stand: a class, a token of a parser, a scheme that a
 * server asks for. Each reads a bounded number of characters around the word.
 */

/** Whether a word that begins here is the class of an inspected object: `#<Session id: 1>`, `#<Api::Token:0x0001>`. */
export function isInspected(text: string, from: number): boolean {
  return /#<(?:\w{1,60}::){0,6}$/.test(text.slice(Math.max(0, from - 100), from));
}

/** `unexpected token`: what a parser read. */
export function isParserToken(text: string, from: number, name: string): boolean {
  return (
    /^tokens?$/i.test(name) &&
    /\bunexpected[ \t]{1,3}(?:end of )?["'`]?$/i.test(text.slice(Math.max(0, from - 24), from))
  );
}

/** `TokenRefreshJob`, `PasswordResetService`: the last word says that this is a class. */
export function isClassName(name: string): boolean {
  return /^[A-Z][A-Za-z0-9]{1,58}[a-z](?:Job|Worker|Mailer|Controller|Service|Channel|Policy|Serializer|Client|Handler|Repository|Helper|Concern|Task|Command|Parser|Validator|Middleware|Processor|Consumer|Listener|Observer|Subscriber|Notifier|Refresher|Adapter|Model|Record|Test|Spec)s?$/.test(
    name,
  );
}

const CHALLENGE =
  /[a-z_-]{2,30}\s?=\s?"|(?:realm|error|error_description|error_uri|scope|charset|nonce|algorithm|qop|title)\s?=(?!=)/iy;

/** The parameters of `WWW-Authenticate: Bearer realm="api", error="invalid_token"` begin here. */
export const isChallenge = (text: string, at: number): boolean =>
  execFrom(CHALLENGE, text, at) !== null;
