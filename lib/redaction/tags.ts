import type { Steps } from '../core/steps';
import { Pacer, type Scan, execFrom } from './scan';

/* `<password>…</password>`. A tag that nothing closes hides the rest of the text, so each closing tag is searched for once. */

/** The attributes end at the next bracket, so no character is read for two tags. */
const TAG = /<([A-Za-z_][A-Za-z0-9_.:-]{0,60})(?:\s[^<>&]{0,200})?>/y;

export function* tags({ text, keys, hide }: Scan): Steps<void> {
  const pacer = new Pacer();
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at)) {
    if (pacer.isDue(at)) yield;
    const [tag = '', name = ''] = execFrom(TAG, text, at) ?? [];
    const from = at + Math.max(1, tag.length);
    at = from;
    if (tag === '' || !keys.isSecret(name)) continue;
    let to = from;
    // CDATA has brackets of its own.
    const closing = text.indexOf(`</${name}`, from);
    to = closing < 0 ? text.length : closing;
    hide(from, to);
    at = to;
  }
}
