/** The fields of a form as a browser without JavaScript sends them, with `values` filled in. */
export function formFields(html: string, values: Record<string, string> = {}): [string, string][] {
  const fields: [string, string][] = [];
  for (const [tag] of html.matchAll(/<(?:input|textarea|select)[^>]*>/gi)) {
    const name = attribute(tag, 'name');
    const isUnchecked = /type="(?:radio|checkbox)"/i.test(tag) && !/\schecked/i.test(tag);
    if (name !== '' && !isUnchecked) fields.push([name, values[name] ?? attribute(tag, 'value')]);
  }
  return fields;
}

const attribute = (tag: string, name: string) =>
  (new RegExp(`\\s${name}="([^"]*)"`, 'i').exec(tag)?.[1] ?? '')
    .replaceAll('&quot;', '"')
    .replaceAll('&#x27;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
