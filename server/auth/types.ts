import type { IncomingMessage } from 'node:http';
import type { Identity } from '../../lib/auth/roles';

/** Why somebody is not let in; message keys `door.<code>`. */
export type AuthRefused =
  | {
      code:
        | 'no_identity'
        | 'bad_identity'
        | 'bad_proxy_secret'
        | 'bad_token'
        | 'token_expired'
        | 'signed_out';
      status: 401;
    }
  | { code: 'sign_in_lost' | 'sign_in_used' | 'sign_in_foreign'; status: 400 }
  | { code: 'sign_in_refused' | 'groups_overage'; status: 403 }
  | { code: 'session_too_large'; status: 431 }
  | { code: 'keys_unreachable' | 'provider_unreachable' | 'database_down'; status: 503 };

/** What a mode makes of a request. */
export type Authentication =
  | {
      kind: 'identity';
      identity: Identity;
      /** The proxy proved itself, so its request id may be taken. */
      trustedProxy?: boolean;
      /** The provider left the groups out of the token because they are too many. */
      groupsOverage?: boolean;
      /** To be sent with whatever is answered. */
      setCookie?: string;
    }
  | { kind: 'refused'; refused: AuthRefused }
  /** Nobody yet, and a page may lead to where they can become somebody. */
  | { kind: 'sign_in'; location: string };

export interface Authenticator {
  /** Also takes from the request what only this mode may see: secrets, tokens, session cookies. */
  authenticate(request: IncomingMessage): Promise<Authentication>;
  /** A request of the provider itself, which comes from no page: it needs no Origin. */
  isProviderRequest?(method: string | undefined, path: string): boolean;
  /** Answers the mode's own addresses (`path` is without the base path); null: it is none of them. */
  door?(request: IncomingMessage, path: string): Promise<AuthResponse | null>;
}

/** How a door was answered; the front door writes it. */
export type AuthResponse =
  | { kind: 'redirect'; location: string; cookies: string[] }
  | { kind: 'refused'; refused: AuthRefused; cookies: string[] }
  /** Too many requests that cost the provider; seconds until the next one is carried out. */
  | { kind: 'wait'; seconds: number; cookies: string[] }
  /** For the provider, which reads JSON. */
  | { kind: 'provider'; status: 200 | 400 | 405; error?: string; cookies: string[] }
  /** A page in the reader's language, with a way on; `goesOn`: by itself. */
  | {
      kind: 'page';
      page: 'good_bye' | 'signing_out';
      href: string;
      goesOn: boolean;
      cookies: string[];
    }
  /** The page that a start token is given to. `canContinue`: the reader may be signed in already. */
  | {
      kind: 'start';
      problem: StartProblem | null;
      returnTo: string;
      canContinue: boolean;
      cookies: string[];
    };

/** Why a start token was refused; message keys `start.<code>`. */
export type StartProblem =
  | { code: 'start_token_wrong' | 'start_token_used' | 'start_token_expired'; status: 403 }
  | { code: 'start_token_too_many'; status: 429; retryAfterSeconds: number };
