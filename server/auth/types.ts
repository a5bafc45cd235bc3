import type { IncomingMessage } from 'node:http';
import type { Identity } from '../../lib/auth/roles';

/** Why authentication failed; message keys `gateway.<code>`. */
export type AuthRefusal =
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

/** The result of authenticating a request. */
export type Authentication =
  | {
      kind: 'identity';
      identity: Identity;
      /** The proxy proved itself with its secret, so its request id can be used. */
      trustedProxy?: boolean;
      /** The provider omitted the groups because there are too many. */
      groupsOverage?: boolean;
      /** A cookie to send with the response. */
      setCookie?: string;
    }
  | { kind: 'refused'; refused: AuthRefusal }
  /** Not signed in; a page request is redirected to `location`. */
  | { kind: 'sign_in'; location: string };

export interface Authenticator {
  /** Also removes secrets, tokens and session cookies from the request. */
  authenticate(request: IncomingMessage): Promise<Authentication>;
  /** Whether the provider itself sends the request, which therefore has no Origin. */
  isProviderRequest?(method: string | undefined, path: string): boolean;
  /** Answers the endpoints of this mode; null for other paths. `path` excludes the base path. */
  handleEndpoint?(request: IncomingMessage, path: string): Promise<AuthResponse | null>;
}

/** The response of an auth endpoint, which the gateway sends. */
export type AuthResponse =
  | { kind: 'redirect'; location: string; cookies: string[] }
  | { kind: 'refused'; refused: AuthRefusal; cookies: string[] }
  /** Rate limit of requests to the provider. `seconds` until the next one is allowed. */
  | { kind: 'wait'; seconds: number; cookies: string[] }
  /** A JSON response for the provider. */
  | { kind: 'provider'; status: 200 | 400 | 405; error?: string; cookies: string[] }
  /** A page with a link to `href`, which it follows by itself if `isAutomatic`. */
  | {
      kind: 'page';
      page: 'sign_out_done' | 'signing_out';
      href: string;
      isAutomatic: boolean;
      cookies: string[];
    }
  /** The page that accepts a start token. `canContinue`: the viewer may be signed in already. */
  | {
      kind: 'start';
      problem: StartProblem | null;
      returnTo: string;
      canContinue: boolean;
      cookies: string[];
    };

/** Why a start token was rejected; message keys `start.<code>`. */
export type StartProblem =
  | { code: 'start_token_wrong' | 'start_token_used' | 'start_token_expired'; status: 403 }
  | { code: 'start_token_too_many'; status: 429; retryAfterSeconds: number };
