/*
 * Tokens of known services, by prefix, alphabet and length. `findServiceTokens` in `tokens.ts`
 * reads this table.
 */

export const ALPHABETS = {
  hex: /[0-9a-fA-F]/,
  upper: /[0-9A-Z]/,
  alphanumeric: /[A-Za-z0-9]/,
  word: /[A-Za-z0-9_]/,
  dashed: /[A-Za-z0-9-]/,
  urlSafe: /[A-Za-z0-9_-]/,
  base64: /[A-Za-z0-9+/=]/,
  dotted: /[A-Za-z0-9._-]/,
  signed: /[A-Za-z0-9_=-]/,
  hash: /[A-Za-z0-9./$=,+-]/,
} as const;

export interface TokenShape {
  prefix: string;
  alphabet: keyof typeof ALPHABETS;
  /** The minimum length after the prefix, and the maximum if a longer word is not a token. */
  min: number;
  max?: number;
  /** The prefix may follow any character, because it begins with punctuation. */
  anywhere?: true;
}

const shapes = (
  prefixes: string,
  alphabet: TokenShape['alphabet'],
  min: number,
  options: Partial<TokenShape> = {},
): TokenShape[] => prefixes.split(' ').map((prefix) => ({ prefix, alphabet, min, ...options }));

export const TOKEN_SHAPES: readonly TokenShape[] = [
  // AWS
  ...shapes('AKIA ASIA ABIA ACCA', 'upper', 16, { max: 16 }),
  ...shapes('ABSK', 'base64', 40),
  // GitHub, GitLab, Bitbucket, Atlassian
  ...shapes('ghp_ gho_ ghu_ ghs_ ghr_', 'alphanumeric', 16),
  ...shapes('github_pat_', 'word', 16),
  ...shapes(
    'glpat- gldt- glrt- glrtr- glptt- glcbt- glft- glsoat- glimt- glagent- gloas- glffct-',
    'dotted',
    16,
  ),
  ...shapes('ATBB', 'alphanumeric', 24),
  ...shapes('ATATT3 ATCTT3 ATSTT3', 'signed', 20),
  // Slack, Discord, Telegram (see `tokens.ts`), Twilio, SendGrid, Mailgun, Brevo, Postmark
  ...shapes('xapp- xoxe.xoxp- xoxe.xoxb- xoxe-', 'dashed', 8),
  ...'abcdefghijklmnopqrstuvwxyz'.split('').map((letter): TokenShape => ({
    prefix: `xox${letter}-`,
    alphabet: 'dashed',
    min: 8,
  })),
  ...shapes('mfa.', 'urlSafe', 60),
  ...shapes('SK', 'hex', 32, { max: 32 }),
  ...shapes('SG.', 'dotted', 33),
  ...shapes('key-', 'hex', 32, { max: 32 }),
  ...shapes('xkeysib- xsmtpsib-', 'dashed', 32),
  // Payments
  ...shapes(
    'sk_live_ sk_test_ rk_live_ rk_test_ pk_live_ pk_test_ sk_prod_ rk_prod_',
    'alphanumeric',
    8,
  ),
  ...shapes('whsec_', 'base64', 8),
  ...shapes('sq0atp- sq0csp- sq0idp- sq0ids- sq0acp- sq0asa-', 'urlSafe', 20),
  ...shapes('EAAA', 'urlSafe', 56),
  ...shapes('EAA', 'alphanumeric', 30),
  ...shapes('shpat_ shpca_ shppa_ shpss_ shprt_', 'hex', 32),
  ...shapes('access_token$production$ access_token$sandbox$', 'alphanumeric', 20),
  ...shapes('rzp_live_ rzp_test_ FLWSECK-', 'dashed', 14),
  // Google and Firebase
  ...shapes('AIza', 'urlSafe', 30),
  ...shapes('ya29. GOCSPX-', 'urlSafe', 16),
  ...shapes('1//0', 'urlSafe', 40),
  // AI models
  ...shapes('sk-', 'urlSafe', 20),
  ...shapes('gsk_ hf_ api_org_ r8_ pplx- xai- tgp_v1_', 'urlSafe', 30),
  // Packages and hosts
  ...shapes('npm_', 'alphanumeric', 30),
  ...shapes('pypi-', 'urlSafe', 16),
  ...shapes('rubygems_', 'hex', 40),
  ...shapes('oy2', 'alphanumeric', 43, { max: 43 }),
  ...shapes('dckr_pat_ dckr_oat_', 'urlSafe', 20),
  ...shapes('dop_v1_ doo_v1_ dor_v1_', 'hex', 32),
  ...shapes('HRKU-', 'urlSafe', 30),
  ...shapes('fo1_ fm1_ fm2_', 'base64', 40),
  ...shapes('nfp_ vcp_ vci_ vca_', 'alphanumeric', 24),
  ...shapes('sbp_', 'hex', 40),
  ...shapes('sb_secret_', 'urlSafe', 20),
  ...shapes('pscale_tkn_ pscale_pw_ pscale_oauth_', 'dotted', 30),
  ...shapes('tskey-', 'dashed', 16),
  ...shapes('pul-', 'hex', 40),
  ...shapes('dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.', 'dotted', 30),
  ...shapes('hvs. hvb. hvr.', 'urlSafe', 20),
  ...shapes('AGE-SECRET-KEY-1', 'upper', 50),
  // Data, logs and monitoring
  ...shapes('dapi', 'hex', 32),
  ...shapes('dsapi', 'hex', 32),
  ...shapes('NRAK- NRII- NRIQ- NRRA- NRSP- NRBR- NRAA-', 'urlSafe', 19),
  ...shapes('NRJS-', 'hex', 16),
  ...shapes('glsa_ glc_', 'signed', 30),
  ...shapes('sntrys_ sntryu_', 'signed', 30),
  ...shapes('dt0c01. dt0s01.', 'dotted', 60),
  ...shapes('hcaik_ hcalk_ hcxik_', 'alphanumeric', 40),
  ...shapes('CFPAT-', 'urlSafe', 40),
  // Productivity tools
  ...shapes('PMAK-', 'dashed', 40),
  ...shapes('lin_api_ lin_oauth_ lin_wh_ lin_sso_', 'alphanumeric', 20),
  ...shapes('secret_', 'alphanumeric', 40),
  ...shapes('ntn_', 'alphanumeric', 40),
  ...shapes('figd_ figu_', 'urlSafe', 30),
  ...shapes('shippo_live_ shippo_test_', 'hex', 30),
  ...shapes('pat-na1- pat-eu1-', 'dashed', 36),
  ...shapes('tfp_', 'dotted', 40),
  ...shapes('duffel_live_ duffel_test_', 'signed', 30),
  ...shapes('EZAK EZTK', 'alphanumeric', 54, { max: 54 }),
  ...shapes('PMAT-', 'upper', 26),
  ...shapes('phc_ phx_', 'alphanumeric', 40),
  ...shapes('lsv2_pt_ lsv2_sk_', 'word', 30),
  // Password hashes: bcrypt, argon2, scrypt, PBKDF2, crypt(3), Django, PostgreSQL
  ...shapes('$2a$ $2b$ $2x$ $2y$', 'hash', 19, { anywhere: true }),
  ...shapes('$argon2id$ $argon2i$ $argon2d$', 'hash', 20, { anywhere: true }),
  ...shapes('$scrypt$ $7$ $s0$ $y$ $gy$ $pbkdf2 $1$ $5$ $6$ $apr1$ $sha1$ $P$ $H$', 'hash', 20, {
    anywhere: true,
  }),
  ...shapes('pbkdf2_sha256$ pbkdf2_sha1$ pbkdf2:sha256: scrypt:', 'hash', 20),
  ...shapes('SCRAM-SHA-256$', 'hash', 20),
];
