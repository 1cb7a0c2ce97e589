/** Scripts that a page is checked with inside the browser, in the spirit of axe: each gives a list of faults. */

/** Things that stick out of the page to the right, outside boxes that scroll. */
export const STICKING_OUT = `[...document.querySelectorAll('body *')].filter((element) => {
  if (element.closest('.scroll, nav, pre, .u-over, .u-under, .tip, .hidden, .skip')) return false;
  const box = element.getBoundingClientRect();
  return box.width > 0 && box.right > document.documentElement.clientWidth + 1;
}).map((element) => element.tagName + '.' + (element.className.baseVal ?? element.className))`;

/** Text boxes that lie on top of each other. */
export const OVERLAPS = `(() => {
  const found = [];
  const leaves = [...document.querySelectorAll('h1, h2, h3, p, dt, dd, button, summary, a, .y-label, .x-label, .picture text')]
    .filter((element) => !element.closest('.hidden, .skip, nav') && !element.matches('.hidden, .skip') && element.getClientRects().length > 0)
    .map((element) => ({ element, box: element.getBoundingClientRect() }))
    .sort((a, b) => a.box.top - b.box.top);
  for (let i = 0; i < leaves.length; i++) for (let j = i + 1; j < leaves.length; j++) {
    const [a, b] = [leaves[i], leaves[j]];
    if (b.box.top > a.box.bottom) break;
    if (a.element.contains(b.element) || b.element.contains(a.element)) continue;
    const width = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
    const height = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
    if (width > 1 && height > 2.5) found.push(a.element.textContent.slice(0, 40) + ' / ' + b.element.textContent.slice(0, 40));
  }
  return found;
})()`;

/** Names, roles, landmarks, ids, headings, tables, labels: what assistive technology rests on. */
export const ACCESSIBILITY = `(() => {
  const found = [];
  const say = (rule, element) => found.push(rule + ': ' + element.outerHTML.slice(0, 100));
  const nameOf = (element) => (element.getAttribute('aria-label')
    ?? (element.getAttribute('aria-labelledby') ?? '').split(' ').filter(Boolean).map((id) => document.getElementById(id)?.textContent ?? '').join(' '))
    || element.textContent;
  if (document.documentElement.lang === '') found.push('html-has-lang');
  if (document.title.trim() === '') found.push('document-title');
  for (const [selector, rule] of [['main', 'one main'], ['h1', 'one h1'], ['header', 'one banner'], ['footer', 'one contentinfo']])
    if (document.querySelectorAll(selector).length !== 1) found.push(rule);
  for (const element of document.querySelectorAll('button, a, summary, [role=img], [role=group], nav, section'))
    if (nameOf(element).trim() === '') say('has a name', element);
  const landmarks = [...document.querySelectorAll('nav, section, [role=region]')].map((element) => nameOf(element).trim().slice(0, 80));
  for (const name of landmarks.filter((name, i) => landmarks.indexOf(name) !== i)) found.push('landmark-unique: ' + name);
  const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
  for (const id of ids.filter((id, i) => ids.indexOf(id) !== i)) found.push('duplicate-id: ' + id);
  for (const attribute of ['aria-labelledby', 'aria-describedby', 'aria-controls', 'for'])
    for (const element of document.querySelectorAll('[' + attribute + ']'))
      for (const id of element.getAttribute(attribute).split(' ')) if (!document.getElementById(id)) say(attribute + ' points nowhere', element);
  for (const link of document.querySelectorAll('a[href^="#"]')) if (!document.getElementById(link.getAttribute('href').slice(1))) say('skip-link points nowhere', link);
  let level = 0;
  for (const heading of document.querySelectorAll('h1, h2, h3, h4, h5, h6')) {
    const own = Number(heading.tagName[1]);
    if (own > level + 1) say('heading-order', heading);
    if (heading.textContent.trim() === '') say('empty-heading', heading);
    level = own;
  }
  for (const table of document.querySelectorAll('table')) {
    if (table.caption === null || table.caption.textContent.trim() === '') say('table has a caption', table);
    for (const cell of table.querySelectorAll('th')) {
      if (!['col', 'row'].includes(cell.scope)) say('scope', cell);
      if (cell.textContent.trim() === '') say('empty-table-header', cell);
    }
    const columns = table.tHead.rows[0].cells.length;
    for (const row of table.tBodies[0].rows) if (row.cells.length !== columns) say('cells per row', row);
  }
  for (const hidden of document.querySelectorAll('[aria-hidden=true]'))
    if (hidden.matches('a, button, [tabindex="0"]') || hidden.querySelector('a, button, summary, [tabindex="0"]')) say('aria-hidden-focus', hidden);
  for (const element of document.querySelectorAll('[tabindex]')) if (element.tabIndex > 0) say('tabindex', element);
  for (const list of document.querySelectorAll('dl')) for (const child of list.children)
    if (child.tagName !== 'DIV' || child.children[0].tagName !== 'DT' || child.children[1]?.tagName !== 'DD') say('definition-list', child);
  for (const box of document.querySelectorAll('.scroll')) if (box.scrollWidth > box.clientWidth + 1 && box.tabIndex !== 0) say('scrollable-region-focusable', box);
  for (const element of document.querySelectorAll('button, summary')) {
    const { width, height } = element.getBoundingClientRect();
    if (width > 0 && height > 0 && (width < 24 || height < 24) && element.tagName === 'BUTTON') say('target-size', element);
  }
  if (document.querySelector('meta[name=viewport]').content.match(/user-scalable=no|maximum-scale/)) found.push('meta-viewport');
  return found;
})()`;

/** Text whose colour stands out from its ground by less than WCAG AA asks: 4.5, or 3 for large text. */
export const CONTRAST = `(() => {
  const parse = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return { r, g, b, a }; };
  const over = (top, below) => ({ r: top.r * top.a + below.r * (1 - top.a), g: top.g * top.a + below.g * (1 - top.a), b: top.b * top.a + below.b * (1 - top.a), a: 1 });
  const luminance = ({ r, g, b }) => { const [x, y, z] = [r, g, b].map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * x + 0.7152 * y + 0.0722 * z; };
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) { const colour = parse(getComputedStyle(at).backgroundColor); if (colour.a > 0) { layers.push(colour); if (colour.a === 1) break; } }
    return layers.reverse().reduce((below, top) => over(top, below), { r: 255, g: 255, b: 255, a: 1 });
  };
  const faults = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (node.textContent.trim() === '' || element.getClientRects().length === 0 || element.closest('script, .hidden, .skip')) continue;
    const style = getComputedStyle(element);
    const below = ground(element);
    const ink = over(parse(element.closest('svg') ? style.fill : style.color), below);
    const [light, dark] = [luminance(ink), luminance(below)].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if ((light + 0.05) / (dark + 0.05) < (large ? 3 : 4.5) && !element.closest('button:disabled'))
      faults.add(((light + 0.05) / (dark + 0.05)).toFixed(2) + ' ' + element.className + ' ' + node.textContent.trim().slice(0, 40));
  }
  return [...faults];
})()`;
